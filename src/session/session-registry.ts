/** Owns the list of a server's live sessions. */
import type { Disconnect } from '../foundation/index.js';

/** What the list needs of a session. */
export interface ListedSession {
  readonly sessionId: string;
  disconnect(error: Disconnect): void;
}

/** Sessions add themselves when they begin and leave when they end. */
export class SessionRegistry {
  readonly #sessions = new Map<string, ListedSession>();

  get count(): number {
    return this.#sessions.size;
  }

  add(session: ListedSession): void {
    this.#sessions.set(session.sessionId, session);
  }

  remove(session: ListedSession): void {
    this.#sessions.delete(session.sessionId);
  }

  /** Ends every session with the same words. */
  disconnectAll(error: Disconnect): void {
    for (const session of this.#sessions.values()) session.disconnect(error);
  }
}
