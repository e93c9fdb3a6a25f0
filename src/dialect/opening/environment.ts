/** Owns what the sessions of a dialect are given by the server. */
import type { HeldTotal, Log } from '../../foundation/index.js';
import type { Router } from '../../routing/index.js';
import type { Admission, Authenticate, SessionEnvironment } from '../../session/index.js';

export interface DialectEnvironment {
  readonly session: SessionEnvironment;
  readonly router: Router;
  readonly authenticate: Authenticate;
  /** Who is told how far a connection has come. Nobody when left out. */
  readonly admission?: Admission;
  /** What is kept of operations that have begun to come, of all connections. */
  readonly unfinished: HeldTotal;
  readonly newSessionId: () => string;
  /** What `connected` tells the client; the transport enforces it. */
  readonly maxMessageBytes: number;
  /** Time from the accepted connection to its open session; then it ends with `session/connect-timeout`. */
  readonly connectTimeoutMs: number;
  /** Time for what a dialect spreads over many WebSocket messages, from its first octet to its last; 0: for ever. */
  readonly messageTimeoutMs: number;
  /** The shortest heartbeat that a client is given. */
  readonly minHeartbeatIntervalMs: number;
  readonly log: Log;
}
