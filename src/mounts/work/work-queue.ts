/** Owns one queue: its messages, its consumers, whose turn it is, and when a message comes back. */
import { Deadline, newId, RequestError } from '../../foundation/index.js';
import type { Owner, Random, Time } from '../../foundation/index.js';
import { Publication, quoted, type Message, type StreamPosition } from '../../message/index.js';
import type { DeliverySink } from '../../session/index.js';
import { messageIdBytes } from '../../streams/index.js';
import { DeadLetters, type DeadLettersParts } from './dead-letters.js';
import { keptBytes, KeptMessages, type KeptMessage } from './kept-messages.js';
import type { KeptTotal } from './kept-total.js';
import { MessageIds } from './message-ids.js';
import { deliveryOf, type ReturnReason } from './redelivery.js';
import { WorkConsumer, type ConsumerQueue } from './work-consumer.js';
import type { WorkRules, WorkSettings } from './work-rules.js';

/** What every queue of a mount is given. */
export interface WorkQueueParts extends DeadLettersParts {
  readonly time: Time;
  readonly random: Random;
  readonly rules: WorkRules;
}

export interface QueuedMessage {
  readonly message: Message;
  readonly key: string | undefined;
  readonly messageId: string | undefined;
  /** Who sends it: message ids are its own, and what is kept is charged to its share. */
  readonly owner: Owner;
}

export interface Queued {
  readonly position: StreamPosition;
  readonly isDuplicate: boolean;
}

const EPOCH_BYTES = 6;

export class WorkQueue implements ConsumerQueue {
  readonly #destination: string;
  readonly #epoch: string;
  readonly #parts: WorkQueueParts;
  readonly #total: KeptTotal;
  readonly #forgotten: () => void;
  readonly #kept: KeptMessages;
  readonly #ids: MessageIds;
  readonly #deadLetters: DeadLetters;
  readonly #consumers = new Set<WorkConsumer>();
  /** Consumers to tell of a message, in the order of their turns. */
  readonly #idle = new Set<WorkConsumer>();
  /** Messages that were handed over, in the order in which their time is over. */
  readonly #handed = new Map<KeptMessage, WorkConsumer>();
  readonly #due = new Deadline(() => this.#dueNow());
  /** One each, so that the turns know them again. */
  readonly #dispatchStep = (): void => this.#dispatchNow();
  readonly #dueStep = (): void => this.#dueNow();
  #lastOffset = 0;
  #dispatch: 'none' | 'soon' | 'now' = 'none';
  #isClosed = false;

  /** `forgotten` is called when there is nothing left to know of it. */
  constructor(destination: string, parts: WorkQueueParts, total: KeptTotal, forgotten: () => void) {
    this.#destination = destination;
    this.#epoch = newId(parts.random, EPOCH_BYTES);
    this.#parts = parts;
    this.#total = total;
    this.#forgotten = forgotten;
    this.#kept = new KeptMessages(total);
    const { time: clock, deadlines } = parts;
    this.#ids = new MessageIds({ clock, deadlines, total, settings: () => this.#settings });
    this.#deadLetters = new DeadLetters(destination, parts, (kept) => this.#done(kept));
  }

  /** Throws `work/full`, or `message/too-large` for one that the queue could never keep. */
  append({ message, key, messageId, owner }: QueuedMessage): Queued {
    const epoch = this.#epoch;
    const known = messageId === undefined ? undefined : this.#ids.offsetOf(owner, messageId);
    if (known !== undefined) return { position: { epoch, offset: known }, isDuplicate: true };
    const offset = this.#lastOffset + 1;
    const destination = this.#destination;
    const publishedAtMs = this.#parts.time.nowMs();
    const fields = { destination, epoch, offset, publishedAtMs, key, messageId, owner };
    const publication = new Publication(message, fields);
    const idBytes = messageId === undefined ? 0 : messageIdBytes(owner, messageId);
    this.#refuseBeyondBounds(owner, keptBytes(publication), idBytes);
    this.#lastOffset = offset;
    this.#kept.add(publication, offset);
    if (messageId !== undefined) this.#ids.remember(owner, messageId, offset);
    this.#dispatchSoon();
    return { position: { epoch, offset }, isDuplicate: false };
  }

