/** Owns which failures to connect no waiting mends: an address that is wrong, or a server that is none of ours. */
import { systemCodeOf } from './failure.js';

/** No such name; no TLS, or none that is trusted; no HTTP. */
const HOPELESS_CODES =
  /^(?:ENOTFOUND|EPROTO|HPE_\w+|ERR_TLS_\w+|ERR_SSL_\w+|CERT_\w+|UNABLE_TO_\w+|\w*SELF_SIGNED_CERT\w*|HOSTNAME_MISMATCH)$/;
/** Answers to a handshake that another server gives, or one of another protocol. */
const HOPELESS_WORDS = /^(?:Invalid |Server sent )/;
/** Request Timeout, Too Early, Too Many Requests: the server asks for another try. */
const TRY_AGAIN: ReadonlySet<number> = new Set([408, 425, 429]);

/** Whether the same attempt fails however often it is made. What is not known to is tried again. */
export function isHopeless(error: Error): boolean {
  const status = Number(/^Unexpected server response: (\d{3})$/.exec(error.message)?.[1] ?? 0);
  if (status > 0) return status < 500 && !TRY_AGAIN.has(status);
  return HOPELESS_CODES.test(systemCodeOf(error) ?? '') || HOPELESS_WORDS.test(error.message);
}
