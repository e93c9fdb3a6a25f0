/** Owns whom an operation is charged to: who publishes, and for whom streams and queues are born (semantics Q1). */
import { SERVER_OWNER, type Owner } from '../foundation/index.js';
import type { Caller } from './mount.js';
import { SERVER_CALLER } from './router.js';

/** The session that stands behind it, or the server itself, whose message ids are its own even where somebody else is charged. */
export function ownerOf({ session, chargedShare }: Caller): Owner {
  if (session !== undefined) return session.owner;
  return chargedShare === undefined ? SERVER_OWNER : { id: SERVER_OWNER.id, share: chargedShare };
}

/** The server, where it sends what comes of somebody's message: no one's share grows by way of a handler. */
export function serverActingFor(caller: Caller): Caller {
  const chargedShare = caller.session?.owner.share ?? caller.chargedShare;
  return chargedShare === undefined ? SERVER_CALLER : { ...SERVER_CALLER, chargedShare };
}
