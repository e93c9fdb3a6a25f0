/** Owns the class WebSocket: an endpoint as users of `ws` know it, an event emitter with the face of an EventTarget. */
import { EventEmitter } from 'node:events';
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { URL } from 'node:url';
import {
  CLOSE_ABNORMAL,
  FIN_BIT,
  OPCODE_BINARY,
  OPCODE_CONTINUATION,
  OPCODE_PING,
  OPCODE_PONG,
  OPCODE_TEXT,
  PERMESSAGE_DEFLATE,
  MAX_CONTROL_PAYLOAD_BYTES,
  isCloseCodeOnWire,
} from '../../protocol/websocket/index.js';
import { openClient, type ClientHandshake, type ClientOptions } from './client-handshake.js';
import { Endpoint, closePayload, type EndpointHandler } from './endpoint.js';
import type { AgreedCompression } from './compression-options.js';
import type { EngineLoop } from './engine-loop.js';
import type { WebSocketError } from './errors.js';
import {
  EventFace,
  type EventAttribute,
  type EventHandler,
  type EventType,
  type EventsByType,
  type ListenerOptions,
} from './event-target.js';
import type { SendCallback } from './frame-sender.js';
import type { ConnectionLimits } from './limits.js';
import { messageData, type BinaryType } from './message-data.js';
import { toOctets, type RawData, type SendData } from './payload.js';

export type ReadyState = 0 | 1 | 2 | 3;
const READY_STATES = ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'] as const;

const CONNECTING = 0;
const OPEN = 1;
const CLOSING = 2;
const CLOSED = 3;

const NOTHING = Buffer.alloc(0);

export interface SendOptions {
  /** Whether it goes as binary or as text; by default strings are text and all else is binary. */
  readonly binary?: boolean | undefined;
  /** Whether it ends the message; false sends a fragment, and the next send continues it. Default true. */
  readonly fin?: boolean | undefined;
  /** Whether it may be compressed, where permessage-deflate was agreed. Default true. */
  readonly compress?: boolean | undefined;
  /** Accepted; a client always masks and a server never does (RFC 6455 §5.1). */
  readonly mask?: boolean | undefined;
}

export interface WebSocketEvents {
  open: [];
  message: [data: RawData, isBinary: boolean];
  close: [code: number, reason: Buffer];
  error: [error: Error];
  ping: [data: Buffer];
  pong: [data: Buffer];
  upgrade: [response: IncomingMessage];
  'unexpected-response': [request: ClientRequest, response: IncomingMessage];
}

/** What a server gives to the socket of a connection that it accepted. @internal */
export interface AcceptedSocket {
  readonly socket: Duplex;
  readonly head: Buffer;
  readonly loop: EngineLoop;
  readonly limits: ConnectionLimits;
  readonly subprotocol: string;
  readonly autoPong: boolean;
  /** What permessage-deflate agreed upon, if it did. */
  readonly compression?: AgreedCompression | undefined;
  /** Told when the connection has closed, before any listener. */
  readonly closed?: ((client: WebSocket) => void) | undefined;
}

export class WebSocket extends EventEmitter<WebSocketEvents> implements EndpointHandler {
  static readonly CONNECTING = CONNECTING;
  static readonly OPEN = OPEN;
  static readonly CLOSING = CLOSING;
  static readonly CLOSED = CLOSED;
  readonly CONNECTING = CONNECTING;
  readonly OPEN = OPEN;
  readonly CLOSING = CLOSING;
  readonly CLOSED = CLOSED;

  #readyState: ReadyState = CONNECTING;
  #endpoint: Endpoint | undefined = undefined;
  #handshake: ClientHandshake | undefined = undefined;
  #face: EventFace | undefined = undefined;
  #binaryType: BinaryType = 'nodebuffer';
  #whenClosed: AcceptedSocket['closed'] = undefined;
  #url = '';
  #protocol = '';
  #extensions = '';
  #isInsideFragments = false;
  /** Octets that were sent when it was too late: they count as buffered for ever, as browsers have it. */
  #unsentBytes = 0;

