/** Owns what a client is told to connect to: the URL and the subprotocols, each judged before anything is sent. */
import { URL } from 'node:url';
import { isToken } from '../../../protocol/websocket/index.js';
import { AddressError } from './address-error.js';

/** A URL that can be connected to. */
export interface ClientAddress {
  readonly url: URL;
  readonly isSecure: boolean;
  /** Path of a Unix domain socket or name of a pipe; undefined for TCP. */
  readonly socketPath: string | undefined;
  /** The request target: path and query. */
  readonly target: string;
}

/** Throws a SyntaxError for a URL that cannot be connected to. */
export function parseAddress(address: string | URL, base?: URL): ClientAddress {
  const url = parseUrl(address, base);
  if (url.protocol === 'http:') url.protocol = 'ws:';
  else if (url.protocol === 'https:') url.protocol = 'wss:';
  const isLocal = url.protocol === 'ws+unix:';
  if (url.protocol !== 'ws:' && url.protocol !== 'wss:' && !isLocal) {
    throw new AddressError(
      'The URL\'s protocol must be one of "ws:", "wss:", "http:", "https:", or "ws+unix:"',
    );
  }
  if (isLocal && url.pathname === '') throw new AddressError("The URL's pathname is empty");
  // RFC 6455 §3: fragment identifiers MUST NOT be used on a WebSocket URI.
  if (url.href.includes('#')) throw new AddressError('The URL contains a fragment identifier');
  const target = url.pathname + url.search;
  if (!isLocal) {
    return { url, isSecure: url.protocol === 'wss:', socketPath: undefined, target };
  }
  // ws+unix:/path/of/the/socket:/path?query
  const end = target.indexOf(':');
  return {
    url,
    isSecure: false,
    socketPath: end < 0 ? target : target.slice(0, end),
    target: end < 0 ? '/' : target.slice(end + 1),
  };
}

/** A copy, because the caller may change a URL object later. */
function parseUrl(address: string | URL, base: URL | undefined): URL {
  try {
    return new URL(address, base);
  } catch {
    throw new AddressError(`Invalid URL: ${String(address)}`);
  }
}

/** Throws a SyntaxError for subprotocols that must not be asked for. */
export function checkedSubprotocols(protocols: unknown): readonly string[] {
  if (protocols === undefined) return [];
  const names: readonly unknown[] = Array.isArray(protocols) ? protocols : [protocols];
  // RFC 6455 §4.1, request item 10: tokens, all of them unique.
  const areTokens = names.every((name) => typeof name === 'string' && isToken(name));
  // The web platform tests want them unique whatever their case.
  const uniqueNames = new Set(areTokens ? names.map((name) => (name as string).toLowerCase()) : []);
  if (!areTokens || uniqueNames.size !== names.length) {
    throw new AddressError('An invalid or duplicated subprotocol was specified');
  }
  return names as readonly string[];
}
