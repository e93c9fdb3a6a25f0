/**
 * The declarations of `tideway/websocket`: a class that carries the other exports, in the shape of `@types/ws`, without
 * anything that TypeScript 5.0 does not know. The build puts what is marked with `@take` in from the sources.
 */
/// <reference types="node" />
import { EventEmitter } from 'events';
import {
  ClientRequest,
  ClientRequestArgs,
  IncomingMessage,
  OutgoingHttpHeaders,
  RequestOptions as HttpOptions,
  Server as HTTPServer,
} from 'http';
import { RequestOptions as HttpsOptions, Server as HTTPSServer } from 'https';
import { Duplex, DuplexOptions } from 'stream';
import { URL } from 'url';
import { ZlibOptions } from 'zlib';

// @take transport/websocket/ws/client-options SaidByUrl
// @take protocol/websocket/closing-handshake Role

/** A connection: a client's end when it is made with an address, a server's end when a server makes it. */
declare class WebSocket extends EventEmitter {
  static readonly CONNECTING: 0;
  static readonly OPEN: 1;
  static readonly CLOSING: 2;
  static readonly CLOSED: 3;
  /** A message to be sent to many: encoded once, however many sockets send it. */
  static prepare(
    data: WebSocket.SendData,
    options?: WebSocket.PrepareOptions,
  ): WebSocket.PreparedMessage;
  readonly CONNECTING: 0;
  readonly OPEN: 1;
  readonly CLOSING: 2;
  readonly CLOSED: 3;
  /** The handler of 'open' that was set by attribute, or null. */
  onopen: ((event: WebSocket.Event) => void) | null;
  onerror: ((event: WebSocket.ErrorEvent) => void) | null;
  onclose: ((event: WebSocket.CloseEvent) => void) | null;
  onmessage: ((event: WebSocket.MessageEvent) => void) | null;
  /** How binary messages are handed out. Default `nodebuffer`. */
  binaryType: WebSocket.BinaryType;
  readonly readyState: 0 | 1 | 2 | 3;
  /** The URL that was connected to, after redirects the last one; `''` on a server. */
  readonly url: string;
  /** The subprotocol agreed upon, `''` when none. */
  readonly protocol: string;
  /** The extensions agreed upon: `permessage-deflate` or `''`. */
  readonly extensions: string;
  /** Octets of messages that were sent and that the kernel has not taken yet. */
  readonly bufferedAmount: number;
  /** Messages that were not sent because `maxOutboundBytes` waited and `onOverflow` is `dropNewest`. */
  readonly droppedMessageCount: number;
  readonly isPaused: boolean;
  /** The socket below, null before it is open. Reading or writing it breaks the connection. */
  readonly _socket: Duplex | null;
  /** The request of the opening handshake while it is under way, otherwise null. */
  readonly _req: ClientRequest | null;

  constructor(address: null, protocols?: undefined, options?: WebSocket.ServerOptions);
  constructor(address: string | URL, options?: WebSocket.ClientOptions | ClientRequestArgs);
  /**
   * Opens a connection to `address`: a URL with `ws:`, `wss:`, `http:`, `https:` or `ws+unix:`. Throws a SyntaxError for
   * any other and for subprotocols that are no tokens or not unique, a RangeError for a limit that is no number.
   */
  constructor(
    address: string | URL,
    protocols?: string | readonly string[],
    options?: WebSocket.ClientOptions | ClientRequestArgs,
  );

