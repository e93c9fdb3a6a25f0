/** Owns upgrades to something else than WebSocket: HTTP/1.1 answers them as if nobody had asked (RFC 9110 §7.8). */
import type { IncomingMessage, Server } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { Duplex } from 'node:stream';

/** Whether WebSocket is among the protocols that a request asks for. */
export function asksForWebSocket({ headers }: IncomingMessage): boolean {
  return tokensOf(headers.upgrade ?? '').some((token) => token.toLowerCase() === 'websocket');
}

/** What an upgrade to HTTP/2 says beside it (RFC 7540 §3.2.1); without the upgrade it means nothing. */
const SETTINGS = 'http2-settings';
const UPGRADE_FIELDS: ReadonlySet<string> = new Set(['upgrade', SETTINGS]);

/**
 * Gives a connection back to the server that has read a request from it and taken it for an upgrade. It reads the request once more,
 * without the upgrade, and its body, of which `head` has come.
 */
export function handBack(
  server: Server | HttpsServer,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  if (socket.destroyed) return;
  socket.unshift(Buffer.concat([Buffer.from(headOf(request), 'latin1'), head]));
  // As node:http says, that is how connections are injected; those of TLS come in behind it.
  const isSecure = (socket as { encrypted?: boolean }).encrypted === true;
  server.emit(isSecure ? 'secureConnection' : 'connection', socket);
}

function headOf({ method, url, httpVersion, rawHeaders }: IncomingMessage): string {
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const [name, value] = [rawHeaders[index]!, rawHeaders[index + 1]!];
    const field = name.toLowerCase();
    if (UPGRADE_FIELDS.has(field)) continue;
    const kept = field === 'connection' ? connectionOptionsOf(value) : value;
    if (kept !== '' || value === '') lines.push(`${name}: ${kept}`);
  }
  return `${lines.join('\r\n')}\r\n\r\n`;
}

function connectionOptionsOf(value: string): string {
  const kept = tokensOf(value).filter((token) => !UPGRADE_FIELDS.has(token.toLowerCase()));
  return kept.join(', ');
}

function tokensOf(value: string): string[] {
  return value
    .split(',')
    .map((token) => token.trim())
    .filter((token) => token !== '');
}
