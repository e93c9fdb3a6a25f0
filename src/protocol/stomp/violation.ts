/** Owns what is wrong with a peer's octets: fatal, since nothing after it can be understood. */

/** STOMP knows no recovery from one: an ERROR is sent and the connection closed. */
export class StompViolation {
  /** What was wrong, for people. */
  readonly message: string;
  /** The limit that was reached, by its name. */
  readonly limit: string | undefined;

  constructor(message: string, limit?: string) {
    this.message = message;
    this.limit = limit;
  }
}
