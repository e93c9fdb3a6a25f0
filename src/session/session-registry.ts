/** Owns the list of a server's live sessions, by their ids and by the names of their principals. */
import type { Disconnect, TurnBudget } from '../foundation/index.js';
import type { Principal } from './principal.js';

/** What the list needs of a session. */
export interface ListedSession {
  readonly sessionId: string;
  /** Its name stays the same for as long as the session lives. */
  readonly principal: Principal;
  /** What carries it: a label, such as `websocket`. */
  readonly connection: { readonly transport: string };
  readonly subscriptions: Iterable<{ readonly id: string; readonly name: string }>;
  disconnect(error: Disconnect): void;
}

/** Sessions add themselves when they begin and leave when they end. */
export class SessionRegistry {
  readonly #sessions = new Map<string, ListedSession>();
  /** Of named principals. */
  readonly #byName = new Map<string, Set<ListedSession>>();

  get count(): number {
    return this.#sessions.size;
  }

  /** Names with at least one live session. */
  get nameCount(): number {
    return this.#byName.size;
  }

  names(): Iterable<string> {
    return this.#byName.keys();
  }

  sessions(): Iterable<ListedSession> {
    return this.#sessions.values();
  }

  session(sessionId: string): ListedSession | undefined {
    return this.#sessions.get(sessionId);
  }

  /** In the order in which they began; empty for a name that nobody has who is live. */
  sessionsOf(name: string): Iterable<ListedSession> {
    return this.#byName.get(name) ?? [];
  }

  /** Live sessions of a name. */
  countOf(name: string): number {
    return this.#byName.get(name)?.size ?? 0;
  }

  add(session: ListedSession): void {
    this.#sessions.set(session.sessionId, session);
    const { name } = session.principal;
    if (name === undefined) return;
    const known = this.#byName.get(name);
    if (known === undefined) this.#byName.set(name, new Set([session]));
    else known.add(session);
  }

  remove(session: ListedSession): void {
    this.#sessions.delete(session.sessionId);
    const { name } = session.principal;
    if (name === undefined) return;
    const sessions = this.#byName.get(name);
    sessions?.delete(session);
    if (sessions?.size === 0) this.#byName.delete(name);
  }

  /** Ends every session with the same words, some in each turn. */
  disconnectAll(error: Disconnect, turns: TurnBudget): Promise<void> {
    return turns.inSlices(this.#sessions.values(), (session) => session.disconnect(error));
  }
}