  open(sink: DeliverySink, isAcknowledging: boolean): WorkConsumer {
    const consumer = new WorkConsumer(this, sink, isAcknowledging);
    this.#consumers.add(consumer);
    return consumer;
  }

  /** Ends it with all that it keeps. */
  close(): void {
    this.#isClosed = true;
    this.#parts.deadlines.clear(this.#due);
    this.#parts.turns.forget(this.#dispatchStep);
    this.#parts.turns.forget(this.#dueStep);
    this.#deadLetters.close();
    this.#ids.clear();
    this.#idle.clear();
    this.#handed.clear();
    this.#kept.clear();
  }

  /** To be called when it was asked for and nothing came of it. */
  forgetIfIdle(): void {
    if (this.#isClosed || this.#consumers.size > 0 || this.#kept.count > 0) return;
    const { lastForMs } = this.#ids;
    // A remembered message id holds for its whole window (semantics S8).
    if (lastForMs > 0) {
      this.#parts.deadlines.set(this.#due, lastForMs);
      return;
    }
    this.close();
    this.#forgotten();
  }

  hand(consumer: WorkConsumer): Publication | undefined {
    if (!this.#consumers.has(consumer)) return undefined;
    if (consumer.isResting || this.#isOutOfTurn(consumer)) {
      this.#idle.add(consumer);
      return undefined;
    }
    this.#toEndOfLine(consumer);
    const kept = this.#kept.take(this.#parts.time.monotonicMs());
    if (kept === undefined) return undefined;
    const delivery = deliveryOf(kept);
    if (consumer.isAcknowledging) {
      consumer.handed.set(kept.offset, kept);
      this.#handed.set(kept, consumer);
      if (this.#handed.size === 1) this.#watchOldest();
    } else this.#kept.remove(kept);
    this.#dispatchSoon();
    return delivery;
  }

  acknowledged(consumer: WorkConsumer, kept: KeptMessage): void {
    // After a time-out somebody else may have it; while it only waits, the late word still counts (semantics K4).
    if (this.isWith(consumer, kept) || kept.state === 'waiting') this.#done(kept);
  }

  rejected(consumer: WorkConsumer, kept: KeptMessage): void {
    if (!this.isWith(consumer, kept)) return;
    // Somebody else may fare better with it.
    if (this.#idle.has(consumer)) this.#toEndOfLine(consumer);
    this.#rest(consumer);
    this.#comesBack(kept, 'rejected');
  }

  /** Who rejects gets nothing more in this turn: one who rejects all that comes would else be handed it again and again. */
  #rest(consumer: WorkConsumer): void {
    if (consumer.isResting) return;
    consumer.isResting = true;
    this.#parts.time.afterTurn(() => {
      consumer.isResting = false;
      this.#dispatchSoon();
    });
  }

  isWith(consumer: WorkConsumer, kept: KeptMessage): boolean {
    return this.#handed.get(kept) === consumer;
  }

  left(consumer: WorkConsumer): void {
    this.#consumers.delete(consumer);
    this.#idle.delete(consumer);
    const handed = [...consumer.handed.values()].sort((a, b) => a.offset - b.offset);
    consumer.handed.clear();
    for (const kept of handed) {
      if (this.isWith(consumer, kept)) this.#comesBack(kept, 'ended');
    }
    this.forgetIfIdle();
  }

  #refuseBeyondBounds({ share }: Owner, bytes: number, idBytes: number): void {
    const { maxMessageCount, maxQueueBytes } = this.#settings;
    if (bytes > maxQueueBytes || bytes + idBytes > this.#total.mostOf(share)) {
      const words = `the message costs ${bytes} octets; this queue keeps ${maxQueueBytes} (maxQueueBytes)`;
      throw new RequestError('message/too-large', words);
    }
    const reached =
      this.#kept.count >= maxMessageCount
        ? 'maxMessageCount'
        : this.#kept.bytes + bytes > maxQueueBytes
          ? 'maxQueueBytes'
          : this.#total.limitAgainst(share, bytes + idBytes);
    if (reached === undefined) return;
    this.#parts.metrics.count('limit_reached', { limit: reached });
    const queue = quoted(this.#destination);
    throw new RequestError('work/full', `${queue} can keep no more (${reached}); try again later`);
  }

  get #settings(): WorkSettings {
    return this.#parts.rules.settingsOf(this.#destination);
  }

