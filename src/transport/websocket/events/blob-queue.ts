/** Owns the order of what is sent while a Blob is being read: nothing overtakes it. */
import type { Octets } from '../../../foundation/index.js';

/** Something to send, in its turn. */
export interface QueuedSend {
  readonly byteLength: number;
  /** To be read before its turn. */
  readonly blob?: Blob | undefined;
  /** Sends it; `octets` are those of the Blob, if there is one. */
  send(octets: Octets | undefined): void;
  /** It cannot be sent any more. */
  failed(error: Error): void;
}

/** Whom a queue tells. */
export interface BlobQueueOwner {
  /** Whether the socket still takes something. */
  canSend(): boolean;
  /** Nothing waits any more. */
  emptied(): void;
  /** A Blob could not be read; all that waited has been told. */
  failed(error: Error): void;
}

/** Made for the first Blob and forgotten when it is empty, so that plain sends know nothing of it. */
export class BlobQueue {
  readonly #owner: BlobQueueOwner;
  #waiting: QueuedSend[] = [];
  /** Octets that wait. */
  bufferedBytes = 0;

  constructor(owner: BlobQueueOwner) {
    this.#owner = owner;
  }

  add(queued: QueuedSend): void {
    this.bufferedBytes += queued.byteLength;
    if (this.#waiting.push(queued) === 1) this.#goOn();
  }

  #goOn(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (next.blob !== undefined) {
        this.#read(next.blob);
        return;
      }
      this.#take().send(undefined);
    }
    this.#owner.emptied();
  }

  #take(): QueuedSend {
    const queued = this.#waiting.shift()!;
    this.bufferedBytes -= queued.byteLength;
    return queued;
  }

  #read(blob: Blob): void {
    blob.arrayBuffer().then(
      // In a tick of its own, so that what a callback throws is no rejection of the Blob's promise.
      (buffer) => process.nextTick(() => this.#arrived(new Uint8Array(buffer))),
      (error: Error) => process.nextTick(() => this.#failed(error)),
    );
  }

  #arrived(octets: Uint8Array): void {
    if (!this.#owner.canSend()) {
      this.#tellAll(new Error('The socket was closed while the blob was being read'));
      this.#owner.emptied();
      return;
    }
    this.#take().send(octets);
    this.#goOn();
  }

  #failed(error: Error): void {
    this.#tellAll(error);
    this.#owner.failed(error);
  }

  #tellAll(error: Error): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.bufferedBytes = 0;
    for (const queued of waiting) queued.failed(error);
  }
}
