/** The door of protocol/websocket/: RFC 6455 without I/O. */
export * from './close-code.js';
export * from './closing-handshake.js';
export * from './frame-parser.js';
export type { FrameParserOptions, FrameSink } from './frame-sink.js';
export * from './frame-writer.js';
export * from './header-grammar.js';
export * from './masking.js';
export type { Allocate } from './message-assembly.js';
export * from './opcode.js';
export * from './opening-handshake.js';
export * from './upgrade-head.js';
export * from './permessage-deflate.js';
export * from './registry.js';
export * from './utf8-validator.js';
export {
  HEARTBEAT_TIMEOUT,
  IDLE_TIMEOUT,
  INFLATE_RATIO_TOO_HIGH,
  MESSAGE_TIMEOUT,
  MESSAGE_TOO_BIG,
  INPUT_OVERFLOW,
  OUTBOUND_OVERFLOW,
  TEXT_NOT_UTF8,
  TOO_MANY_CONTROL_FRAMES,
} from './violation.js';
export type { Violation } from './violation.js';
export * from './control-frame-budget.js';
