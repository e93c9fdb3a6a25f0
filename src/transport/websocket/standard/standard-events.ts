/** Owns the events of the WHATWG standard where Node lacks them or calls them by another name. */
import type { CloseEventInit } from '../events/events.js';
import { makeEnumerable } from '../events/events.js';

class CloseEventOfOlderNode extends Event {
  readonly #code: number;
  readonly #reason: string;
  readonly #wasClean: boolean;

  constructor(type: string, init: CloseEventInit = {}) {
    if (arguments.length === 0) throw new TypeError('1 argument required, but only 0 present');
    super(type, init as object);
    this.#code = init.code ?? 0;
    this.#reason = init.reason ?? '';
    this.#wasClean = init.wasClean ?? false;
  }

  get code(): number {
    return this.#code;
  }

  get reason(): string {
    return this.#reason;
  }

  get wasClean(): boolean {
    return this.#wasClean;
  }

  static {
    makeEnumerable(this.prototype, ['code', 'reason', 'wasClean']);
    nameInterface(this, 'CloseEvent');
  }
}

/** The class of close events, as the WHATWG standard has it. */
export type CloseEventClass = new (
  type: string,
  init?: CloseEventInit,
) => Event & { readonly code: number; readonly reason: string; readonly wasClean: boolean };

/** What a message event is made of here. */
interface StandardMessageInit {
  readonly data: unknown;
  readonly origin: string;
}
type MessageEventClass = new (type: string, init?: StandardMessageInit) => Event;

/** Node's says that it is an Event. */
class NamedMessageEvent extends (MessageEvent as MessageEventClass) {
  static {
    nameInterface(this, 'MessageEvent');
  }
}

/** What StandardWebSocket dispatches as 'close': Node's own CloseEvent where there is one, and its like on Node 20 and 22. */
export const StandardCloseEvent: CloseEventClass =
  (globalThis as { CloseEvent?: CloseEventClass }).CloseEvent ?? CloseEventOfOlderNode;

export const StandardMessageEvent: MessageEventClass =
  Object.prototype.toString.call(new MessageEvent('message')) === '[object MessageEvent]'
    ? MessageEvent
    : NamedMessageEvent;

/** Gives a class the name that a platform object shows. */
export function nameInterface(Class: { readonly prototype: object }, name: string): void {
  const tag = { value: name, configurable: true };
  Object.defineProperty(Class.prototype, Symbol.toStringTag, tag);
  Object.defineProperty(Class, 'name', tag);
}
