/** Owns what the log says of clients: who was refused or sent away, why, and from where. */
import type { Disconnect, DisconnectCode, Log } from '../foundation/index.js';
import type { Connection, EndedClient } from '../session/index.js';

/** What an operator may have to act upon; the rest is a client's own affair. */
const WARNINGS: ReadonlySet<DisconnectCode> = new Set<DisconnectCode>([
  'session/slow-consumer',
  'session/too-many',
  'session/too-many-operations',
  'server/overloaded',
]);
/** What happens to every client sooner or later. */
const ORDINARY: ReadonlySet<DisconnectCode> = new Set<DisconnectCode>([
  'server/shutdown',
  'session/token-expired',
]);

/** Tells of a client that the server sent away. Lines of one code are limited as lines of one kind. */
export function logEnd(
  log: Log,
  connection: Connection,
  { code, closeCode, message }: Disconnect,
  client: EndedClient | undefined,
): void {
  const level = WARNINGS.has(code) ? 'warn' : ORDINARY.has(code) ? 'debug' : 'info';
  const { connectionId, transport, handshake } = connection;
  log[level](`a client was sent away: ${code}`, {
    reason: message,
    closeCode,
    address: handshake.peer.address,
    ...(client !== undefined && { sessionId: client.sessionId }),
    ...(client?.principal.name !== undefined && { name: client.principal.name }),
    transport,
    path: handshake.path,
    connectionId,
  });
}
