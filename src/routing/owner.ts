/** Owns whom an operation is charged to: who publishes, and for whom streams and queues are born (semantics Q1). */
import { SERVER_OWNER, type Owner } from '../foundation/index.js';
import type { Caller } from './mount.js';

/** The session that stands behind it, or the server itself. */
export function ownerOf({ session }: Pick<Caller, 'session'>): Owner {
  return session === undefined ? SERVER_OWNER : session.owner;
}
