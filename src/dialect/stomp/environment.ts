/** Owns what the sessions of STOMP are given by the server. */
import type { ErrorsQueue } from '../../routing/index.js';
import type { DialectEnvironment } from '../opening/index.js';

export interface StompEnvironment extends DialectEnvironment {
  /** What CONNECTED says in `server`: a name, and a version behind a slash. */
  readonly serverName: string;
  /** Where a client that reads it is told of what was refused; undefined: by an ERROR, which ends its connection. */
  readonly errorsQueue?: ErrorsQueue | undefined;
}
