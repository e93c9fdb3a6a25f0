/** Owns the closing handshake (RFC 6455 §7): who has said Close, what is to be said back, and who ends the TCP connection. */
import { CLOSE_ABNORMAL } from './close-code.js';

export type Role = 'client' | 'server';

/** How one end stands with regard to closing. */
export class ClosingHandshake {
  readonly #role: Role;
  /** A Close frame of ours is on its way; nothing but that frame may be the last. */
  isCloseSent = false;
  /** The peer's Close frame is here; what follows it is not looked at. */
  isCloseReceived = false;
  /** The peer broke the protocol, so its Close frame is not waited for. */
  isFailed = false;
  /** RFC 6455 §7.1.5: the code of the peer's Close frame; 1005 without one, 1006 when no frame came. */
  closeCode: number = CLOSE_ABNORMAL;

  constructor(role: Role) {
    this.#role = role;
  }

  /** Asks to send a Close frame; true for the first who asks. */
  sendClose(): boolean {
    // RFC 6455 §5.5.1: the application MUST NOT send any more data frames after a Close frame.
    if (this.isCloseSent) return false;
    this.isCloseSent = true;
    return true;
  }

  /** Notes the peer's Close frame; the answer is the code to echo, or undefined when none is owed. */
  closeReceived(closeCode: number): number | undefined {
    this.isCloseReceived = true;
    this.closeCode = closeCode;
    // RFC 6455 §5.5.1: an endpoint that did not send a Close frame MUST send one in response.
    return this.isCloseSent ? undefined : closeCode;
  }

  /** Notes that the peer broke the protocol (RFC 6455 §7.1.7); true when a Close frame is to be sent. */
  fail(): boolean {
    this.isFailed = true;
    return this.sendClose();
  }

  /** Whether this end is to end its side of the TCP connection now. */
  get endsConnection(): boolean {
    // RFC 6455 §7.1.7: having failed the connection, an endpoint does not wait for the peer.
    if (this.isFailed) return this.isCloseSent;
    // RFC 6455 §7.1.1: the server closes first, so that it holds no TIME_WAIT; the client waits for it.
    return this.#role === 'server' && this.isCloseSent && this.isCloseReceived;
  }
}
