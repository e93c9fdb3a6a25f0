/** The door of message/: what travels, where to, and its place in a stream. */
export * from './destination.js';
export * from './message.js';
export * from './message-of.js';
export * from './pattern.js';
export * from './pattern-index.js';
export * from './position.js';
export * from './user-name.js';
