/** Owns appends that have to wait for their turn: behind others to the same destination, or until its readers were told. */
import {
  RequestError,
  Ring,
  SERVER_OWNER,
  type Metrics,
  type TurnBudget,
} from '../foundation/index.js';
import type { Message } from '../message/index.js';
import type { RetainedTally } from './retained-tally.js';
import type { Appended, AppendOptions, StreamStore } from './stream-store.js';

/**
 * Appends of the server's own that may wait for one destination; one more is refused with `stream/unavailable`. Those of a session
 * have their bound there: it is not read while it has so much under way (semantics B4), and loses nothing.
 */
export const MAX_WAITING_APPEND_COUNT = 16_384;
/** Octets of those, bookkeeping included. */
export const MAX_WAITING_APPEND_BYTES = 16_777_216;
/** The promise, the options and the place in the line. */
const APPEND_OVERHEAD_BYTES = 400;

interface WaitingAppend {
  readonly message: Message;
  readonly options: AppendOptions;
  readonly resolve: (appended: Appended | Promise<Appended>) => void;
  readonly reject: (error: unknown) => void;
}

interface Line {
  readonly waiting: Ring<WaitingAppend>;
  waitingBytes: number;
  /** Of them, what nobody but this line bounds. */
  ofServerCount: number;
  ofServerBytes: number;
  /** An append to a store that does not keep the order of calls: the next begins when it has settled. */
  isAppending: boolean;
}

/** One line for each destination that has need of it. Order is that of the calls (semantics O1). */
export class PublishLines {
  readonly #store: StreamStore;
  readonly #metrics: Metrics;
  readonly #turns: TurnBudget;
  readonly #tally: RetainedTally;
  readonly #mustWait: (destination: string) => boolean;
  readonly #lines = new Map<string, Line>();
  readonly #appendsInOrder: boolean;

  /** `mustWait` says whether the readers of a stream have to be told before it may have more. */
  constructor(
    store: StreamStore,
    metrics: Metrics,
    turns: TurnBudget,
    tally: RetainedTally,
    mustWait: (destination: string) => boolean,
  ) {
    this.#store = store;
    this.#metrics = metrics;
    this.#turns = turns;
    this.#tally = tally;
    this.#mustWait = mustWait;
    this.#appendsInOrder = store.appendsInOrder === true;
  }

  /** Lines that there are. */
  get count(): number {
    return this.#lines.size;
  }

  append(destination: string, message: Message, options: AppendOptions): Promise<Appended> {
    const line = this.#lines.size === 0 ? undefined : this.#lines.get(destination);
    if (line !== undefined) return this.#wait(line, message, options);
    if (this.#mustWait(destination)) return this.#wait(this.#open(destination), message, options);
    if (this.#appendsInOrder) return this.#append(destination, message, options);
    return this.#appendAlone(destination, this.#open(destination), message, options);
  }

  /** Goes on with what waits for a destination, as far as it may. */
  drain(destination: string): void {
    const line = this.#lines.get(destination);
    if (line === undefined) return;
    while (!line.isAppending && line.waiting.size > 0 && !this.#mustWait(destination)) {
      const next = line.waiting.shift()!;
      const { message, options } = next;
      this.#count(line, options, -1, -bytesOf(message));
      next.resolve(
        this.#appendsInOrder
          ? this.#append(destination, message, options)
          : this.#appendAlone(destination, line, message, options),
      );
      if (!this.#turns.spend()) {
        this.#turns.later(() => this.drain(destination), 'prompt');
        return;
      }
    }
    if (!line.isAppending && line.waiting.size === 0) this.#lines.delete(destination);
  }

  /** What waits is refused. */
  close(): void {
    for (const line of this.#lines.values()) {
      for (let next = line.waiting.shift(); next !== undefined; next = line.waiting.shift()) {
        next.reject(
          new RequestError('stream/unavailable', 'the streams of this server are closed'),
        );
      }
      this.#tally.totalBytes -= line.waitingBytes;
    }
    this.#lines.clear();
  }

  #open(destination: string): Line {
    const line: Line = {
      waiting: new Ring(),
      waitingBytes: 0,
      ofServerCount: 0,
      ofServerBytes: 0,
      isAppending: false,
    };
    this.#lines.set(destination, line);
    return line;
  }

  #wait(line: Line, message: Message, options: AppendOptions): Promise<Appended> {
    const bytes = bytesOf(message);
    const { ofServerCount, ofServerBytes } = line;
    const isFull =
      ofServerCount >= MAX_WAITING_APPEND_COUNT ||
      (ofServerCount > 0 && ofServerBytes + bytes > MAX_WAITING_APPEND_BYTES);
    if (isFull && isOfServer(options)) {
      this.#metrics.count('limit_reached', { limit: 'maxWaitingAppends' });
      const error = new RequestError(
        'stream/unavailable',
        'too much waits to be published to this destination; try again',
      );
      return Promise.reject(error);
    }
    this.#count(line, options, 1, bytes);
    return new Promise((resolve, reject) => {
      line.waiting.push({ message, options, resolve, reject });
    });
  }

  /** A store that throws at once harms this append alone. */
  #append(destination: string, message: Message, options: AppendOptions): Promise<Appended> {
    try {
      return this.#store.append(destination, message, options);
    } catch (error) {
      // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- it is the store's, whatever it is
      return Promise.reject(error);
    }
  }

  #appendAlone(
    destination: string,
    line: Line,
    message: Message,
    options: AppendOptions,
  ): Promise<Appended> {
    line.isAppending = true;
    const appending = this.#append(destination, message, options);
    const settled = (): void => {
      line.isAppending = false;
      if (this.#lines.get(destination) === line) this.drain(destination);
    };
    appending.then(settled, settled);
    return appending;
  }

  #count(line: Line, options: AppendOptions, count: 1 | -1, bytes: number): void {
    line.waitingBytes += bytes;
    this.#tally.totalBytes += bytes;
    if (!isOfServer(options)) return;
    line.ofServerCount += count;
    line.ofServerBytes += bytes;
  }
}

/** Its program, its HTTP API, and what handlers send: nobody makes these wait. */
function isOfServer({ owner }: AppendOptions): boolean {
  return owner === undefined || owner.id === SERVER_OWNER.id;
}

function bytesOf(message: Message): number {
  let characters = 0;
  for (const [name, value] of message.headers) characters += name.length + value.length + 16;
  return message.body.length + 2 * characters + APPEND_OVERHEAD_BYTES;
}
