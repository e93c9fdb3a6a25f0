/** Owns what handlers send: in the server's name, to destinations, to users, and their values to where the mapping says. */
import {
  messageOf,
  userDestination,
  type Audience,
  type Captures,
  type StreamPosition,
} from '../../message/index.js';
import { serverActingFor, type Caller, type Router } from '../../routing/index.js';
import type { HandlerSendOptions, HandlerSendToUserOptions } from './handler.js';
import type { ValueMessages } from './value-message.js';
import { completed, type ValueTargets } from './value-targets.js';

/** Prefixes that values go to. */
export interface MappingPrefixes {
  /** Before the path of a mapping whose value has no other destination. Default `/topic`. */
  readonly replyPrefix?: string;
  /** Before the path where `sendToUser` is `true`. Default `/queue`. */
  readonly userReplyPrefix?: string;
  /** Where the user destinations are mounted. Default `/user`. */
  readonly userPrefix?: string;
}

/** The message whose handler's value is being sent. */
export interface ValueOrigin {
  readonly caller: Caller;
  /** Below the prefix of the mappings. */
  readonly path: string;
  readonly variables: Captures;
}

/** One destination of a value. */
interface Way {
  readonly destination: string;
  readonly audience: Audience | undefined;
}

export class Outbox {
  readonly #router: Router;
  readonly #values: ValueMessages;
  readonly #replyPrefix: string;
  readonly #userReplyPrefix: string;
  readonly #userPrefix: string;

  constructor(router: Router, values: ValueMessages, prefixes: MappingPrefixes = {}) {
    this.#router = router;
    this.#values = values;
    this.#replyPrefix = prefixes.replyPrefix ?? '/topic';
    this.#userReplyPrefix = prefixes.userReplyPrefix ?? '/queue';
    this.#userPrefix = prefixes.userPrefix ?? '/user';
  }

  /** Rejects with a RequestError. `sender` is the session that `excludeSender` means. */
  send(
    sender: Caller,
    destination: string,
    payload: unknown,
    options: HandlerSendOptions = {},
  ): Promise<StreamPosition | undefined> {
    const audience = audienceOf(sender, options.excludeSender);
    return this.#send(sender, destination, payload, options, audience);
  }

  /** Rejects with a RequestError. */
  async sendToUser(
    sender: Caller,
    name: string,
    destination: string,
    payload: unknown,
    options: HandlerSendToUserOptions = {},
  ): Promise<StreamPosition | undefined> {
    const { sessionId: onlySessionId, excludeSender } = options;
    const rest = audienceOf(sender, excludeSender);
    const audience = onlySessionId === undefined ? rest : { ...rest, onlySessionId };
    const whole = userDestination(this.#userPrefix, name, destination);
    return this.#send(sender, whole, payload, options, audience);
  }

  /** Sends a value to its targets; `undefined` and `null` are no value. Rejects with a RequestError. */
  async sendValue(value: unknown, targets: ValueTargets, origin: ValueOrigin): Promise<void> {
    if (value === undefined || value === null) return;
    const message = this.#values.of(value);
    // All are known before the first is sent: a value goes to each of them, or to none.
    const ways = [...this.#topicsOf(targets, origin), ...this.#usersOf(targets, origin)];
    await Promise.all(
      ways.map(({ destination, audience }) =>
        this.#send(origin.caller, destination, message, {}, audience),
      ),
    );
  }

  #topicsOf({ topics, excludesSender }: ValueTargets, origin: ValueOrigin): Way[] {
    const audience = audienceOf(origin.caller, excludesSender);
    return topics.map((template) => ({
      destination: destinationOf(template, this.#replyPrefix, origin),
      audience,
    }));
  }

  #usersOf({ users, isBroadcast, excludesSender }: ValueTargets, origin: ValueOrigin): Way[] {
    const { session, principal } = origin.caller;
    // An anonymous sender is one session; the server itself and its HTTP API are nobody.
    const name = principal.name ?? session?.sessionId;
    if (name === undefined) return [];
    const others = audienceOf(origin.caller, excludesSender);
    const audience = isBroadcast ? others : { ...others, onlySessionId: session?.sessionId };
    return users.map((template) => ({
      destination: userDestination(
        this.#userPrefix,
        name,
        destinationOf(template, this.#userReplyPrefix, origin),
      ),
      audience,
    }));
  }

  async #send(
    sender: Caller,
    destination: string,
    payload: unknown,
    options: HandlerSendOptions,
    audience: Audience | undefined,
  ): Promise<StreamPosition | undefined> {
    const { key, messageId } = options;
    const message = messageOf(payload, options);
    const submission = { message, key, messageId, audience };
    return (await this.#router.send(serverActingFor(sender), destination, submission)).position;
  }
}

function audienceOf(sender: Caller, excludesSender: boolean | undefined): Audience | undefined {
  if (excludesSender !== true || sender.session === undefined) return undefined;
  return { exceptSessionId: sender.session.sessionId };
}

/** Throws a RequestError `destination/invalid` where a variable has no value. */
function destinationOf(template: string | undefined, prefix: string, origin: ValueOrigin): string {
  return template === undefined ? `${prefix}${origin.path}` : completed(template, origin.variables);
}
