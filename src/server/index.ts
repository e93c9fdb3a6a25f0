/** The door of `tideway`: the server, for embedding in a program. */
export { createServer, TidewayServer } from './server.js';
export type { Published, PublishOptions } from './publishing.js';
export type { ListenOptions } from './server.js';
export { DEFAULT_HOST, DEFAULT_LIMITS, DEFAULT_PORT } from './options.js';
export { DIALECT_NAMES, REFUSAL_PLACES, type DialectName, type RefusalPlace } from './dialects.js';
export {
  DEFAULT_PATH,
  ENDPOINT_PATH,
  endpointFaults,
  TRANSPORT_NAMES,
  type Endpoint,
  type EndpointOptions,
  type TransportName,
} from './endpoints.js';
export {
  DEFAULT_PREFIXES,
  prefixFaults,
  type ConfigurationFault,
  type MountName,
  type Prefixes,
  type PrefixOptions,
} from './prefixes.js';
export type { ServerLimits, ServerOptions } from './options.js';
export type { BoundAddress } from './listening.js';
export {
  DEFAULT_FORWARD_OPTIONS,
  MIN_FORWARD_SECRET_BYTES,
  type ForwardOptions,
} from '../http/index.js';
export { DEFAULT_ACCESS_WORDS, MIN_API_KEY_LENGTH } from './given-options.js';
export { MIN_SECRET_BYTES, tokenAuthentication, type TokenOptions } from './tokens.js';
export {
  Disconnect,
  MemoryMetrics,
  METRICS,
  RequestError,
  TidewayError,
} from '../foundation/index.js';
export type {
  ErrorCode,
  JsonValue,
  Log,
  CounterName,
  GaugeName,
  MetricDescription,
  MetricName,
  Metrics,
  Owner,
  StandardSchema,
} from '../foundation/index.js';
export { escapeName, Message } from '../message/index.js';
export type {
  Audience,
  Captures,
  MessageHeaders,
  Publication,
  StreamPosition,
} from '../message/index.js';
export {
  controller,
  InvalidPayloadError,
  messageExceptionHandler,
  messageMapping,
  sendTo,
  sendToUser,
  subscribeMapping,
} from '../mounts/app/index.js';
export type {
  AppMount,
  DestinationVariables,
  ErrorClass,
  ErrorPredicate,
  ExceptionHandler,
  ExceptionOptions,
  Handler,
  HandlerContext,
  HandlerResult,
  HandlerSendOptions,
  HandlerSendToUserOptions,
  HandlerSession,
  MappingOptions,
  MappingPrefixes,
  PayloadIssue,
  ValueOptions,
} from '../mounts/app/index.js';
export type { TopicRule } from '../mounts/topics/index.js';
export type { WorkRule } from '../mounts/work/index.js';
export { authenticated } from '../routing/index.js';
export type {
  AccessCondition,
  AccessControl,
  Answer,
  BrokerMessage,
  InboundChange,
  InboundConnect,
  InboundMessage,
  InboundOperation,
  InboundSubscribe,
  InboundUnsubscribe,
  Interceptor,
  MessageChange,
  Mount,
  OutboundPublication,
  OutboundSubscription,
} from '../routing/index.js';
export { ANONYMOUS } from '../session/index.js';
export type {
  AcceptConnection,
  AdmissionLimits,
  Authenticate,
  ConnectedEvent,
  ConnectEvent,
  Connection,
  ConnectionReceiver,
  Credentials,
  DisconnectEvent,
  DisconnectReason,
  Handshake,
  Peer,
  Principal,
  SessionEventMap,
  SessionEventName,
  SessionLimits,
  SessionListener,
  SubscribeEvent,
  UnsubscribeEvent,
  UnsubscribeReason,
  Users,
  UserSession,
  UserSubscription,
} from '../session/index.js';
export { isOrigin } from '../routing/index.js';
export { trustedProxyFault } from '../transport/index.js';
export { MemoryStreamStore } from '../streams/index.js';
export type {
  Appended,
  AppendOptions,
  FeedEntry,
  FeedListener,
  HistoryPart,
  MemoryStreamStoreOptions,
  StreamStore,
} from '../streams/index.js';
