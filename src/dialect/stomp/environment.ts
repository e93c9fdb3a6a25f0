/** Owns what the sessions of STOMP are given by the server. */
import type { DialectEnvironment } from '../opening/index.js';

export interface StompEnvironment extends DialectEnvironment {
  /** What CONNECTED says in `server`: a name, and a version behind a slash. */
  readonly serverName: string;
}
