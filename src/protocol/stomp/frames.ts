/** Owns the frames of STOMP as values: command, headers, body. */
import type { Octets } from '../../foundation/index.js';

/** What a client may say. */
export type ClientCommand =
  | 'CONNECT'
  | 'STOMP'
  | 'SEND'
  | 'SUBSCRIBE'
  | 'UNSUBSCRIBE'
  | 'ACK'
  | 'NACK'
  | 'BEGIN'
  | 'COMMIT'
  | 'ABORT'
  | 'DISCONNECT';

/** What a server may say. */
export type ServerCommand = 'CONNECTED' | 'MESSAGE' | 'RECEIPT' | 'ERROR';

export const CLIENT_COMMANDS: readonly ClientCommand[] = [
  'CONNECT',
  'STOMP',
  'SEND',
  'SUBSCRIBE',
  'UNSUBSCRIBE',
  'ACK',
  'NACK',
  'BEGIN',
  'COMMIT',
  'ABORT',
  'DISCONNECT',
];

export const SERVER_COMMANDS: readonly ServerCommand[] = [
  'CONNECTED',
  'MESSAGE',
  'RECEIPT',
  'ERROR',
];

/** One frame, as it was read. */
export interface StompFrame<Command extends string = string> {
  readonly command: Command;
  /** In their order; of repeated ones the first (STOMP 1.2, "Repeated Header Entries"). */
  readonly headers: ReadonlyMap<string, string>;
  /** The frame's own octets; empty when it has none. */
  readonly body: Octets;
}

/** Names and values to write; what cannot be said in a version is left out. */
export type StompHeaders = readonly (readonly [name: string, value: string])[];
