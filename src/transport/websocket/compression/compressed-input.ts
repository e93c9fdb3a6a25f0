/** Owns the compressed messages that a connection receives: one at a time, and the reading stops while a large one is inflated. */
import { isAscii, isUtf8 } from 'node:buffer';
import type { Octets } from '../../../foundation/index.js';
import { TEXT_NOT_UTF8, type Violation } from '../../../protocol/websocket/index.js';
import type { AgreedCompression } from './compression-options.js';
import { MessageInflater, isInflated, type Inflated } from './message-inflater.js';

/** The connection that the messages belong to. */
export interface CompressedInputOwner {
  inflatedText(text: Buffer, isAscii: boolean): void;
  inflatedBinary(octets: Buffer): void;
  /** The message breaks a rule or a limit. */
  inflateFailed(violation: Violation): void;
  /** A large message begins: nothing may be parsed until `releaseInput`. */
  holdInput(): void;
  /** It has been inflated: `deliver` hands it on, then parsing goes on. */
  releaseInput(deliver: () => void): void;
}

export class CompressedInput {
  readonly #inflater: MessageInflater;
  readonly #owner: CompressedInputOwner;
  readonly #checksUtf8: boolean;
  #isClosed = false;
  /** Octets of the message that is being inflated off the thread, or waits for it. */
  keptBytes = 0;

  constructor(
    agreed: AgreedCompression,
    maxMessageBytes: number,
    owner: CompressedInputOwner,
    checksUtf8: boolean,
  ) {
    this.#inflater = new MessageInflater(agreed.settings, agreed.incoming, maxMessageBytes);
    this.#owner = owner;
    this.#checksUtf8 = checksUtf8;
  }

  /** Takes a message; what is not inflated at once is copied before. */
  take(octets: Octets, start: number, end: number, isText: boolean): void {
    const inflated = this.#inflater.inflateNow(octets, start, end);
    if (inflated !== undefined) {
      this.#tell(inflated, isText);
      return;
    }
    this.#owner.holdInput();
    this.keptBytes = end - start;
    this.#inflater.inflateLater(
      octets,
      start,
      end,
      () => !this.#isClosed,
      (later) => {
        this.keptBytes = 0;
        if (!this.#isClosed) this.#owner.releaseInput(() => this.#tell(later, isText));
      },
    );
  }

  /** Forgets the message that is being inflated: the connection has ended. */
  close(): void {
    this.#isClosed = true;
  }

  #tell(inflated: Inflated, isText: boolean): void {
    if (!isInflated(inflated)) {
      this.#owner.inflateFailed(inflated);
      return;
    }
    if (!isText) {
      this.#owner.inflatedBinary(inflated);
      return;
    }
    const isPlain = isAscii(inflated);
    // RFC 6455 §8.1, which RFC 7692 §6.2 leaves to the message as it was before compression.
    if (isPlain || !this.#checksUtf8 || isUtf8(inflated))
      this.#owner.inflatedText(inflated, isPlain);
    else this.#owner.inflateFailed(TEXT_NOT_UTF8);
  }
}
