/** Owns the class WebSocket: an endpoint as users of `ws` know it, an event emitter with the face of an EventTarget. */
import { EventEmitter } from 'node:events';
import type { ClientRequest } from 'node:http';
import type { Duplex } from 'node:stream';
import type { URL } from 'node:url';
import { inspect, types, type InspectOptionsStylized } from 'node:util';
import type { Octets } from '../../../foundation/index.js';
import {
  FIN_BIT,
  MAX_CONTROL_PAYLOAD_BYTES,
  OPCODE_BINARY,
  OPCODE_CONTINUATION,
  OPCODE_PING,
  OPCODE_PONG,
  OPCODE_TEXT,
  PERMESSAGE_DEFLATE,
} from '../../../protocol/websocket/index.js';
import { BlobQueue } from '../events/blob-queue.js';
import { openClient } from './client-handshake.js';
import type { ClientOptions } from './client-options.js';
import { checkedClosePayload } from '../limits/close-arguments.js';
import { EmittingHandler, kAccept } from './emitting-handler.js';
import type { Endpoint } from '../socket/endpoint.js';
import { setEventTable } from '../events/event-table.js';
import {
  addHandler,
  removeHandler,
  type EventAttribute,
  type EventHandler,
  type EventType,
  type EventsByType,
  type ListenerOptions,
} from '../events/event-target.js';
import { inspectClass, inspectInstance, inspectPlainly } from './inspection.js';
import { acceptedFrom, type GivenSocketOptions } from './given-socket.js';
import { shapeAsInterface } from '../events/web-interface.js';
import type { SendCallback } from '../socket/frame-sender.js';
import { isBinaryType, type BinaryType } from '../socket/message-data.js';
import { isBlob, octetCount, toOctets, type SendData } from '../socket/payload.js';
import {
  PreparedMessage,
  isBinaryByDefault,
  sendPrepared,
  type PrepareOptions,
} from '../socket/prepared-message.js';
import { sharesData } from '../socket/socket-listeners.js';
import type {
  AcceptedSocket,
  Opening,
  ReadyState,
  SendOptions,
  Sent,
  WebSocketEvents,
} from './web-socket-types.js';

const CONNECTING = 0;
const OPEN = 1;
const CLOSING = 2;
const CLOSED = 3;

const READY_STATES = ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'] as const;
const NOTHING = Buffer.alloc(0);
const NO_OPTIONS: SendOptions = {};

export class WebSocket extends EventEmitter<WebSocketEvents> {
  declare static readonly CONNECTING: 0;
  declare static readonly OPEN: 1;
  declare static readonly CLOSING: 2;
  declare static readonly CLOSED: 3;
  /** The names that `ws` has on its class; the door `tideway/websocket` sets them. */
  declare static readonly WebSocket: typeof WebSocket;
  declare static readonly WebSocketServer: typeof import('./server.js').WebSocketServer;
  declare static readonly Server: typeof import('./server.js').WebSocketServer;
  declare static readonly createWebSocketStream: typeof import('./web-socket-stream.js').createWebSocketStream;
  declare readonly CONNECTING: 0;
  declare readonly OPEN: 1;
  declare readonly CLOSING: 2;
  declare readonly CLOSED: 3;
  /** The handler of 'open' that was set by attribute, or null. */
  declare onopen: EventAttribute<'open'>;
  declare onmessage: EventAttribute<'message'>;
  declare onclose: EventAttribute<'close'>;
  declare onerror: EventAttribute<'error'>;

  /** State, endpoint and events. What the engine calls is there, never on this object, which is the application's. */
  readonly #handler = new EmittingHandler(this);
  #protocol = '';
  /** A client's alone. */
  #opening: Opening | undefined = undefined;
  #isInsideFragments = false;
  /** Octets that were sent when it was too late: they count as buffered for ever, as browsers have it. */
  #unsentBytes = 0;
  /** What waits behind a Blob; there only while one is being read. */
  #blobs: BlobQueue | undefined = undefined;

