/** The door of session/: the contracts of connection and delivery, and what outlives a connection. */
export * from './batch.js';
export * from './connection.js';
export * from './delivery.js';
export * from './grant.js';
export * from './principal.js';
export * from './shared-message.js';
