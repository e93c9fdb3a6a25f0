/** The door of mounts/app/. */
export * from './app-mount.js';
export * from './forwarder.js';
export * from './handler.js';
