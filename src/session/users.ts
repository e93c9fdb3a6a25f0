/** Owns the questions about who is connected: names, their sessions, and what these are subscribed to. */
import type { ListedSession, SessionRegistry } from './session-registry.js';

/** One live session, as it stood when it was asked about. */
export interface UserSession {
  readonly sessionId: string;
  /** The principal's name; undefined when anonymous. */
  readonly name: string | undefined;
  /** What carries it, such as `websocket`. */
  readonly transport: string;
  readonly subscriptions: readonly UserSubscription[];
}

/** One subscription of a session. */
export interface UserSubscription {
  readonly sessionId: string;
  /** The client's own word for it, or the destination where its dialect has no such word. */
  readonly id: string;
  /** The destination or pattern. */
  readonly destination: string;
}

/** A view of the live sessions. Answers are copies: they do not change afterwards, and hold nothing alive. */
export class Users {
  readonly #registry: SessionRegistry;

  constructor(registry: SessionRegistry) {
    this.#registry = registry;
  }

  /** Names with at least one live session, in the order in which they came. Anonymous sessions have none. */
  get names(): readonly string[] {
    return [...this.#registry.names()];
  }

  /** How many names have a live session. */
  get count(): number {
    return this.#registry.nameCount;
  }

  /** Live sessions, anonymous ones too. */
  get sessionCount(): number {
    return this.#registry.count;
  }

  /** Whether a principal of that name has a live session. */
  has(name: string): boolean {
    for (const _ of this.#registry.sessionsOf(name)) return true;
    return false;
  }

  /** The live sessions of a principal, in the order in which they began; none for a name that is not there. */
  sessionsOf(name: string): readonly UserSession[] {
    return Array.from(this.#registry.sessionsOf(name), viewOf);
  }

  /** A live session by its id, of a named principal or an anonymous one. */
  session(sessionId: string): UserSession | undefined {
    const session = this.#registry.session(sessionId);
    return session === undefined ? undefined : viewOf(session);
  }

  /** Every subscription that `matches` accepts. Looks at each of every session: for operators, not for every message. */
  findSubscriptions(
    matches: (subscription: UserSubscription) => boolean,
  ): readonly UserSubscription[] {
    const found: UserSubscription[] = [];
    for (const session of this.#registry.sessions()) {
      for (const subscription of subscriptionsOf(session)) {
        if (matches(subscription)) found.push(subscription);
      }
    }
    return found;
  }
}

function viewOf(session: ListedSession): UserSession {
  const { sessionId, principal, connection } = session;
  return {
    sessionId,
    name: principal.name,
    transport: connection.transport,
    subscriptions: subscriptionsOf(session),
  };
}

function subscriptionsOf({ sessionId, subscriptions }: ListedSession): UserSubscription[] {
  return Array.from(subscriptions, ({ id, name }) => ({ sessionId, id, destination: name }));
}
