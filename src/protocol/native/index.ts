/** The door of protocol/native/: frames of `tideway.v1` as text and octets. */
export * from './binary-message.js';
export * from './client-frame-decoder.js';
export * from './frames.js';
export * from './server-frame-encoder.js';
