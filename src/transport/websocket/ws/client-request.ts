/** Owns the HTTP request of a client's opening handshake: what node:http is told, and how the socket is made. */
import type { OutgoingHttpHeaders, RequestOptions as HttpOptions } from 'node:http';
import type { RequestOptions as HttpsOptions } from 'node:https';
import net from 'node:net';
import * as querystring from 'node:querystring';
import tls from 'node:tls';
import type { ClientAddress } from './client-address.js';
import type { ClientOptions } from './client-options.js';
import type { Luggage } from './client-redirects.js';

export const DEFAULT_PROTOCOL_VERSION = 13;
/** 8 is the last draft that some old servers speak; its frames are those of 13. */
const PROTOCOL_VERSIONS: readonly unknown[] = [8, DEFAULT_PROTOCOL_VERSION];
const DEFAULT_PORT = 80;
const DEFAULT_SECURE_PORT = 443;

/** Throws a RangeError for a version that is not spoken. */
export function checkedVersion(options: ClientOptions): number {
  const { protocolVersion = DEFAULT_PROTOCOL_VERSION } = options;
  if (!PROTOCOL_VERSIONS.includes(protocolVersion)) {
    throw new RangeError(
      `Unsupported protocol version: ${String(protocolVersion)} ` +
        `(supported versions: ${PROTOCOL_VERSIONS.join(', ')})`,
    );
  }
  return protocolVersion;
}

/** Options of `http.request`: the user's, with what the address and the handshake say. */
export function requestOptions(
  address: ClientAddress,
  options: ClientOptions,
  luggage: Luggage,
  handshake: OutgoingHttpHeaders,
): HttpsOptions {
  const { url, isSecure, socketPath, target } = address;
  const defaultPort = isSecure ? DEFAULT_SECURE_PORT : DEFAULT_PORT;
  const forHttp: HttpsOptions & { protocol?: string | undefined } = {
    ...(options as HttpsOptions),
    protocol: undefined,
    hostname: undefined,
    timeout: undefined,
    // RFC 6455 §4.1, request items 2 to 4: GET with the resource name; node:http adds HTTP/1.1 and Host.
    method: 'GET',
    host: hostOf(url),
    port: url.port === '' ? defaultPort : url.port,
    defaultPort: options.defaultPort ?? defaultPort,
    path: target,
    socketPath,
    // RFC 6455 §4.1, request items 5, 6, 7 and 9: MUST be there, so they win over the caller's.
    headers: { ...luggage.headers, ...handshake },
    auth: luggage.auth,
    // Without an agent: one connection is one socket, and none is kept for later.
    createConnection: options.createConnection ?? (isSecure ? connectTls : connectTcp),
  };
  return forHttp;
}

function hostOf(url: URL): string {
  const { hostname } = url;
  return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
}

/** `user:password` of the URL, or what the options say. */
export function credentialsOf(url: URL, options: ClientOptions): string | undefined {
  if (url.username === '' && url.password === '') return options.auth ?? undefined;
  // Unlike decodeURIComponent it takes whatever is written.
  return `${querystring.unescape(url.username)}:${querystring.unescape(url.password)}`;
}

function connectTcp(options: HttpOptions): net.Socket {
  // `path` is the request target; to node:net it would be a socket of the file system.
  return net.connect({ ...options, path: options.socketPath } as net.NetConnectOpts);
}

function connectTls(options: HttpsOptions): tls.TLSSocket {
  const host = options.host ?? '';
  // RFC 6455 §4.1, item 5: Server Name Indication MUST be used; RFC 6066 §3: not for literal addresses.
  // A certificate that does not verify fails the handshake, which is Node's default.
  const servername = options.servername ?? (net.isIP(host) === 0 ? host : '');
  return tls.connect({ ...options, path: undefined, servername } as tls.ConnectionOptions);
}
