/** Owns the client class as the WHATWG standard has it to the letter: an EventTarget over the class that users of `ws` know. */
import { types } from 'node:util';
import type { ClientOptions } from '../ws/client-options.js';
import { EVENT_TYPES, type EventType } from '../events/event-target.js';
import { defineAccessor, makeEnumerable } from '../events/events.js';
import { isBlob } from '../socket/payload.js';
import { StandardCloseEvent, StandardMessageEvent, nameInterface } from './standard-events.js';
import type { ReadyState } from '../ws/web-socket-types.js';
import { WebSocket } from '../ws/web-socket.js';

const CONNECTING = 0;
const STATES = ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'] as const;

const CLOSE_NORMAL = 1000;
const MAX_REASON_BYTES = 123;
const MAX_UNSIGNED_SHORT = 0xffff;

/** A function, or an object, which is kept and never called (HTML, "EventHandler"). */
type Handler = ((event: Event) => unknown) | null;

/** A handler set by attribute keeps its place among the listeners when it is replaced. */
interface HandlerSlot {
  handler: Handler;
  readonly listener: (event: Event) => void;
}

/**
 * `WebSocket` of the WHATWG standard, for code that is written for browsers: it throws DOMExceptions, dispatches
 * events in tasks of their own and takes close codes 1000 and 3000 to 4999. Relative URLs need a `location`.
 */
export class StandardWebSocket extends EventTarget {
  declare static readonly CONNECTING: 0;
  declare static readonly OPEN: 1;
  declare static readonly CLOSING: 2;
  declare static readonly CLOSED: 3;
  declare readonly CONNECTING: 0;
  declare readonly OPEN: 1;
  declare readonly CLOSING: 2;
  declare readonly CLOSED: 3;
  declare onopen: Handler;
  declare onmessage: Handler;
  declare onclose: Handler;
  declare onerror: Handler;

  readonly #socket: WebSocket;
  #binaryType: 'blob' | 'arraybuffer' = 'blob';
  #hasClosed = false;
  readonly #slots: Map<EventType, HandlerSlot> = new Map();

  /**
   * Opens a connection to `url`: `ws:`, `wss:`, `http:` or `https:`. Throws a DOMException "SyntaxError" for a URL or
   * subprotocols that cannot be used. `options` is beyond the standard: headers, limits and the like.
   */
  constructor(
    url: string | URL,
    protocols: string | readonly string[] = [],
    options: Omit<ClientOptions, 'protocols'> = {},
  ) {
    if (arguments.length === 0) {
      throw new TypeError(
        "Failed to construct 'WebSocket': 1 argument required, but only 0 present",
      );
    }
    super();
    const names = isIterable(protocols) ? Array.from(protocols, String) : [String(protocols)];
    const given = typeof options === 'object' ? options : {};
    try {
      // Each event is a task of its own (WebSockets, "when a message has been received").
      const settings = { allowSynchronousEvents: false, ...given };
      this.#socket = new WebSocket(absolute(url), names, settings);
    } catch (error) {
      if (error instanceof SyntaxError) throw new DOMException(error.message, 'SyntaxError');
      throw error;
    }
    this.#socket.binaryType = this.#binaryType;
    this.#listen(this.#socket);
  }

  get url(): string {
    return this.#socket.url;
  }

  get readyState(): ReadyState {
    return this.#socket.readyState;
  }

  get bufferedAmount(): number {
    return this.#socket.bufferedAmount;
  }

  get extensions(): string {
    return this.#socket.extensions;
  }

  get protocol(): string {
    return this.#socket.protocol;
  }

  /** `blob` (default) or `arraybuffer`; anything else changes nothing. */
  get binaryType(): 'blob' | 'arraybuffer' {
    return this.#binaryType;
  }

  set binaryType(type: 'blob' | 'arraybuffer') {
    // WebIDL: whose attribute it is comes before what it is set to.
    const socket = this.#socket;
    if (type !== 'blob' && type !== 'arraybuffer') return;
    this.#binaryType = type;
    socket.binaryType = type;
  }

  /** Sends a message; throws a DOMException "InvalidStateError" while connecting. Anything but octets goes as text. */
  send(data: string | ArrayBufferLike | ArrayBufferView | Blob): void {
    const socket = this.#socket;
    if (arguments.length === 0) throw new TypeError('1 argument required, but only 0 present');
    const isBinary = isBlob(data) || types.isArrayBuffer(data) || ArrayBuffer.isView(data);
    const message = isBinary ? copyIfLent(data) : wellFormed(data);
    if (socket.readyState === CONNECTING) {
      throw new DOMException('Still in CONNECTING state', 'InvalidStateError');
    }
    socket.send(message);
  }

