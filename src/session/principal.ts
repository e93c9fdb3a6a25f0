/** Owns who somebody is: the outcome of authentication. */

/** The authenticated other end of a session. */
export interface Principal {
  /** Unique name; undefined when anonymous. */
  readonly name: string | undefined;
  /** What the token said beside the name. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** Wall-clock instant after which nothing may be sent to it any more; undefined when it does not end. */
  readonly expiresAtMs: number | undefined;
}

export const ANONYMOUS: Principal = { name: undefined, claims: {}, expiresAtMs: undefined };
