/** The door of session/: the contracts of connection and delivery, and what outlives a connection. */
export * from './acknowledgement-window.js';
export * from './batch.js';
export * from './connection.js';
export * from './delivery.js';
export * from './grant.js';
export * from './handler-line.js';
export * from './input-flow.js';
export * from './limits.js';
export * from './principal.js';
export * from './session.js';
export * from './session-events.js';
export * from './session-registry.js';
export * from './shared-message.js';
export * from './subscription.js';
export * from './unacknowledged-total.js';
export * from './users.js';
