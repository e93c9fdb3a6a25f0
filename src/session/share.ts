/** Owns whom something is charged to: the key under which budgets of a name, an address or a session count what somebody uses. */
import type { Connection } from './connection.js';
import type { Principal } from './principal.js';

/** What is known of somebody whose session is open. */
export interface ChargedSession {
  readonly sessionId: string;
  readonly principal: Principal;
  readonly connection: Pick<Connection, 'handshake'>;
}

/**
 * His name where he has one, however many sessions and addresses he has; else his address, unless it is many people's; else the one
 * session alone. Keys of the three kinds never meet, and the key of a session is the same for as long as it lives.
 */
export function sessionShareKey({ sessionId, principal, connection }: ChargedSession): string {
  if (principal.name !== undefined) return `name ${principal.name}`;
  return addressKey(connection) ?? `session ${sessionId}`;
}

/** The same for a connection that has no session yet, whoever it turns out to be. */
export function connectionShareKey(
  connection: Pick<Connection, 'handshake' | 'connectionId'>,
): string {
  return addressKey(connection) ?? `connection ${connection.connectionId}`;
}

function addressKey({ handshake }: Pick<Connection, 'handshake'>): string | undefined {
  const { share } = handshake.peer;
  return share === undefined ? undefined : `address ${share}`;
}
