/** Owns what the program itself publishes: in the server's own name, past the access rules. */
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

/** Answers the position, for destinations that have one, and whether the `messageId` was known. Rejects with a RequestError. */
export async function publishByServer(
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