  /**
   * Starts the closing handshake. Throws a DOMException: "InvalidAccessError" for a code other than 1000 and 3000 to
   * 4999, "SyntaxError" for a reason of more than 123 octets.
   */
  close(...given: [code?: number | undefined, reason?: string | undefined]): void {
    const [code, reason] = given;
    const socket = this.#socket;
    const checked = code === undefined ? undefined : clamp(code);
    const text = reason === undefined ? '' : wellFormed(reason);
    if (checked !== undefined && checked !== CLOSE_NORMAL && (checked < 3000 || checked > 4999)) {
      throw new DOMException(`${checked} is neither 1000 nor 3000 to 4999`, 'InvalidAccessError');
    }
    if (Buffer.byteLength(text) > MAX_REASON_BYTES) {
      throw new DOMException('The reason is longer than 123 octets', 'SyntaxError');
    }
    this.#hasClosed = true;
    // A reason alone goes out with the code that means nothing special.
    const isBare = checked === undefined && text === '';
    if (isBare) socket.close();
    else socket.close(checked ?? CLOSE_NORMAL, text);
  }

  #listen(socket: WebSocket): void {
    const { origin } = new URL(socket.url);
    // `super`, because an application's class may have methods of these names.
    socket.on('open', () => super.dispatchEvent(new Event('open')));
    socket.on('message', (data, isBinary) => {
      // "If ready state is not OPEN, then return."
      if (this.#hasClosed) return;
      const content = isBinary ? data : (data as Buffer).toString();
      super.dispatchEvent(new StandardMessageEvent('message', { data: content, origin }));
    });
    let failure: Error | undefined;
    socket.on('error', (error) => (failure = error));
    socket.on('close', (code, reason) => {
      // "Change the ready state to CLOSED; if the connection was failed, fire an event named error; fire close."
      if (failure !== undefined) {
        // The standard tells no more than that; here nobody has to be kept in the dark.
        const event = new Event('error');
        super.dispatchEvent(Object.defineProperty(event, 'error', { value: failure }));
      }
      const init = { code, reason: reason.toString(), wasClean: code !== 1006 };
      super.dispatchEvent(new StandardCloseEvent('close', init));
    });
  }

  #setHandler(type: EventType, value: unknown): void {
    const isObject = typeof value === 'function' || (typeof value === 'object' && value !== null);
    const slot = this.#slots.get(type);
    if (!isObject) {
      if (slot !== undefined) super.removeEventListener(type, slot.listener);
      this.#slots.delete(type);
    } else if (slot !== undefined) slot.handler = value as Handler;
    else this.#addSlot(type, value as Handler);
  }

  #addSlot(type: EventType, handler: Handler): void {
    const slot: HandlerSlot = {
      handler,
      listener: (event) => {
        if (typeof slot.handler !== 'function') return;
        // HTML, "the event handler processing algorithm": false cancels.
        if (slot.handler.call(this, event) === false) event.preventDefault();
      },
    };
    this.#slots.set(type, slot);
    super.addEventListener(type, slot.listener);
  }

  static {
    for (const [value, name] of STATES.entries()) {
      Object.defineProperty(this, name, { value, enumerable: true });
      Object.defineProperty(this.prototype, name, { value, enumerable: true });
    }
    for (const type of EVENT_TYPES) {
      defineAccessor(this.prototype as StandardWebSocket, `on${type}`, {
        get(this: StandardWebSocket): Handler {
          return this.#slots.get(type)?.handler ?? null;
        },
        set(this: StandardWebSocket, value: unknown) {
          this.#setHandler(type, value);
        },
      });
    }
    makeEnumerable(this.prototype, ['url', 'readyState', 'bufferedAmount', 'extensions']);
    makeEnumerable(this.prototype, ['protocol', 'binaryType', 'send', 'close']);
    nameInterface(this, 'WebSocket');
  }
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value;
}

/** Relative to the page, where there is one. */
function absolute(url: string | URL): string {
  const text = wellFormed(url);
  const { location } = globalThis as { location?: { href?: unknown } };
  if (typeof location?.href !== 'string' || !URL.canParse(text, location.href)) return text;
  return new URL(text, location.href).href;
}

/** What is sent must not change when the application writes to it afterwards. */
function copyIfLent(data: Blob | ArrayBuffer | ArrayBufferView): Blob | Uint8Array {
  if (isBlob(data)) return data;
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice()
    : new Uint8Array(data).slice();
}

/** WebIDL, USVString: a surrogate without its other half becomes U+FFFD. */
function wellFormed(value: unknown): string {
  return String(value).replaceAll(/\p{Surrogate}/gu, '\uFFFD');
}

/** WebIDL, [Clamp] unsigned short: NaN is 0, and halves go to the even neighbour. */
function clamp(value: unknown): number {
  const number = Math.min(Math.max(Number(value), 0), MAX_UNSIGNED_SHORT);
  if (Number.isNaN(number)) return 0;
  const floor = Math.floor(number);
  const isHalf = number - floor === 0.5;
  return isHalf ? floor + (floor % 2) : Math.round(number);
}