  /**
   * Sends a message. It leaves at the end of the tick, or of the read batch when one is being handled. Throws an Error
   * while connecting; later than open, the callback gets one.
   */
  send(data: WebSocket.SendData, callback?: WebSocket.SendCallback): void;
  send(
    data: WebSocket.SendData,
    options: WebSocket.SendOptions | undefined,
    callback?: WebSocket.SendCallback,
  ): void;
  /** Sends a Ping of up to 125 octets. Throws a RangeError for more, an Error while connecting. */
  ping(
    data?: WebSocket.SendData | WebSocket.SendCallback | null,
    mask?: boolean | WebSocket.SendCallback,
    callback?: WebSocket.SendCallback,
  ): void;
  /** Sends a Pong of up to 125 octets that nobody asked for. Throws a RangeError for more, an Error while connecting. */
  pong(
    data?: WebSocket.SendData | WebSocket.SendCallback | null,
    mask?: boolean | WebSocket.SendCallback,
    callback?: WebSocket.SendCallback,
  ): void;
  /**
   * Starts the closing handshake. Throws a TypeError for a code that must not be sent and a RangeError for a reason of
   * more than 123 octets. While connecting it gives the connection up.
   */
  close(code?: number, reason?: string | Uint8Array): void;
  /** Drops the connection without a closing handshake. */
  terminate(): void;
  /** Stops reading; nothing more is emitted until `resume`, but what the socket holds is kept. */
  pause(): void;
  resume(): void;
  /**
   * Opens a connection that was made with `null` over a stream whose opening handshake is done; `head` is what has come
   * already. It is a server's end, or a client's where `_isServer` was set to false before.
   */
  setSocket(socket: Duplex, head: Buffer, options?: WebSocket.ClientOptions): void;
  /** Adds a handler as an EventTarget does; a type other than open, message, close and error is ignored. */
  addEventListener<K extends keyof WebSocket.WebSocketEventMap>(
    type: K,
    listener: WebSocket.EventHandler<WebSocket.WebSocketEventMap[K]>,
    options?: WebSocket.EventListenerOptions | boolean | null,
  ): void;
  removeEventListener<K extends keyof WebSocket.WebSocketEventMap>(
    type: K,
    listener: WebSocket.EventHandler<WebSocket.WebSocketEventMap[K]>,
  ): void;

