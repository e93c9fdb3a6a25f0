/** The door of dialect/opening/: what every dialect needs until a session is open. The other dialects may enter it. */
export * from './authentication.js';
export * from './environment.js';
export * from './kept-input.js';
export * from './opening.js';
