/** The door of mounts/work/. */
export * from './work-mount.js';
export * from './work-rules.js';