  on(event: 'close', listener: (this: WebSocket, code: number, reason: Buffer) => void): this;
  on(event: 'error', listener: (this: WebSocket, error: Error) => void): this;
  on(event: 'upgrade', listener: (this: WebSocket, response: IncomingMessage) => void): this;
  on(
    event: 'message',
    listener: (this: WebSocket, data: WebSocket.RawData, isBinary: boolean) => void,
  ): this;
  on(event: 'open', listener: (this: WebSocket) => void): this;
  on(event: 'ping' | 'pong', listener: (this: WebSocket, data: Buffer) => void): this;
  on(
    event: 'redirect',
    listener: (this: WebSocket, url: string, request: ClientRequest) => void,
  ): this;
  on(
    event: 'unexpected-response',
    listener: (this: WebSocket, request: ClientRequest, response: IncomingMessage) => void,
  ): this;
  on(event: string | symbol, listener: (this: WebSocket, ...args: any[]) => void): this;
  once(event: 'close', listener: (this: WebSocket, code: number, reason: Buffer) => void): this;
  once(event: 'error', listener: (this: WebSocket, error: Error) => void): this;
  once(event: 'upgrade', listener: (this: WebSocket, response: IncomingMessage) => void): this;
  once(
    event: 'message',
    listener: (this: WebSocket, data: WebSocket.RawData, isBinary: boolean) => void,
  ): this;
  once(event: 'open', listener: (this: WebSocket) => void): this;
  once(event: 'ping' | 'pong', listener: (this: WebSocket, data: Buffer) => void): this;
  once(
    event: 'redirect',
    listener: (this: WebSocket, url: string, request: ClientRequest) => void,
  ): this;
  once(
    event: 'unexpected-response',
    listener: (this: WebSocket, request: ClientRequest, response: IncomingMessage) => void,
  ): this;
  once(event: string | symbol, listener: (this: WebSocket, ...args: any[]) => void): this;
  off(event: 'close', listener: (this: WebSocket, code: number, reason: Buffer) => void): this;
  off(event: 'error', listener: (this: WebSocket, error: Error) => void): this;
  off(event: 'upgrade', listener: (this: WebSocket, response: IncomingMessage) => void): this;
  off(
    event: 'message',
    listener: (this: WebSocket, data: WebSocket.RawData, isBinary: boolean) => void,
  ): this;
  off(event: 'open', listener: (this: WebSocket) => void): this;
  off(event: 'ping' | 'pong', listener: (this: WebSocket, data: Buffer) => void): this;
  off(
    event: 'redirect',
    listener: (this: WebSocket, url: string, request: ClientRequest) => void,
  ): this;
  off(
    event: 'unexpected-response',
    listener: (this: WebSocket, request: ClientRequest, response: IncomingMessage) => void,
  ): this;
  off(event: string | symbol, listener: (this: WebSocket, ...args: any[]) => void): this;
  addListener(
    event: 'close',
    listener: (this: WebSocket, code: number, reason: Buffer) => void,
  ): this;
  addListener(event: 'error', listener: (this: WebSocket, error: Error) => void): this;
  addListener(
    event: 'upgrade',
    listener: (this: WebSocket, response: IncomingMessage) => void,
  ): this;
  addListener(
    event: 'message',
    listener: (this: WebSocket, data: WebSocket.RawData, isBinary: boolean) => void,
  ): this;
  addListener(event: 'open', listener: (this: WebSocket) => void): this;
  addListener(event: 'ping' | 'pong', listener: (this: WebSocket, data: Buffer) => void): this;
  addListener(
    event: 'redirect',
    listener: (this: WebSocket, url: string, request: ClientRequest) => void,
  ): this;
  addListener(
    event: 'unexpected-response',
    listener: (this: WebSocket, request: ClientRequest, response: IncomingMessage) => void,
  ): this;
  addListener(event: string | symbol, listener: (this: WebSocket, ...args: any[]) => void): this;
  removeListener(
    event: 'close',
    listener: (this: WebSocket, code: number, reason: Buffer) => void,
  ): this;
  removeListener(event: 'error', listener: (this: WebSocket, error: Error) => void): this;
  removeListener(
    event: 'upgrade',
    listener: (this: WebSocket, response: IncomingMessage) => void,
  ): this;
  removeListener(
    event: 'message',
    listener: (this: WebSocket, data: WebSocket.RawData, isBinary: boolean) => void,
  ): this;
  removeListener(event: 'open', listener: (this: WebSocket) => void): this;
  removeListener(event: 'ping' | 'pong', listener: (this: WebSocket, data: Buffer) => void): this;
  removeListener(
    event: 'redirect',
    listener: (this: WebSocket, url: string, request: ClientRequest) => void,
  ): this;
  removeListener(
    event: 'unexpected-response',
    listener: (this: WebSocket, request: ClientRequest, response: IncomingMessage) => void,
  ): this;
  removeListener(event: string | symbol, listener: (this: WebSocket, ...args: any[]) => void): this;
  prependListener(
    event: 'close',
    listener: (this: WebSocket, code: number, reason: Buffer) => void,
  ): this;
  prependListener(event: 'error', listener: (this: WebSocket, error: Error) => void): this;
  prependListener(
    event: 'upgrade',
    listener: (this: WebSocket, response: IncomingMessage) => void,
  ): this;
  prependListener(
    event: 'message',
    listener: (this: WebSocket, data: WebSocket.RawData, isBinary: boolean) => void,
  ): this;
  prependListener(event: 'open', listener: (this: WebSocket) => void): this;
  prependListener(event: 'ping' | 'pong', listener: (this: WebSocket, data: Buffer) => void): this;
  prependListener(
    event: 'redirect',
    listener: (this: WebSocket, url: string, request: ClientRequest) => void,
  ): this;
  prependListener(
    event: 'unexpected-response',
    listener: (this: WebSocket, request: ClientRequest, response: IncomingMessage) => void,
  ): this;
  prependListener(
    event: string | symbol,
    listener: (this: WebSocket, ...args: any[]) => void,
  ): this;
  prependOnceListener(
    event: 'close',
    listener: (this: WebSocket, code: number, reason: Buffer) => void,
  ): this;
  prependOnceListener(event: 'error', listener: (this: WebSocket, error: Error) => void): this;
  prependOnceListener(
    event: 'upgrade',
    listener: (this: WebSocket, response: IncomingMessage) => void,
  ): this;
  prependOnceListener(
    event: 'message',
    listener: (this: WebSocket, data: WebSocket.RawData, isBinary: boolean) => void,
  ): this;
  prependOnceListener(event: 'open', listener: (this: WebSocket) => void): this;
  prependOnceListener(
    event: 'ping' | 'pong',
    listener: (this: WebSocket, data: Buffer) => void,
  ): this;
  prependOnceListener(
    event: 'redirect',
    listener: (this: WebSocket, url: string, request: ClientRequest) => void,
  ): this;
  prependOnceListener(
    event: 'unexpected-response',
    listener: (this: WebSocket, request: ClientRequest, response: IncomingMessage) => void,
  ): this;
  prependOnceListener(
    event: string | symbol,
    listener: (this: WebSocket, ...args: any[]) => void,
  ): this;
}

