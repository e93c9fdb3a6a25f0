/** Owns subscriptions that the server makes for a session, in its own name. */
import { quoted } from '../message/index.js';
import { RequestError } from '../foundation/index.js';
import type { Session } from '../session/index.js';
import type { Router } from './router.js';

/**
 * Subscribes a session to a destination or pattern and tells its client, to whom deliveries of it then come. The id is the
 * destination. A session that has it already, under whatever id, or has ended, is left as it is; one where it is being opened is
 * waited for, unless the handler that asks answers, by whatever way, that opening: `within` is the subscription that it answers.
 * Rejects with a RequestError, `subscription/exists` where the client has given that id to another destination.
 */
export function subscribeByServer(
  router: Router,
  session: Session,
  destination: string,
  within?: string,
): Promise<void> {
  const open = async (): Promise<void> => {
    if (session.isEnded || hasSubscriptionOf(session, destination)) return;
    const opened = await router.subscribe(session, destination, { isByServer: true });
    const { subscription, cursor } = opened;
    // Ended, or taken over by its client, while it was being opened.
    if (!subscription.isClosed) session.startSubscribed(subscription, cursor);
  };
  return session.openingByServer(destination, open, within);
}

/**
 * Ends a subscription that the server made. Answers whether there was one. Throws a RequestError `access/denied` for one
 * that the client itself made: the access rules are the way to end those.
 */
export function unsubscribeByServer(session: Session, destination: string): boolean {
  const subscription = session.subscription(destination);
  if (subscription?.name !== destination) return false;
  if (!subscription.grant.isOfServer) {
    throw new RequestError(
      'access/denied',
      `the client itself subscribed to ${quoted(destination)}; a rule of access ends that`,
    );
  }
  session.endSubscribed(subscription);
  return true;
}

/** By the name: a client may have ids of its own, and may even call something else so. */
function hasSubscriptionOf({ subscriptions }: Session, destination: string): boolean {
  for (const { name } of subscriptions) if (name === destination) return true;
  return false;
}
