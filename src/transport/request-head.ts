/** Owns what the head of an upgrade request says, as a handshake shows it, and how large it may be. */
import type { IncomingMessage } from 'node:http';
import { visibleHeaders } from './websocket/handshakes/visible-headers.js';

/** Bounds of a head, beside those of the HTTP server. */
export interface HeadLimits {
  /** Header fields; one more is refused with 431. Default 500. */
  readonly maxHandshakeHeaderCount?: number;
  /** Octets of their names and values; more are refused with 431. Default 16,384. */
  readonly maxHandshakeHeadersBytes?: number;
}

const DEFAULT_HEADER_COUNT = 500;
const DEFAULT_HEADERS_BYTES = 16_384;

/** The limit that the header fields are beyond; undefined while they are within both. */
export function limitReachedBy(
  rawHeaders: readonly string[],
  limits: HeadLimits,
): keyof HeadLimits | undefined {
  const {
    maxHandshakeHeaderCount = DEFAULT_HEADER_COUNT,
    maxHandshakeHeadersBytes = DEFAULT_HEADERS_BYTES,
  } = limits;
  if (rawHeaders.length / 2 > maxHandshakeHeaderCount) return 'maxHandshakeHeaderCount';
  let byteLength = 0;
  // Each character is one octet: node:http reads heads as Latin-1.
  for (const text of rawHeaders) byteLength += text.length;
  return byteLength > maxHandshakeHeadersBytes ? 'maxHandshakeHeadersBytes' : undefined;
}

/** What `headers` has now, by lower-case names; values of a repeated one are joined as RFC 7230 §3.2.2 has it. */
export function headersOf(request: IncomingMessage): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  for (const [name, values] of visibleHeaders(request)) {
    headers.set(name, values.join(name === 'cookie' ? '; ' : ', '));
  }
  return headers;
}

export function queryOf(request: IncomingMessage): ReadonlyMap<string, string> {
  const target = request.url ?? '/';
  const start = target.indexOf('?');
  return new Map(new URLSearchParams(start < 0 ? '' : target.slice(start + 1)));
}