declare const WebSocketAlias: typeof WebSocket;
interface WebSocketAlias extends WebSocket {}

declare namespace WebSocket {
  const WebSocket: typeof WebSocketAlias;
  interface WebSocket extends WebSocketAlias {}

  // @take transport/websocket/socket/payload SendData
  // @take transport/websocket/socket/payload RawData
  // @take transport/websocket/socket/frame-sender SendCallback
  // @take transport/websocket/socket/message-data BinaryType
  type Data = string | RawData;
  type CertMeta = string | string[] | Buffer | Buffer[];
  type ReadyState = 0 | 1 | 2 | 3;
  type FinishRequestCallback = (request: ClientRequest, socket: WebSocket) => void;
  type VerifyClientCallbackSync<Request extends IncomingMessage = IncomingMessage> = (info: {
    origin: string;
    secure: boolean;
    req: Request;
  }) => boolean;
  type VerifyClientCallbackAsync<Request extends IncomingMessage = IncomingMessage> = (
    info: { origin: string; secure: boolean; req: Request },
    callback: VerifyCallback,
  ) => void;
  // @take transport/websocket/ws/server-options VerifyCallback
  /** What a `verifyClient` hook is told. */
  interface ClientInfo {
    origin: string;
    /** Whether the connection is TLS. */
    secure: boolean;
    req: IncomingMessage;
  }
  /** With one parameter its answer decides at once; with two, the callback does, once. */
  type VerifyClient = (info: ClientInfo, callback: VerifyCallback) => boolean | void;
  type UpgradeCallback<T extends WebSocketAlias = WebSocketAlias> = (
    client: T,
    request: IncomingMessage,
  ) => void;
  type ListenerOptions = EventListenerOptions;
  // @take transport/websocket/ws/web-socket-types WebSocketEvents
  // @take transport/websocket/limits/limits OverflowPolicy
  // @take transport/websocket/limits/limits LimitOptions
  // @take transport/websocket/compression/compression-options PerMessageDeflateOptions
  // @take transport/websocket/ws/client-options ClientOptions
  // @take transport/websocket/ws/server-options ServerOptions
  // @take transport/websocket/ws/web-socket-types SendOptions
  // @take transport/websocket/socket/prepared-message PrepareOptions
  // @take transport/websocket/events/events CloseEventInit
  // @take transport/websocket/events/events ErrorEventInit
  // @take transport/websocket/events/events MessageEventInit
  // @take transport/websocket/events/event-target EventHandler

  interface WebSocketEventMap {
    open: Event;
    error: ErrorEvent;
    close: CloseEvent;
    message: MessageEvent;
  }
  interface EventListenerOptions {
    /** Whether it is called at most once. Default false. */
    once?: boolean | undefined;
    /** Removes the handler when it is aborted. */
    signal?: AbortSignal | undefined;
  }
  interface AddressInfo {
    address: string;
    family: string;
    port: number;
  }

  /** What every listener is given. `target` is the WebSocket that it came from. */
  class Event {
    constructor(type: string);
    readonly type: string;
    readonly target: WebSocket;
    readonly bubbles: boolean;
    readonly cancelable: boolean;
  }
  /** The connection has ended; `reason` is text, and `wasClean` says that both ends sent a Close frame. */
  class CloseEvent extends Event {
    constructor(type: string, init?: CloseEventInit);
    readonly code: number;
    readonly reason: string;
    readonly wasClean: boolean;
  }
  /** Something failed; the connection is closing because of it. */
  class ErrorEvent extends Event {
    constructor(type: string, init?: ErrorEventInit);
    readonly error: any;
    readonly message: string;
  }
  /** A message: text as a string, anything else as `binaryType` says. */
  class MessageEvent extends Event {
    constructor(type: string, init?: MessageEventInit);
    readonly data: Data;
  }

