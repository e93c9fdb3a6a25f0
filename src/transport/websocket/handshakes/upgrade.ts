/** Owns the server's side of an HTTP upgrade: judging the request, answering 101 or an error, and never leaving the socket hanging. */
import { STATUS_CODES, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import type { Duplex } from 'node:stream';
import {
  PROTOCOL_VERSION,
  acceptKey,
  checkUpgradeRequest,
  type AcceptedUpgrade,
  type RefusedUpgrade,
} from '../../../protocol/websocket/index.js';
import { sha1Base64 } from './accept-key.js';
import { visibleHeaders } from './visible-headers.js';

/** Judges the request by RFC 6455 §4.2.1; `versions` are those that are spoken, 13 alone by default. */
export function judgeUpgrade(
  request: IncomingMessage,
  versions: readonly string[] = [PROTOCOL_VERSION],
): AcceptedUpgrade | RefusedUpgrade {
  const headers = new Map(visibleHeaders(request));
  // A request that never was on a wire, as `injectWS` of Fastify makes it, lacks what only a wire has to say.
  const isMadeByHand = (request as Partial<IncomingMessage>).rawHeaders === undefined;
  if (isMadeByHand && !headers.has('host')) headers.set('host', ['localhost']);
  const { httpVersionMajor = 1, httpVersionMinor = 1 } = request as Partial<IncomingMessage>;
  return checkUpgradeRequest({
    versions,
    method: request.method ?? '',
    httpVersionMajor,
    httpVersionMinor,
    headers,
  });
}

/** The lines of the 101 answer (RFC 6455 §4.2.2, item 5). */
export function acceptanceHeaders(key: string, subprotocol: string): string[] {
  // RFC 6455 §4.2.2, items 5.1 to 5.6: status, Upgrade, Connection, Accept, at most one subprotocol,
  // and extensions only where they are agreed, by `answerDeflateOffer`.
  const lines = [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${acceptKey(key, sha1Base64)}`,
  ];
  if (subprotocol !== '') lines.push(`Sec-WebSocket-Protocol: ${subprotocol}`);
  return lines;
}

/** Answers with an HTTP error and a text that says why, then ends the connection. */
export function refuseUpgrade(
  socket: Duplex,
  status: number,
  message: string = STATUS_CODES[status] ?? '',
  headers: Readonly<OutgoingHttpHeaders> = {},
): void {
  const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}`];
  const fields: OutgoingHttpHeaders = {
    Connection: 'close',
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': Buffer.byteLength(message),
    ...headers,
  };
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    for (const one of Array.isArray(value) ? value : [value]) lines.push(`${name}: ${String(one)}`);
  }
  if (socket.listenerCount('error') === 0) socket.on('error', () => socket.destroy());
  socket.once('finish', () => socket.destroy());
  socket.end(`${lines.join('\r\n')}\r\n\r\n${message}`);
}

/** Path of a request target, without its query. */
export function pathOf(request: IncomingMessage): string {
  const target = request.url ?? '/';
  const end = target.indexOf('?');
  return end < 0 ? target : target.slice(0, end);
}
