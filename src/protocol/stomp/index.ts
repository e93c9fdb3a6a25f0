/** The door of protocol/stomp/: frames of STOMP 1.0, 1.1 and 1.2 as octets. */
export * from './frame-encoder.js';
export * from './frame-parser.js';
export * from './frames.js';
export * from './header-escaping.js';
export * from './heartbeats.js';
export * from './version.js';
export * from './violation.js';
