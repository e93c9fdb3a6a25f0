/** The door of client/: the client of the native dialect for browsers, Node and whatever else has WebSocket. */
export type { BackoffOptions } from './backoff.js';
export * from './client.js';
export * from './client-error.js';
export type { ClientOptions, Token } from './client-options.js';
export type { Content } from './server-message.js';
export type { OperationOptions } from './operations.js';
export * from './subscription.js';
export type { ClientTime } from './system-time.js';
export type { ClientSocket, ClientSocketConstructor } from './web-socket.js';
