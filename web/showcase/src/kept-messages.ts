/** Owns what a visitor sends while there is no connection: kept in order, sent one at a time when it is back, each at most once. */
import { element } from './elements.js';

export interface KeptOptions<T> {
  /** Begins the ids of the words and of the button that discards: `chat` has `chat-kept` and `chat-discard`. */
  readonly name: string;
  /** The field that it was written in. */
  readonly field: HTMLInputElement;
  readonly maxCount: number;
  /** What one and several are called. */
  readonly nouns: readonly [one: string, several: string];
  /** Until when it is kept. */
  readonly until: string;
  /** Resolves when its outcome is known; false: it was certainly not taken, and may be sent on the next connection. */
  send(value: T): Promise<boolean>;
  /** Shows one that is kept; answers how to hide it. */
  show?(value: T, discard: () => void): () => void;
}

interface Kept<T> {
  readonly value: T;
  /** In the order in which they were written. */
  readonly number: number;
  readonly hide: () => void;
}

/** What the connection is like: there, away for a while, or gone for good. */
export type Reach = 'there' | 'away' | 'gone';

export class KeptMessages<T> {
  readonly #options: KeptOptions<T>;
  readonly #words: HTMLElement;
  readonly #discardButton: HTMLButtonElement;
  readonly #kept: Kept<T>[] = [];
  #lastNumber = 0;
  #reach: Reach = 'away';
  /** Whether there was a connection, or an attempt has failed: until then the page is just loading. */
  #isTold = false;
  #isSending = false;
  #hasNoRoom = false;

  constructor(options: KeptOptions<T>) {
    const { name, field } = options;
    this.#options = options;
    this.#words = element(`${name}-kept`, HTMLElement);
    this.#discardButton = element(`${name}-discard`, HTMLButtonElement);
    this.#discardButton.addEventListener('click', () => {
      for (const { hide } of this.#kept.splice(0)) hide();
      this.#tell();
      field.focus();
    });
    // A reload would lose them: the browser asks first.
    window.addEventListener('beforeunload', (event) => {
      if (this.#kept.length > 0) event.preventDefault();
    });
  }

  /** Sends it, or keeps it while it cannot be sent; `refused` where there is no room for it. */
  take(value: T): 'sent' | 'kept' | 'refused' {
    const number = (this.#lastNumber += 1);
    if (this.#reach === 'there' && this.#kept.length === 0 && !this.#isSending) {
      void this.#send(value, number);
      return 'sent';
    }
    this.#hasNoRoom = this.#kept.length >= this.#options.maxCount || this.#reach === 'gone';
    if (!this.#hasNoRoom) this.#keep(value, number);
    this.#tell();
    return this.#hasNoRoom ? 'refused' : 'kept';
  }

  reachChanged(reach: Reach, isTold: boolean): void {
    this.#reach = reach;
    this.#isTold ||= isTold;
    this.#tell();
    void this.#sendKept();
  }

  #keep(value: T, number: number): void {
    const discard = (): void => {
      const index = this.#kept.findIndex((kept) => kept.number === number);
      if (index >= 0) this.#kept.splice(index, 1)[0]?.hide();
      this.#tell();
      this.#options.field.focus();
    };
    const hide = this.#options.show?.(value, discard) ?? (() => {});
    const later = this.#kept.findIndex((kept) => kept.number > number);
    this.#kept.splice(later < 0 ? this.#kept.length : later, 0, { value, number, hide });
  }

  async #send(value: T, number: number): Promise<void> {
    if (await this.#options.send(value)) return;
    this.#reach = 'away';
    this.#keep(value, number);
    this.#tell();
  }

  /** One at a time: a cut leaves one of which nobody knows whether it arrived, and the others are kept still. */
  async #sendKept(): Promise<void> {
    if (this.#isSending) return;
    this.#isSending = true;
    while (this.#reach === 'there') {
      const next = this.#kept.shift();
      if (next === undefined) break;
      next.hide();
      this.#tell();
      await this.#send(next.value, next.number);
    }
    this.#isSending = false;
    this.#tell();
  }

  #tell(): void {
    const count = this.#kept.length;
    if (count < this.#options.maxCount && this.#reach !== 'gone') this.#hasNoRoom = false;
    this.#discardButton.hidden = count === 0;
    this.#discardButton.textContent = count > 1 ? 'Discard all' : 'Discard';
    const words = this.#currentWords(count);
    // Written only when it differs: a screen reader would read it again.
    if (this.#words.textContent !== words) this.#words.textContent = words;
  }

  #currentWords(count: number): string {
    const { maxCount, nouns, until } = this.#options;
    const counted = `${count} ${nouns[count === 1 ? 0 : 1]}`;
    if (this.#reach === 'gone') {
      return count === 0 && !this.#hasNoRoom
        ? ''
        : 'Not sent: the connection has ended. Copy what you need, then reload the page.';
    }
    if (this.#hasNoRoom) return `${counted} kept, and no room for more: this one was not taken.`;
    if (count > 0 && this.#reach === 'there') return `Sending what was kept: ${counted} left.`;
    if (count > 0) {
      return `${counted} kept (at most ${maxCount}); sent ${until}.`;
    }
    return this.#reach === 'away' && this.#isTold
      ? `No connection. What you send now is kept, and sent ${until}.`
      : '';
  }
}
