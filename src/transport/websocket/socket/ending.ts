/** Owns what is known of the end of a connection, from when it begins until the socket is gone. */
import { Deadline } from '../../../foundation/index.js';
import { ClosingHandshake, type Role } from '../../../protocol/websocket/index.js';

/** What it costs to end a socket, in units of a turn's budget. */
export const LEAVE_UNITS = 4;

/** Most of a connection's life there is none: nobody closes it. */
export class Ending {
  readonly handshake: ClosingHandshake;
  /** The reason in the peer's Close frame. */
  reason: Buffer = Buffer.alloc(0);
  readonly deadline: Deadline;

  constructor(role: Role, late: () => void) {
    this.handshake = new ClosingHandshake(role);
    this.deadline = new Deadline(late);
  }
}