  /** Connections accepted from an HTTP server of its own, from a given one, or by hand. */
  class Server<
    T extends typeof WebSocketAlias = typeof WebSocketAlias,
    U extends typeof IncomingMessage = typeof IncomingMessage,
  > extends EventEmitter {
    readonly options: ServerOptions<T, U>;
    /** Open connections; undefined when `clientTracking` is false. */
    readonly clients: Set<InstanceType<T>>;
    /** The HTTP server whose upgrades are answered, null when there is none or it was let go by `close`. */
    readonly _server: HTTPServer | HTTPSServer | null;
    /** Throws a TypeError unless exactly one of `port`, `server` and `noServer` is given. */
    constructor(options?: ServerOptions<T, U>, listening?: () => void);
    /** Where the server listens; null when it does not. Throws with `noServer`. */
    address(): AddressInfo | string | null;
    /** Stops accepting. Open connections stay; 'close' and the callback come when the last has ended. */
    close(callback?: (error?: Error) => void): void;
    /** Whether a request is for this server; override it to decide by more than the path. */
    shouldHandle(request: InstanceType<U>): boolean;
    /**
     * Answers an upgrade request. `callback` gets the open connection; a request that is refused is answered here.
     * Throws when the socket already carries a connection.
     */
    handleUpgrade(
      request: InstanceType<U>,
      socket: Duplex,
      head: Buffer,
      callback: (client: InstanceType<T>, request: InstanceType<U>) => void,
    ): void;
    /** Answers a request that was judged elsewhere: no check but that the socket can be used; no extension is agreed upon. */
    completeUpgrade(
      extensions: unknown,
      key: string,
      protocols: Iterable<string>,
      request: InstanceType<U>,
      socket: Duplex,
      head: Buffer,
      callback: (client: InstanceType<T>, request: InstanceType<U>) => void,
    ): void;

    on(
      event: 'connection',
      listener: (this: Server<T, U>, socket: InstanceType<T>, request: InstanceType<U>) => void,
    ): this;
    on(event: 'error', listener: (this: Server<T, U>, error: Error) => void): this;
    on(
      event: 'headers',
      listener: (this: Server<T, U>, headers: string[], request: InstanceType<U>) => void,
    ): this;
    on(event: 'close' | 'listening', listener: (this: Server<T, U>) => void): this;
    on(
      event: 'wsClientError',
      listener: (
        this: Server<T, U>,
        error: Error,
        socket: Duplex,
        request: InstanceType<U>,
      ) => void,
    ): this;
    on(event: string | symbol, listener: (this: Server<T, U>, ...args: any[]) => void): this;
    once(
      event: 'connection',
      listener: (this: Server<T, U>, socket: InstanceType<T>, request: InstanceType<U>) => void,
    ): this;
    once(event: 'error', listener: (this: Server<T, U>, error: Error) => void): this;
    once(
      event: 'headers',
      listener: (this: Server<T, U>, headers: string[], request: InstanceType<U>) => void,
    ): this;
    once(event: 'close' | 'listening', listener: (this: Server<T, U>) => void): this;
    once(
      event: 'wsClientError',
      listener: (
        this: Server<T, U>,
        error: Error,
        socket: Duplex,
        request: InstanceType<U>,
      ) => void,
    ): this;
    once(event: string | symbol, listener: (this: Server<T, U>, ...args: any[]) => void): this;
    off(
      event: 'connection',
      listener: (this: Server<T, U>, socket: InstanceType<T>, request: InstanceType<U>) => void,
    ): this;
    off(event: 'error', listener: (this: Server<T, U>, error: Error) => void): this;
    off(
      event: 'headers',
      listener: (this: Server<T, U>, headers: string[], request: InstanceType<U>) => void,
    ): this;
    off(event: 'close' | 'listening', listener: (this: Server<T, U>) => void): this;
    off(
      event: 'wsClientError',
      listener: (
        this: Server<T, U>,
        error: Error,
        socket: Duplex,
        request: InstanceType<U>,
      ) => void,
    ): this;
    off(event: string | symbol, listener: (this: Server<T, U>, ...args: any[]) => void): this;
    addListener(
      event: 'connection',
      listener: (this: Server<T, U>, socket: InstanceType<T>, request: InstanceType<U>) => void,
    ): this;
    addListener(event: 'error', listener: (this: Server<T, U>, error: Error) => void): this;
    addListener(
      event: 'headers',
      listener: (this: Server<T, U>, headers: string[], request: InstanceType<U>) => void,
    ): this;
    addListener(event: 'close' | 'listening', listener: (this: Server<T, U>) => void): this;
    addListener(
      event: 'wsClientError',
      listener: (
        this: Server<T, U>,
        error: Error,
        socket: Duplex,
        request: InstanceType<U>,
      ) => void,
    ): this;
    addListener(
      event: string | symbol,
      listener: (this: Server<T, U>, ...args: any[]) => void,
    ): this;
    removeListener(
      event: 'connection',
      listener: (this: Server<T, U>, socket: InstanceType<T>, request: InstanceType<U>) => void,
    ): this;
    removeListener(event: 'error', listener: (this: Server<T, U>, error: Error) => void): this;
    removeListener(
      event: 'headers',
      listener: (this: Server<T, U>, headers: string[], request: InstanceType<U>) => void,
    ): this;
    removeListener(event: 'close' | 'listening', listener: (this: Server<T, U>) => void): this;
    removeListener(
      event: 'wsClientError',
      listener: (
        this: Server<T, U>,
        error: Error,
        socket: Duplex,
        request: InstanceType<U>,
      ) => void,
    ): this;
    removeListener(
      event: string | symbol,
      listener: (this: Server<T, U>, ...args: any[]) => void,
    ): this;
    prependListener(
      event: 'connection',
      listener: (this: Server<T, U>, socket: InstanceType<T>, request: InstanceType<U>) => void,
    ): this;
    prependListener(event: 'error', listener: (this: Server<T, U>, error: Error) => void): this;
    prependListener(
      event: 'headers',
      listener: (this: Server<T, U>, headers: string[], request: InstanceType<U>) => void,
    ): this;
    prependListener(event: 'close' | 'listening', listener: (this: Server<T, U>) => void): this;
    prependListener(
      event: 'wsClientError',
      listener: (
        this: Server<T, U>,
        error: Error,
        socket: Duplex,
        request: InstanceType<U>,
      ) => void,
    ): this;
    prependListener(
      event: string | symbol,
      listener: (this: Server<T, U>, ...args: any[]) => void,
    ): this;
    prependOnceListener(
      event: 'connection',
      listener: (this: Server<T, U>, socket: InstanceType<T>, request: InstanceType<U>) => void,
    ): this;
    prependOnceListener(event: 'error', listener: (this: Server<T, U>, error: Error) => void): this;
    prependOnceListener(
      event: 'headers',
      listener: (this: Server<T, U>, headers: string[], request: InstanceType<U>) => void,
    ): this;
    prependOnceListener(event: 'close' | 'listening', listener: (this: Server<T, U>) => void): this;
    prependOnceListener(
      event: 'wsClientError',
      listener: (
        this: Server<T, U>,
        error: Error,
        socket: Duplex,
        request: InstanceType<U>,
      ) => void,
    ): this;
    prependOnceListener(
      event: string | symbol,
      listener: (this: Server<T, U>, ...args: any[]) => void,
    ): this;
  }
  const WebSocketServer: typeof Server;
  interface WebSocketServer<
    T extends typeof WebSocketAlias = typeof WebSocketAlias,
    U extends typeof IncomingMessage = typeof IncomingMessage,
  > extends Server<T, U> {}

