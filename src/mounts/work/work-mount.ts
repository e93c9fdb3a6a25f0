/** Owns work: queues whose consumers compete, each message kept until one of them has acknowledged it (semantics K2 to K7). */
import { RequestError, Shares, type Owner, type RetainedBudget } from '../../foundation/index.js';
import { quoted } from '../../message/index.js';
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
import { KeptTotal } from './kept-total.js';
import { withoutDeliveryHeaders } from './redelivery.js';
import { WorkQueue, type Queued, type WorkQueueParts } from './work-queue.js';

export interface WorkMountParts extends WorkQueueParts {
  /** Queues known at the same time; one more is refused with `work/full`. A share may have as many as are left free. */
  readonly maxWorkQueueCount: number;
  /** Octets that all queues keep together, remembered message ids included; a send beyond is refused with `work/full`. */
  readonly maxWorkBytes: number;
  /** What all that the server keeps is counted in. */
  readonly retained: RetainedBudget;
}

/** Measured on Node 20: a queue with one consumer and nothing in it. */
const QUEUE_BYTES = 2_500;

/** A log mount; the queue's name is the destination, whatever the prefix. */
export class WorkMount implements Mount {
  readonly kind: MountKind = 'log';
  readonly #parts: WorkMountParts;
  readonly #queues = new Map<string, WorkQueue>();
  /** Queues by who asked for them first. */
  readonly #births: Shares;
  readonly #total: KeptTotal;

  constructor(parts: WorkMountParts) {
    this.#parts = parts;
    this.#births = new Shares(parts.maxWorkQueueCount);
    this.#total = new KeptTotal(parts.maxWorkBytes, parts.retained);
  }

  /** Queues that have messages, consumers, or message ids to remember. */
  get queueCount(): number {
    return this.#queues.size;
  }

  /** Octets that all queues keep. */
  get keptBytes(): number {
    return this.#total.bytes;
  }

  /** Resolves when the message is kept, with its position. */
  async send(operation: SendOperation): Promise<SendOutcome> {
    return this.#append(operation);
  }

  async subscribe(operation: SubscribeOperation, sink: DeliverySink): Promise<OpenedSubscription> {
    refuseOtherPolicies(operation);
    const { destination, pattern, cursor, maxUnacknowledgedCount } = operation;
    if (pattern !== undefined) {
      throw new RequestError(
        'destination/pattern-not-allowed',
        'work queues are subscribed to one by one, without patterns',
      );
    }
    requireQueue(operation);
    const queue = this.#queue(destination, ownerOf(operation.caller));
    const source = queue.open(sink, maxUnacknowledgedCount !== undefined);
    // Nothing can be read again here: what was not acknowledged comes by itself, the rest is somebody else's.
    return { source, ...(cursor !== undefined && { recovered: false }) };
  }

  /** Ends all queues with what they keep. */
  close(): void {
    for (const queue of this.#queues.values()) queue.close();
    this.#queues.clear();
  }

  #append(operation: SendOperation): Queued {
    requireQueue(operation);
    const { destination, key, messageId, audience } = operation;
    if (audience !== undefined) {
      throw new RequestError(
        'message/invalid',
        'a work queue gives a message to whoever is free; it cannot be for some sessions only',
      );
    }
    const message = withoutDeliveryHeaders(operation.message);
    const owner = ownerOf(operation.caller);
    const queue = this.#queue(destination, owner);
    try {
      return queue.append({ message, key, messageId, owner });
    } finally {
      // One that was made for a message that it then refused.
      queue.forgetIfIdle();
    }
  }

  #queue(destination: string, { share }: Owner): WorkQueue {
    const known = this.#queues.get(destination);
    if (known !== undefined) return known;
    const { maxWorkQueueCount, metrics, retained } = this.#parts;
    if (!this.#births.admits(share, 1) || !retained.admits(share, QUEUE_BYTES)) {
      metrics.count('limit_reached', { limit: 'maxWorkQueueCount' });
      throw new RequestError(
        'work/full',
        `there is no room for one more work queue of this client's (${maxWorkQueueCount} at most, maxWorkQueueCount); try again later`,
      );
    }
    const count = (by: 1 | -1): void => {
      this.#births.add(share, by);
      retained.charge(share, by * QUEUE_BYTES);
    };
    const queue = new WorkQueue(destination, this.#parts, this.#total, () => {
      this.#queues.delete(destination);
      count(-1);
    });
    this.#queues.set(destination, queue);
    count(1);
    return queue;
  }
}

function requireQueue({ destination, path }: { destination: string; path: string }): void {
  if (path !== '') return;
  throw new RequestError(
    'destination/invalid',
    `${quoted(destination)} is a prefix; name a queue in it`,
  );
}