  /**
   * Opens a connection to `address`: a URL with `ws:`, `wss:`, `http:`, `https:` or `ws+unix:`. Throws a SyntaxError
   * for any other and for subprotocols that are no tokens or not unique, a RangeError for a limit that is no number.
   * With `null` it is the server's end of a connection and is opened by WebSocketServer.
   */
  constructor(
    address: string | URL | null,
    protocols?: string | readonly string[] | ClientOptions,
    options?: ClientOptions,
  ) {
    super();
    setEventTable(this);
    if (address === null) return;
    const opening: Opening = { handshake: undefined, url: '' };
    this.#opening = opening;
    opening.handshake = openClient(address, protocols, options, this, {
      opened: (url) => (opening.url = url),
      failing: () => (this.#handler.readyState = CLOSING),
      agreed: (accepted) => this.#agreed(accepted),
      failed: (error) => this.#handshakeFailed(error),
    });
    // Whoever is called back by it may already close this.
    opening.handshake.start();
  }

  /** A message to be sent to many: encoded once, however many sockets send it. */
  static prepare(data: SendData, options?: PrepareOptions): PreparedMessage {
    return new PreparedMessage(data, options);
  }

  /** Opens what was made with `null` over a stream whose handshake is done, as in `ws`; `head` is what has come already. */
  setSocket(socket: Duplex, head: Buffer, options?: GivenSocketOptions): void {
    const isClient = (this as { readonly _isServer?: unknown })._isServer === false;
    if (isClient) this.#opening ??= { handshake: undefined, url: '' };
    this[kAccept](acceptedFrom(socket, head, isClient, options));
  }

  /** @internal */
  [kAccept](accepted: AcceptedSocket): void {
    this.#protocol = accepted.subprotocol;
    this.#handler.open(accepted);
  }

  get readyState(): ReadyState {
    return this.#handler.readyState;
  }

  /** The URL that was connected to, after redirects the last one; `''` on a server. */
  get url(): string {
    return this.#opening?.url ?? '';
  }

  /** The subprotocol agreed upon, `''` when none. */
  get protocol(): string {
    return this.#protocol;
  }

  /** The extensions agreed upon: `permessage-deflate` or `''`. */
  get extensions(): string {
    return this.#handler.endpoint?.hasCompression === true ? PERMESSAGE_DEFLATE : '';
  }

  /**
   * Octets of messages that were sent and that the kernel has not taken yet. From the end of the tick on the frames'
   * headers count too.
   */
  get bufferedAmount(): number {
    const waitingBytes = this.#blobs?.bufferedBytes ?? 0;
    return this.#unsentBytes + waitingBytes + (this.#handler.endpoint?.bufferedPayloadBytes ?? 0);
  }

  /** Messages that were not sent because `maxOutboundBytes` waited and `onOverflow` is `dropNewest`. */
  get droppedMessageCount(): number {
    return this.#handler.endpoint?.droppedMessageCount ?? 0;
  }

  get isPaused(): boolean {
    return this.#handler.endpoint?.isPaused ?? false;
  }

  /** The socket below, null before it is open. For its addresses and certificate; reading or writing it breaks the connection. */
  get _socket(): Duplex | null {
    const socket = this.#handler.endpoint?.socket ?? null;
    if (socket !== null) sharesData(socket);
    return socket;
  }

  /** The request of the opening handshake while it is under way, otherwise null. */
  get _req(): ClientRequest | null {
    return this.#opening?.handshake?.request ?? null;
  }

  /** How binary messages are handed out: `nodebuffer` (default), `arraybuffer`, `fragments` or `blob`. Anything else changes nothing. */
  get binaryType(): BinaryType {
    return this.#handler.binaryType;
  }

  set binaryType(type: BinaryType) {
    const handler = this.#handler;
    if (!isBinaryType(type)) return;
    handler.binaryType = type;
    if (this.#handler.endpoint !== undefined)
      this.#handler.endpoint.keepsFragmentEnds = type === 'fragments';
  }

  /**
   * Sends a message. It leaves at the end of the tick, or of the read batch when one is being handled. Throws an Error
   * while connecting; later than open, the callback gets one.
   */
  send(data: SendData, callback?: SendCallback): void;
  send(data: SendData, options: SendOptions | undefined, callback?: SendCallback): void;
  send(data: SendData, options?: SendOptions | SendCallback, callback?: SendCallback): void {
    const done = typeof options === 'function' ? options : callback;
    const given = typeof options === 'function' ? NO_OPTIONS : (options ?? NO_OPTIONS);
    const endpoint = this.#writable(data, done);
    if (endpoint === undefined) return;
    const { binary = isBinaryByDefault(data), fin = true } = given;
    // RFC 6455 §5.4: a first frame with an opcode, then continuations, the last one with FIN.
    const opcode = binary ? OPCODE_BINARY : OPCODE_TEXT;
    const firstOctet =
      (this.#isInsideFragments ? OPCODE_CONTINUATION : opcode) | (fin ? FIN_BIT : 0);
    if (!endpoint.admits(firstOctet, done)) {
      this.#isInsideFragments = !fin;
      return;
    }
    const { mask, compress = true } = given;
    const isPlain = this.#blobs === undefined && (mask === undefined || mask === this.#isClient);
    if (isPlain && (typeof data === 'string' || types.isUint8Array(data))) {
      endpoint.sender.message(firstOctet, data, compress, done);
    } else if (isPlain && data instanceof PreparedMessage) {
      const sharesFrame = !this.#isClient && !(compress && endpoint.hasCompression);
      sendPrepared(endpoint.sender, firstOctet, data, sharesFrame, compress, done);
    } else this.#sendOther(endpoint, { firstOctet, data, mask, compress, done });
    this.#isInsideFragments = !fin;
  }

  /** Sends a Ping of up to 125 octets. Throws a RangeError for more, an Error while connecting. */
  ping(
    data?: SendData | SendCallback | null,
    mask?: boolean | SendCallback,
    callback?: SendCallback,
  ): void {
    this.#sendControl(OPCODE_PING, data, mask, callback);
  }

  /** Sends a Pong of up to 125 octets that nobody asked for. Throws a RangeError for more, an Error while connecting. */
  pong(
    data?: SendData | SendCallback | null,
    mask?: boolean | SendCallback,
    callback?: SendCallback,
  ): void {
    this.#sendControl(OPCODE_PONG, data, mask, callback);
  }

  #sendControl(
    opcode: number,
    data: SendData | SendCallback | null | undefined,
    mask: boolean | SendCallback | undefined,
    callback: SendCallback | undefined,
  ): void {
    const done = typeof data === 'function' ? data : typeof mask === 'function' ? mask : callback;
    const payload = typeof data === 'function' ? undefined : (data ?? undefined);
    const endpoint = this.#writable(payload, done);
    if (endpoint === undefined) return;
    // RFC 6455 §5.5: control frames MUST have a payload of 125 octets or less.
    if (octetCount(payload) > MAX_CONTROL_PAYLOAD_BYTES) {
      throw new RangeError('The data size must not be greater than 125 bytes');
    }
    const isMasked = typeof mask === 'boolean' ? mask : undefined;
    const firstOctet = FIN_BIT | opcode;
    this.#sendOther(endpoint, { firstOctet, data: payload, mask: isMasked, compress: false, done });
  }

  /** Sends what is no text and no octets, goes masked against the rule, or has to wait behind a Blob. */
  #sendOther(endpoint: Endpoint, sent: Sent): void {
    const { firstOctet, data, mask = this.#isClient, compress, done } = sent;
    const blob = isBlob(data) ? data : undefined;
    const octets = blob === undefined ? toOctets(data) : NOTHING;
    const send = (payload: Octets): void => {
      if (!endpoint.isOpen) {
        if (done !== undefined) process.nextTick(done, this.#notOpen());
        return;
      }
      const { sender } = endpoint;
      sender.isMasking = mask;
      if ((firstOctet & 0x0f) >= OPCODE_PING) sender.frame(firstOctet, payload, done);
      else sender.message(firstOctet, payload, compress, done);
      sender.isMasking = this.#isClient;
    };
    if (blob === undefined && this.#blobs === undefined) send(octets);
    else {
      this.#blobQueue(endpoint).add({
        byteLength: blob?.size ?? octets.length,
        blob,
        send: (read) => send(read ?? octets),
        failed: (error) => done?.(error),
      });
    }
  }

  #blobQueue(endpoint: Endpoint): BlobQueue {
    this.#blobs ??= new BlobQueue({
      canSend: () => !endpoint.socket.destroyed,
      emptied: () => (this.#blobs = undefined),
      failed: (error) => {
        this.#blobs = undefined;
        if (this.#handler.readyState === CLOSED) return;
        endpoint.end();
        this.#handler.tellFailure(error);
      },
    });
    return this.#blobs;
  }

  /** The endpoint if data can be sent; otherwise says so as `ws` does, and answers undefined. */
  #writable(data: unknown, callback: SendCallback | undefined): Endpoint | undefined {
    // RFC 6455 §6.1, item 1: the connection MUST be OPEN, before and while data is sent.
    if (this.#handler.readyState === OPEN) return this.#handler.endpoint;
    if (this.#handler.readyState === CONNECTING) throw this.#notOpen();
    this.#unsentBytes += octetCount(data);
    if (callback !== undefined) process.nextTick(callback, this.#notOpen());
    return undefined;
  }

  #notOpen(): Error {
    const state = `${this.#handler.readyState} (${READY_STATES[this.#handler.readyState]})`;
    return new Error(`WebSocket is not open: readyState ${state}`);
  }

  /**
   * Starts the closing handshake. Throws a TypeError for a code that must not be sent and a RangeError for a reason
   * of more than 123 octets. While connecting it gives the connection up.
   */
  close(code?: number, reason?: string | Uint8Array): void {
    const endpoint = this.#handler.endpoint;
    if (this.#handler.readyState === CONNECTING) this.#abortHandshake();
    if (this.#handler.readyState !== OPEN || endpoint === undefined) return;
    const payload = checkedClosePayload(code, reason);
    if (this.#blobs === undefined) endpoint.close(payload);
    else {
      // What was sent before goes out before, so the Close frame waits too.
      this.#handler.readyState = CLOSING;
      const close = (): void => endpoint.close(payload);
      this.#blobs.add({ byteLength: payload.length, send: close, failed: () => {} });
    }
  }

  /** Drops the connection without a closing handshake. */
  terminate(): void {
    if (this.#handler.readyState === CLOSED) return;
    if (this.#handler.readyState === CONNECTING) this.#abortHandshake();
    else this.#handler.drop();
  }

  /** Stops reading; nothing more is emitted until `resume`, but what the socket holds is kept. */
  pause(): void {
    if (this.#handler.readyState === OPEN || this.#handler.readyState === CLOSING)
      this.#handler.endpoint?.pause();
  }

  resume(): void {
    if (this.#handler.readyState === OPEN || this.#handler.readyState === CLOSING)
      this.#handler.endpoint?.resume();
  }

  /** Adds a handler as an EventTarget does; a type other than open, message, close and error is ignored. */
  addEventListener<T extends EventType>(
    type: T,
    handler: EventHandler<EventsByType[T]>,
    options?: ListenerOptions | boolean | null,
  ): void {
    addHandler(this, type, handler, options);
  }

  removeEventListener<T extends EventType>(type: T, handler: EventHandler<EventsByType[T]>): void {
    removeHandler(this, type, handler);
  }

  #agreed(accepted: AcceptedSocket): void {
    this.#opening!.handshake = undefined;
    this.#protocol = accepted.subprotocol;
    this.#handler.open(accepted);
  }

  #abortHandshake(): void {
    this.#handler.readyState = CLOSING;
    this.#opening?.handshake?.abort(
      new Error('WebSocket was closed before the connection was established'),
    );
  }

  #handshakeFailed(error: Error): void {
    this.#opening!.handshake = undefined;
    this.#handler.handshakeFailed(error);
  }

  /** Names of the events that have listeners. */
  override eventNames(): (keyof WebSocketEvents)[] {
    return super.eventNames().filter((name) => this.listenerCount(name) > 0);
  }

  get #isClient(): boolean {
    return this.#opening !== undefined;
  }

  /** What `console.log` shows. @internal */
  static [inspect.custom](_depth: number, options: InspectOptionsStylized): string {
    return this === WebSocket
      ? inspectClass(this, EventEmitter, options)
      : inspectPlainly(this, options);
  }

  /** @internal */
  [inspect.custom](depth: number, options: InspectOptionsStylized): string {
    // A prototype, or what inherits from a socket.
    if (!(#handler in this)) return inspectPlainly(this, options);
    const { url, protocol } = this;
    const said = {
      readyState: READY_STATES[this.#handler.readyState],
      ...(url === '' ? {} : { url }),
      ...(protocol === '' ? {} : { protocol }),
    };
    return inspectInstance(this, said, depth, options);
  }

  static {
    shapeAsInterface(this, READY_STATES);
  }
}

/** The types that `ws` has on its class, for code that says `WebSocket.RawData`. */
export declare namespace WebSocket {
  type Data = string | RawData;
  type RawData = import('../socket/payload.js').RawData;
  type ClientOptions = import('./client-options.js').ClientOptions;
  type ServerOptions = import('./server-options.js').ServerOptions;
  type PerMessageDeflateOptions =
    import('../compression/compression-options.js').PerMessageDeflateOptions;
  type Server<T extends WebSocket = WebSocket> = import('./server.js').WebSocketServer<T>;
  type WebSocketServer<T extends WebSocket = WebSocket> = Server<T>;
  type Event = import('../events/events.js').Event;
  type CloseEvent = import('../events/events.js').CloseEvent;
  type ErrorEvent = import('../events/events.js').ErrorEvent;
  type MessageEvent = import('../events/events.js').MessageEvent;
}