  /** A connection as a stream of Node, with backpressure in both directions. `options` are those of Duplex. */
  function createWebSocketStream(socket: WebSocket, options?: DuplexOptions): Duplex;

  /** What `WebSocket.prepare` gives, to be passed to `send` of any number of sockets. The data is a copy. */
  class PreparedMessage {
    constructor(data: SendData, options?: PrepareOptions);
    readonly octets: Uint8Array;
    readonly isBinary: boolean;
    /** One final, unmasked frame, which every receiver shares: not to be changed. */
    readonly frame: Uint8Array;
    valueOf(): Uint8Array;
  }
  /** A peer broke the protocol or a limit; the connection is closing because of it. */
  class WebSocketError extends RangeError {
    private constructor();
    /** `WS_ERR_…`, stable across versions. */
    readonly code: string;
    /** What was sent in the Close frame; 1006 when none was. */
    readonly closeCode: number;
    /** The name of the limit that was reached, if it was one. */
    readonly limit: string | undefined;
    /** The number of zlib's error, where `code` is one of zlib's. */
    readonly errno?: number;
  }
  /** What connections share, to be given as `loop` to several servers and clients: timers, buffers and masks. */
  class EngineLoop {
    /** Tests give a clock and a source of randomness of their own. */
    constructor(time?: object, random?: object);
    /** Tells it from other objects; nothing has it at run time. */
    readonly brand?: 'EngineLoop';
  }
  // @take transport/websocket/standard/standard-events CloseEventClass
  /** What StandardWebSocket dispatches as 'close': Node's own CloseEvent where there is one. */
  const StandardCloseEvent: CloseEventClass;
  /** `WebSocket` of the WHATWG standard, to the letter, for code that is written for browsers. */
  class StandardWebSocket extends EventTarget {
    static readonly CONNECTING: 0;
    static readonly OPEN: 1;
    static readonly CLOSING: 2;
    static readonly CLOSED: 3;
    readonly CONNECTING: 0;
    readonly OPEN: 1;
    readonly CLOSING: 2;
    readonly CLOSED: 3;
    onopen: ((event: any) => unknown) | null;
    onmessage: ((event: any) => unknown) | null;
    onclose: ((event: any) => unknown) | null;
    onerror: ((event: any) => unknown) | null;
    /**
     * Opens a connection to `url`: `ws:`, `wss:`, `http:` or `https:`. Throws a DOMException "SyntaxError" for a URL or
     * subprotocols that cannot be used. `options` is beyond the standard: headers, limits and the like.
     */
    constructor(
      url: string | URL,
      protocols?: string | readonly string[],
      options?: Omit<ClientOptions, 'protocols'>,
    );
    readonly url: string;
    readonly readyState: ReadyState;
    readonly bufferedAmount: number;
    readonly extensions: string;
    readonly protocol: string;
    /** `blob` (default) or `arraybuffer`; anything else changes nothing. */
    binaryType: 'blob' | 'arraybuffer';
    /** Sends a message; throws a DOMException "InvalidStateError" while connecting. Anything but octets goes as text. */
    send(data: string | ArrayBufferLike | ArrayBufferView | Blob): void;
    /** Starts the closing handshake. Throws a DOMException for a code other than 1000 and 3000 to 4999. */
    close(code?: number, reason?: string): void;
  }

  // @take protocol/websocket/registry VersionEntry
  // @take protocol/websocket/registry OpcodeEntry
  // @take protocol/websocket/registry HeaderBitEntry
  // @take protocol/websocket/registry ClientReaction
  // @take protocol/websocket/registry CloseCodeEntry
  // @take protocol/websocket/registry CloseCodeRange
  // @take protocol/websocket/registry SubprotocolEntry
  // @take protocol/websocket/registry ExtensionEntry
  const VERSIONS: readonly VersionEntry[];
  const OPCODES: readonly OpcodeEntry[];
  const HEADER_BITS: readonly HeaderBitEntry[];
  const CLOSE_CODES: readonly CloseCodeEntry[];
  const CLOSE_CODE_RANGES: readonly CloseCodeRange[];
  const SUBPROTOCOLS: readonly SubprotocolEntry[];
  const EXTENSIONS: readonly ExtensionEntry[];
  /** The entry of a close code; undefined when it is not registered. */
  function closeCodeEntry(code: number): CloseCodeEntry | undefined;
  /** What a client should do when a connection ended with a code, registered or not. */
  function clientReactionTo(code: number): ClientReaction;
}

export = WebSocket;
