/** Owns the event objects that listeners of the EventTarget face are given, with the shapes that users of `ws` know. */
import type { RawData } from '../socket/payload.js';

/** How an event of each kind is filled. */
export interface CloseEventInit {
  readonly code?: number | undefined;
  readonly reason?: string | undefined;
  readonly wasClean?: boolean | undefined;
}
export interface ErrorEventInit {
  readonly error?: unknown;
  readonly message?: string | undefined;
}
export interface MessageEventInit {
  readonly data?: unknown;
}

/** What every listener is given. `target` is the WebSocket that it came from, null until it is told. */
export class Event {
  readonly #type: string;
  #target: unknown = null;

  constructor(type: string) {
    this.#type = type;
  }

  get type(): string {
    return this.#type;
  }

  get target(): unknown {
    return this.#target;
  }

  /** Nothing stands above a connection, so nothing bubbles. */
  get bubbles(): boolean {
    return false;
  }

  get cancelable(): boolean {
    return false;
  }

  get [Symbol.toStringTag](): string {
    return 'Event';
  }

  /** The event with its target. @internal */
  static from<E extends Event>(event: E, target: unknown): E {
    event.#target = target;
    return event;
  }
}

/** The connection has ended; `reason` is text, and `wasClean` says that both ends sent a Close frame. */
export class CloseEvent extends Event {
  readonly #init: CloseEventInit;

  constructor(type: string, init: CloseEventInit = {}) {
    super(type);
    this.#init = init;
  }

  get code(): number {
    return this.#init.code ?? 0;
  }

  get reason(): string {
    return this.#init.reason ?? '';
  }

  get wasClean(): boolean {
    return this.#init.wasClean ?? false;
  }

  override get [Symbol.toStringTag](): string {
    return 'CloseEvent';
  }
}

/** Something failed; the connection is closing because of it. */
export class ErrorEvent extends Event {
  readonly #init: ErrorEventInit;

  constructor(type: string, init: ErrorEventInit = {}) {
    super(type);
    this.#init = init;
  }

  get error(): unknown {
    return this.#init.error ?? null;
  }

  get message(): string {
    return this.#init.message ?? '';
  }
}

/** A message: text as a string, anything else as `binaryType` says. */
export class MessageEvent extends Event {
  readonly #data: unknown;

  constructor(type: string, init: MessageEventInit = {}) {
    super(type);
    this.#data = init.data ?? null;
  }

  get data(): string | RawData {
    return this.#data as string | RawData;
  }

  override get [Symbol.toStringTag](): string {
    return 'MessageEvent';
  }
}

// Attributes of platform objects are enumerable, and some applications copy events by their keys.
makeEnumerable(Event.prototype, ['type', 'target', 'bubbles', 'cancelable']);
makeEnumerable(CloseEvent.prototype, ['code', 'reason', 'wasClean']);
makeEnumerable(ErrorEvent.prototype, ['error', 'message']);
makeEnumerable(MessageEvent.prototype, ['data']);

/** Both halves of an attribute that may be set. */
interface Accessor<T> {
  get(this: T): unknown;
  set(this: T, value: unknown): void;
}

/** Defines an attribute as WebIDL has it: enumerable, its functions called `get name` and `set name`. */
export function defineAccessor<T extends object>(
  prototype: T,
  name: string,
  accessor: Accessor<T>,
): void {
  for (const half of ['get', 'set'] as const) {
    Object.defineProperty(accessor[half], 'name', { value: `${half} ${name}`, configurable: true });
  }
  Object.defineProperty(prototype, name, { ...accessor, enumerable: true, configurable: true });
}

/** Makes accessors of a class enumerable, as attributes of a web interface are. */
export function makeEnumerable(prototype: object, names: readonly string[]): void {
  for (const name of names) Object.defineProperty(prototype, name, { enumerable: true });
}
