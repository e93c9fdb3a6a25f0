/** Owns whose something is: the key under which budgets of a name, an address or a session count what somebody uses, and its owner. */
import type { Owner } from '../foundation/index.js';
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
  return nameKey(principal) ?? addressKey(connection) ?? sessionKey(sessionId);
}

/**
 * Whose all is that a session publishes and opens: charged to its share, while message ids are a name's, or else the session's own
 * (semantics Q1, S8). To be asked for once, and kept.
 */
export function sessionOwner({ sessionId, principal, connection }: ChargedSession): Owner {
  const id = nameKey(principal) ?? sessionKey(sessionId);
  const share = principal.name === undefined ? (addressKey(connection) ?? id) : id;
  return Object.freeze({ id, share });
}

/** The same for a connection that has no session yet, whoever it turns out to be. */
export function connectionShareKey(
  connection: Pick<Connection, 'handshake' | 'connectionId'>,
): string {
  return addressKey(connection) ?? `connection ${connection.connectionId}`;
}

function nameKey({ name }: Principal): string | undefined {
  return name === undefined ? undefined : `name ${name}`;
}

function sessionKey(sessionId: string): string {
  return `session ${sessionId}`;
}

function addressKey({ handshake }: Pick<Connection, 'handshake'>): string | undefined {
  const { share } = handshake.peer;
  return share === undefined ? undefined : `address ${share}`;
}
