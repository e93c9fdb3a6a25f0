/** The door of transport/websocket/, published as `tideway/websocket`: the engine, for users of `ws` too. */
export { WebSocket } from './ws/web-socket.js';
export type {
  ConnectionOptions,
  ReadyState,
  SendOptions,
  WebSocketEvents,
} from './ws/web-socket-types.js';
export { StandardWebSocket } from './standard/standard-web-socket.js';
export { StandardCloseEvent } from './standard/standard-events.js';
export type { CloseEventClass } from './standard/standard-events.js';
export { WebSocketServer } from './ws/server.js';
export type { WebSocketServerEvents } from './ws/server.js';
export type {
  ClientInfo,
  ServerOptions,
  UpgradeCallback,
  VerifyCallback,
  VerifyClient,
  WebSocketClass,
} from './ws/server-options.js';
export { createWebSocketStream } from './ws/web-socket-stream.js';
export type { ClientOptions } from './ws/client-options.js';
export type { PerMessageDeflateOptions } from './compression/compression-options.js';
export { EngineLoop } from './socket/engine-loop.js';
export { WebSocketError } from './limits/errors.js';
export type { SendCallback } from './socket/frame-sender.js';
export type { LimitOptions, OverflowPolicy } from './limits/limits.js';
export type { BinaryType } from './socket/message-data.js';
export type { RawData, SendData } from './socket/payload.js';
export { PreparedMessage } from './socket/prepared-message.js';
export type { PrepareOptions } from './socket/prepared-message.js';
export { CloseEvent, ErrorEvent, Event, MessageEvent } from './events/events.js';
export type { CloseEventInit, ErrorEventInit, MessageEventInit } from './events/events.js';
export type { EventAttribute, EventHandler, ListenerOptions } from './events/event-target.js';
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
