/** The door of mounts/user/. */
export * from './user-mount.js';