  #dispatchSoon(): void {
    if (this.#dispatch !== 'none' || !this.#kept.hasWaiting || this.#idle.size === 0) return;
    this.#dispatch = 'soon';
    this.#parts.time.afterTick(this.#dispatchStep);
  }

  /** Tells one after another, as long as something waits. Those who take something come again after the others. */
  #dispatchNow(): void {
    // A tick cannot be taken back.
    if (this.#isClosed) return;
    const { turns } = this.#parts;
    this.#dispatch = 'now';
    let isOver = true;
    try {
      for (const consumer of this.#idle) {
        if (!this.#kept.hasWaiting) break;
        if (consumer.isResting) continue;
        this.#idle.delete(consumer);
        consumer.tell();
        isOver = turns.spend();
        if (!isOver) break;
      }
    } finally {
      this.#dispatch = 'none';
    }
    if (isOver || !this.#kept.hasWaiting || this.#idle.size === 0) return;
    this.#dispatch = 'soon';
    turns.later(this.#dispatchStep, 'prompt');
  }

  /** Whether others stand before it in the line, who are about to be told. */
  #isOutOfTurn(consumer: WorkConsumer): boolean {
    if (this.#dispatch !== 'soon') return false;
    const [first] = this.#idle;
    return first !== undefined && first !== consumer;
  }

  #toEndOfLine(consumer: WorkConsumer): void {
    this.#idle.delete(consumer);
    this.#idle.add(consumer);
  }

  #done(kept: KeptMessage): void {
    // Nothing is kept any more, and a late acknowledgement must not be counted off again.
    if (this.#isClosed) return;
    this.#handed.delete(kept);
    this.#kept.remove(kept);
    this.forgetIfIdle();
  }

  #comesBack(kept: KeptMessage, reason: ReturnReason): void {
    this.#handed.delete(kept);
    if (kept.deliveryCount >= this.#settings.maxDeliveryCount) {
      this.#giveUp(kept, reason);
      return;
    }
    this.#parts.metrics.count('work_returned', { reason });
    this.#kept.putBack(kept);
    this.#dispatchSoon();
  }

  #giveUp(kept: KeptMessage, reason: ReturnReason): void {
    const { metrics, log } = this.#parts;
    const destination = this.#destination;
    const { deadLetter } = this.#settings;
    if (deadLetter === undefined || deadLetter === destination) {
      metrics.count('work_dropped', { reason });
      log.warn('a message was delivered too often and dropped', { destination, reason });
      this.#done(kept);
      return;
    }
    this.#deadLetters.add(kept, deadLetter, reason);
  }

  #dueNow(): void {
    const { acknowledgeTimeoutMs } = this.#settings;
    const endMs = this.#parts.time.monotonicMs() - acknowledgeTimeoutMs;
    for (const [kept, consumer] of this.#handed) {
      if (acknowledgeTimeoutMs === 0 || kept.handedAtMs > endMs) break;
      if (!this.#parts.turns.spend()) {
        this.#parts.turns.later(this.#dueStep, 'backlog');
        return;
      }
      // Its place is free again, so it may be given another one, or this one if nobody else takes it.
      this.#toEndOfLine(consumer);
      this.#comesBack(kept, 'timed-out');
    }
    this.#watchOldest();
    this.forgetIfIdle();
  }

  #watchOldest(): void {
    const [oldest] = this.#handed.keys();
    const { acknowledgeTimeoutMs } = this.#settings;
    if (oldest === undefined || acknowledgeTimeoutMs === 0) return;
    const passedMs = this.#parts.time.monotonicMs() - oldest.handedAtMs;
    this.#parts.deadlines.set(this.#due, acknowledgeTimeoutMs - passedMs);
  }
}
