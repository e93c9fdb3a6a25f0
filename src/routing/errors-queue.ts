/** Owns telling a session of what failed, where its dialect cannot answer: on `/user/queue/errors`, to it alone (semantics H4, E5). */
import type { RequestError } from '../foundation/index.js';
import { Message, userDestination } from '../message/index.js';
import type { Session } from '../session/index.js';
import { serverActingFor } from './owner.js';
import { clientCaller, type Router } from './router.js';

/** Below the prefix of users. */
export const ERRORS_DESTINATION = '/queue/errors';

/** What of the client's own words a failure is about: those that it had. */
export interface FailedOperation {
  readonly destination?: string | undefined;
  /** The client's id of a subscription. */
  readonly subscription?: string | undefined;
  readonly transaction?: string | undefined;
  /** The receipt that does not come. */
  readonly receipt?: string | undefined;
}

/** A failure as its client is told of it. */
export function toldOf(error: RequestError, about: FailedOperation): object {
  const { code, number, message } = error;
  // What a schema had against a payload.
  const issues = 'issues' in error ? { issues: error.issues } : {};
  return { code, number, message, ...about, ...issues };
}

export class ErrorsQueue {
  /** As clients subscribe to it. */
  readonly destination: string;
  readonly #router: Router;
  readonly #userPrefix: string;

  constructor(router: Router, userPrefix: string) {
    this.#router = router;
    this.#userPrefix = userPrefix;
    this.destination = `${userPrefix}${ERRORS_DESTINATION}`;
  }

  /**
   * Publishes it for that session alone, at its expense; answers whether it was: an interceptor may drop it. Rejects with a
   * RequestError.
   */
  async tell(session: Session, error: RequestError, about: FailedOperation): Promise<boolean> {
    const { sessionId, principal } = session;
    const { position } = await this.#router.send(
      serverActingFor(clientCaller(session)),
      userDestination(this.#userPrefix, principal.name ?? sessionId, ERRORS_DESTINATION),
      {
        message: Message.fromJson(toldOf(error, about)),
        audience: { onlySessionId: sessionId },
      },
    );
    return position !== undefined;
  }
}