  /**
   * Opens a connection to `address`, a URL with `ws:`, `wss:`, `http:` or `https:`. Throws a SyntaxError for any other.
   * With `null` it is the server's end of a connection and is opened by WebSocketServer.
   */
  constructor(
    address: string | URL | null,
    protocols?: string | readonly string[] | ClientOptions,
    options?: ClientOptions,
  ) {
    super();
    if (address === null) return;
    this.#handshake = openClient(address, protocols, options, this, {
      opened: (url) => (this.#url = url),
      agreed: (accepted) => this.#agreed(accepted),
      failed: (error) => this.#handshakeFailed(error),
    });
  }

  /** @internal */
  acceptSocket(accepted: AcceptedSocket): void {
    this.#attach('server', accepted);
  }

  get readyState(): ReadyState {
    return this.#readyState;
  }

  /** The URL that was connected to, `''` on a server. */
  get url(): string {
    return this.#url;
  }

  /** The subprotocol agreed upon, `''` when none. */
  get protocol(): string {
    return this.#protocol;
  }

  /** The extensions agreed upon: `permessage-deflate` or `''`. */
  get extensions(): string {
    return this.#extensions;
  }

  /** Octets that were sent and that the kernel has not taken yet. */
  get bufferedAmount(): number {
    return this.#unsentBytes + (this.#endpoint?.bufferedBytes ?? 0);
  }

  /** Messages that were not sent because `maxOutboundBytes` waited and `onOverflow` is `dropNewest`. */
  get droppedMessageCount(): number {
    return this.#endpoint?.droppedMessageCount ?? 0;
  }

  get isPaused(): boolean {
    return this.#endpoint?.isPaused ?? false;
  }

  /** How binary messages are handed out: `nodebuffer` (default), `arraybuffer` or `fragments`. */
  get binaryType(): BinaryType {
    return this.#binaryType;
  }

  set binaryType(type: BinaryType) {
    if (type === 'nodebuffer' || type === 'arraybuffer' || type === 'fragments') {
      this.#binaryType = type;
    }
  }

  /** Sends a message. It leaves at the end of the tick, or of the read batch when one is being handled. */
  send(data: SendData, options?: SendOptions | SendCallback, callback?: SendCallback): void {
    const done = typeof options === 'function' ? options : callback;
    const {
      binary = typeof data !== 'string' && typeof data !== 'number',
      fin = true,
      compress = true,
    } = typeof options === 'function' || options === undefined ? {} : options;
    const endpoint = this.#writable(data, done);
    if (endpoint === undefined) return;
    const opcode = this.#isInsideFragments
      ? OPCODE_CONTINUATION
      : binary
        ? OPCODE_BINARY
        : OPCODE_TEXT;
    const firstOctet = opcode | (fin ? FIN_BIT : 0);
    if (!endpoint.admits(firstOctet, done)) {
      this.#isInsideFragments = !fin;
      return;
    }
    const payload = typeof data === 'string' ? data : toOctets(data);
    endpoint.sender.message(firstOctet, payload, compress, done);
    // RFC 6455 §5.4: a first frame with an opcode, then continuations, the last one with FIN.
    this.#isInsideFragments = !fin;
  }

  /** Sends a Ping of up to 125 octets. Throws a RangeError for more. */
  ping(
    data?: SendData | SendCallback,
    mask?: boolean | SendCallback,
    callback?: SendCallback,
  ): void {
    this.#sendControl(OPCODE_PING, data, mask, callback);
  }

  /** Sends a Pong of up to 125 octets that nobody asked for. Throws a RangeError for more. */
  pong(
    data?: SendData | SendCallback,
    mask?: boolean | SendCallback,
    callback?: SendCallback,
  ): void {
    this.#sendControl(OPCODE_PONG, data, mask, callback);
  }

  #sendControl(
    opcode: number,
    data: SendData | SendCallback | undefined,
    mask: boolean | SendCallback | undefined,
    callback: SendCallback | undefined,
  ): void {
    const done = typeof data === 'function' ? data : typeof mask === 'function' ? mask : callback;
    const payload = toOctets(typeof data === 'function' ? undefined : data);
    const endpoint = this.#writable(payload, done);
    // RFC 6455 §5.5: control frames MUST have a payload of 125 octets or less.
    if (payload.length > MAX_CONTROL_PAYLOAD_BYTES) {
      throw new RangeError('The data size must not be greater than 125 bytes');
    }
    endpoint?.sender.frame(FIN_BIT | opcode, payload, done);
  }

  /** The endpoint if data can be sent; otherwise says so as `ws` does, and answers undefined. */
  #writable(data: unknown, callback: SendCallback | undefined): Endpoint | undefined {
    if (this.#readyState === CONNECTING) {
      throw new Error('WebSocket is not open: readyState 0 (CONNECTING)');
    }
    // RFC 6455 §6.1, item 1: the connection MUST be OPEN, before and while data is sent.
    if (this.#readyState === OPEN) return this.#endpoint;
    this.#unsentBytes += toOctets(data).length;
    const state = `${this.#readyState} (${READY_STATES[this.#readyState]})`;
    const error = new Error(`WebSocket is not open: readyState ${state}`);
    if (callback !== undefined) process.nextTick(callback, error);
    return undefined;
  }

  /**
   * Starts the closing handshake. Throws a TypeError for a code that must not be sent and a RangeError for a reason
   * of more than 123 octets. While connecting it gives the connection up.
   */
  close(code?: number, reason?: string | Uint8Array): void {
    if (this.#readyState === CLOSED || this.#readyState === CLOSING) return;
    if (this.#readyState === CONNECTING) this.#abortHandshake();
    else this.#endpoint?.close(checkedClosePayload(code, reason));
  }

  /** Drops the connection without a closing handshake. */
  terminate(): void {
    if (this.#readyState === CLOSED) return;
    if (this.#readyState === CONNECTING) this.#abortHandshake();
    else this.#endpoint?.destroy();
  }

  /** Stops reading; nothing more is emitted until `resume`, but what the socket holds is kept. */
  pause(): void {
    if (this.#readyState === OPEN || this.#readyState === CLOSING) this.#endpoint?.pause();
  }

  resume(): void {
    if (this.#readyState === OPEN || this.#readyState === CLOSING) this.#endpoint?.resume();
  }

  addEventListener<T extends EventType>(
    type: T,
    handler: EventHandler<EventsByType[T]>,
    options?: ListenerOptions,
  ): void {
    this.#eventFace().add(type, handler, options);
  }

  removeEventListener<T extends EventType>(type: T, handler: EventHandler<EventsByType[T]>): void {
    this.#eventFace().remove(type, handler);
  }

  get onopen(): EventAttribute<'open'> {
    return this.#eventFace().getAttribute('open');
  }

  set onopen(handler: EventAttribute<'open'>) {
    this.#eventFace().setAttribute('open', handler);
  }

  get onmessage(): EventAttribute<'message'> {
    return this.#eventFace().getAttribute('message');
  }

  set onmessage(handler: EventAttribute<'message'>) {
    this.#eventFace().setAttribute('message', handler);
  }

  get onclose(): EventAttribute<'close'> {
    return this.#eventFace().getAttribute('close');
  }

  set onclose(handler: EventAttribute<'close'>) {
    this.#eventFace().setAttribute('close', handler);
  }

  get onerror(): EventAttribute<'error'> {
    return this.#eventFace().getAttribute('error');
  }

  set onerror(handler: EventAttribute<'error'>) {
    this.#eventFace().setAttribute('error', handler);
  }

  #eventFace(): EventFace {
    return (this.#face ??= new EventFace(this));
  }

  #agreed(accepted: AcceptedSocket): void {
    this.#handshake = undefined;
    this.#attach('client', accepted);
    this.emit('open');
  }

  #attach(role: 'client' | 'server', accepted: AcceptedSocket): void {
    const { socket, loop, limits, head, compression } = accepted;
    if (compression !== undefined) this.#extensions = PERMESSAGE_DEFLATE;
    this.#protocol = accepted.subprotocol;
    this.#whenClosed = accepted.closed;
    this.#endpoint = new Endpoint(role, socket, loop, limits, this, compression);
    this.#endpoint.answersPings = accepted.autoPong;
    this.#readyState = OPEN;
    this.#endpoint.start(head);
  }

  #abortHandshake(): void {
    this.#readyState = CLOSING;
    this.#handshake?.abort(new Error('WebSocket was closed before the connection was established'));
  }

  #handshakeFailed(error: Error): void {
    this.#handshake = undefined;
    this.#readyState = CLOSING;
    // As with any emitter, an error of the opening handshake that nobody listens to is thrown.
    try {
      this.emit('error', error);
    } finally {
      this.closed(CLOSE_ABNORMAL, NOTHING);
    }
  }

  /** @internal */
  textReceived(octets: Buffer, start: number, end: number): void {
    const isLent = this.#endpoint?.lends(octets) ?? true;
    this.emit('message', messageData(octets, start, end, isLent, 'nodebuffer'), false);
  }

  /** @internal */
  binaryReceived(octets: Buffer, start: number, end: number): void {
    const isLent = this.#endpoint?.lends(octets) ?? true;
    this.emit('message', messageData(octets, start, end, isLent, this.#binaryType), true);
  }

  /** @internal */
  pingReceived(octets: Buffer): void {
    this.emit('ping', octets);
  }

  /** @internal */
  pongReceived(octets: Buffer): void {
    this.emit('pong', octets);
  }

  /** @internal */
  closing(): void {
    this.#readyState = CLOSING;
  }

  /** @internal */
  failed(error: WebSocketError): void {
    // A peer must not be able to end the process of an application that does not listen.
    if (this.listenerCount('error') > 0) this.emit('error', error);
  }

  /** @internal */
  drained(): void {}

  /** @internal */
  closed(closeCode: number, reason: Buffer): void {
    this.#readyState = CLOSED;
    this.#whenClosed?.(this);
    this.emit('close', closeCode, reason);
  }
}

function checkedClosePayload(code: number | undefined, reason: string | Uint8Array = ''): Buffer {
  const octets = toOctets(reason);
  // RFC 6455 §5.5.1: a reason stands behind a code, never alone.
  if (code === undefined && octets.length === 0) return NOTHING;
  if (code === undefined || !isCloseCodeOnWire(code)) {
    throw new TypeError('First argument must be a valid error code number');
  }
  if (octets.length > MAX_CONTROL_PAYLOAD_BYTES - 2) {
    throw new RangeError('The message must not be greater than 123 bytes');
  }
  return closePayload(code, octets);
}
