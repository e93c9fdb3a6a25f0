/** Owns what the parts of a client need of the whole: the way out, ids, and the application's callbacks. */
import type { OutgoingMessage } from './client-message.js';

export interface Wire {
  readonly isConnected: boolean;
  /** What the server takes in one message; Infinity until it has said so. */
  readonly maxMessageBytes: number;
  /** A whole number that no other message of this client has. */
  nextId(): number;
  /** Hands a message to the socket; only while connected. */
  transmit(message: OutgoingMessage): void;
  /** Calls the application; what it throws is reported and goes no further. */
  call(callback: () => void): void;
  /** Tells what has no other place to be told. */
  report(error: unknown): void;
}
