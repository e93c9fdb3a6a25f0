/** The door of transport/websocket/, published as `tideway/websocket`: the engine, for users of `ws` too. */
export { WebSocket } from './web-socket.js';
export type {
  ConnectionOptions,
  ReadyState,
  SendOptions,
  WebSocketEvents,
} from './web-socket-types.js';
export { StandardWebSocket } from './standard-web-socket.js';
export { StandardCloseEvent } from './standard-events.js';
export type { CloseEventClass } from './standard-events.js';
export { WebSocketServer } from './server.js';
export type { WebSocketServerEvents } from './server.js';
export type {
  ClientInfo,
  ServerOptions,
  UpgradeCallback,
  VerifyCallback,
  VerifyClient,
  WebSocketClass,
} from './server-options.js';
export { createWebSocketStream } from './web-socket-stream.js';
export type { ClientOptions } from './client-options.js';
export type { PerMessageDeflateOptions } from './compression-options.js';
export { EngineLoop } from './engine-loop.js';
export { WebSocketError } from './errors.js';
export type { SendCallback } from './frame-sender.js';
export type { LimitOptions, OverflowPolicy } from './limits.js';
export type { BinaryType } from './message-data.js';
export type { RawData, SendData } from './payload.js';
export { PreparedMessage } from './prepared-message.js';
export type { PrepareOptions } from './prepared-message.js';
export { CloseEvent, ErrorEvent, Event, MessageEvent } from './events.js';
export type { CloseEventInit, ErrorEventInit, MessageEventInit } from './events.js';
export type { EventAttribute, EventHandler, ListenerOptions } from './event-target.js';
export {
  CLOSE_CODES,
  CLOSE_CODE_RANGES,
  EXTENSIONS,
  HEADER_BITS,
  OPCODES,
  SUBPROTOCOLS,
  VERSIONS,
  clientReactionTo,
  closeCodeEntry,
} from '../../protocol/websocket/index.js';
export type {
  ClientReaction,
  CloseCodeEntry,
  CloseCodeRange,
  ExtensionEntry,
  HeaderBitEntry,
  OpcodeEntry,
  SubprotocolEntry,
  VersionEntry,
} from '../../protocol/websocket/index.js';
