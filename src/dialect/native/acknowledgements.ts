/** Owns the words of a native client about what it was sent: which publication each is about, and whether it waits for one. */
import { RequestError } from '../../foundation/index.js';
import type { SettlingFrame } from '../../protocol/native/index.js';
import type { AcknowledgementWindow, Batch, Subscription } from '../../session/index.js';

/** The windows of one session's subscriptions, for those that have one. */
export class Acknowledgements {
  readonly #windows = new WeakMap<Subscription, AcknowledgementWindow>();

  opened(subscription: Subscription, window: AcknowledgementWindow): void {
    this.#windows.set(subscription, window);
  }

  /** To be called with all that is written to the client. */
  delivered(subscription: Subscription, { publications }: Batch): void {
    const window = this.#windows.get(subscription);
    if (window === undefined) return;
    for (const publication of publications) {
      const { destination, epoch, offset } = publication;
      // Without a position no word could be said about it, so it takes no room (semantics K1).
      if (epoch === undefined || offset === undefined) continue;
      window.delivered(idOf(destination, epoch, offset), publication);
    }
  }

  /** Throws `subscription/unknown` or `acknowledgement/unknown`. */
  settle(subscription: Subscription | undefined, frame: SettlingFrame): void {
    if (subscription === undefined) {
      throw new RequestError(
        'subscription/unknown',
        'this session has no subscription of that name',
      );
    }
    const id = idOf(frame.destination, frame.epoch, frame.offset);
    const scope = frame.cumulative ? 'cumulative' : 'one';
    const window = this.#windows.get(subscription);
    const isKnown =
      frame.type === 'acknowledge' ? window?.acknowledged(id, scope) : window?.rejected(id, scope);
    if (isKnown === true) return;
    throw new RequestError(
      'acknowledgement/unknown',
      window === undefined
        ? 'this subscription was not made with "acknowledge":true'
        : 'that publication does not wait for a word: it was settled, or taken back after a time-out',
    );
  }
}

function idOf(destination: string, epoch: string, offset: number): string {
  return `${destination} ${epoch}:${offset}`;
}
