/** Owns topics, the broker: publish and subscribe on named streams, patterns included (semantics K2). */
import { RequestError } from '../../foundation/index.js';
import { ownerOf, refuseOtherPolicies } from '../../routing/index.js';
import type {
  Mount,
  MountKind,
  OpenedSubscription,
  SendOperation,
  SendOutcome,
  SubscribeOperation,
} from '../../routing/index.js';
import type { DeliverySink } from '../../session/index.js';
import type { Appended, Streams } from '../../streams/index.js';
import type { TopicRules } from './topic-rules.js';

/** A log mount; the stream's name is the destination. */
export class TopicsMount implements Mount {
  readonly kind: MountKind = 'log';
  readonly #streams: Streams;
  readonly #rules: TopicRules;

  constructor(streams: Streams, rules: TopicRules) {
    this.#streams = streams;
    this.#rules = rules;
  }

  /** Resolves when it was appended, with its position. */
  async send(operation: SendOperation): Promise<SendOutcome> {
    return this.#append(operation);
  }

  async subscribe(operation: SubscribeOperation, sink: DeliverySink): Promise<OpenedSubscription> {
    refuseOtherPolicies(operation);
    requireTopic(operation);
    const { destination, pattern, cursor } = operation;
    const opened =
      pattern === undefined
        ? await this.#streams.open(destination, sink, cursor, ownerOf(operation.caller))
        : await this.#streams.openPattern(pattern, sink, cursor, ownerOf(operation.caller));
    return {
      source: opened.source,
      ...(opened.cursor !== undefined && { cursor: opened.cursor }),
      ...(opened.recovered !== undefined && { recovered: opened.recovered }),
    };
  }

  #append(operation: SendOperation): Promise<Appended> {
    requireTopic(operation);
    const { destination, message, key, messageId, audience } = operation;
    const retention = this.#rules.settingsOf(destination);
    return this.#streams.publish(destination, message, {
      key,
      messageId,
      audience,
      owner: ownerOf(operation.caller),
      retention,
    });
  }
}

function requireTopic({ destination, path }: { destination: string; path: string }): void {
  if (path !== '') return;
  throw new RequestError('destination/invalid', `${destination} is a prefix; name a topic in it`);
}
