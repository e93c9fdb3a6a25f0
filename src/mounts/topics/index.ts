/** The door of mounts/topics/. */
export * from './topic-rules.js';
export * from './topics-mount.js';
