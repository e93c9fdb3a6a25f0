/** The door of streams/: ordered streams with positions, on a store. */
export * from './memory-stream-store.js';
export * from './remembered-ids.js';
export * from './stream-store.js';
export * from './streams.js';
