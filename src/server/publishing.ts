/** Owns what the program itself publishes: in the server's own name, past the access rules. */
import { RequestError } from '../foundation/index.js';
import {
  messageOf,
  type Audience,
  type MessageOptions,
  type StreamPosition,
} from '../message/index.js';
import { SERVER_CALLER, type Router } from '../routing/index.js';

/** What may accompany a publication. */
export interface PublishOptions extends MessageOptions {
  /** What `latest` and `sample` tell apart by. */
  readonly key?: string;
  /** A repeated id is answered with the first position and not published again. */
  readonly messageId?: string;
  /** Which sessions it is for, where not for every reader of the destination: one alone, or all but one. */
  readonly audience?: Audience;
}

/** Where a publication went. */
export interface Published extends StreamPosition {
  /** Its `messageId` was known: nothing was published, and the place is that of the first. */
  readonly isDuplicate?: true;
}

/**
 * Answers the position, for destinations that have one, and whether the `messageId` was known. Rejects with a RequestError. One that
 * means "try again" is told to `refused` too, and may go unhandled: a ticker that publishes without waiting, in a server that closes or
 * has no room, must not end the process. What can never be published still may.
 */
export function publishByServer(
  router: Router,
  destination: string,
  body: unknown,
  options: PublishOptions,
  refused: (error: RequestError) => void,
): Promise<Published | undefined> {
  const published = new Promise<Published | undefined>((resolve, reject) => {
    publish(router, destination, body, options).then(resolve, (error: unknown) => {
      if (error instanceof RequestError && error.mayTryAgain) {
        published.catch(() => {});
        refused(error);
      }
      reject(error as Error);
    });
  });
  return published;
}

async function publish(
  router: Router,
  destination: string,
  body: unknown,
  options: PublishOptions,
): Promise<Published | undefined> {
  const { key, messageId, audience } = options;
  const submission = { message: messageOf(body, options), key, messageId, audience };
  const { position, isDuplicate } = await router.send(SERVER_CALLER, destination, submission);
  return position === undefined || isDuplicate !== true ? position : { ...position, isDuplicate };
}
