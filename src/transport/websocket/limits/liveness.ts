/** Owns what ends a connection whose peer is gone, idle or slow: deadlines on the loop's wheel, no timer of its own. */
import { Deadline, type DeadlineWheel } from '../../../foundation/index.js';
import {
  HEARTBEAT_TIMEOUT,
  IDLE_TIMEOUT,
  MESSAGE_TIMEOUT,
  type Violation,
} from '../../../protocol/websocket/index.js';
import type { ConnectionLimits } from './limits.js';

/** An idle connection is looked at this often per `idleTimeoutMs`, and so ends at most that part of it late. */
const IDLE_LOOKS = 4;

/** The connection that is watched. */
export interface LivenessSubject {
  readonly isOpen: boolean;
  /** While nothing is read, the peer's silence says nothing. */
  readonly isReading: boolean;
  readonly isInsideMessage: boolean;
  /** Messages that came and frames that went; compared only. */
  readonly receivedCount: number;
  readonly sentCount: number;
  /** Sends a Ping. */
  ask(): void;
  expired(limit: Violation): void;
}

/** Whether any of the limits that need it is on. */
export function needsLiveness(limits: ConnectionLimits): boolean {
  return limits.heartbeatIntervalMs > 0 || limits.idleTimeoutMs > 0 || limits.messageTimeoutMs > 0;
}

export class Liveness {
  readonly #subject: LivenessSubject;
  readonly #deadlines: DeadlineWheel;
  readonly #limits: ConnectionLimits;
  #heartbeat: Deadline | undefined = undefined;
  #hasInput = false;
  #isAsked = false;
  #idle: Deadline | undefined = undefined;
  #quietLooks = 0;
  #seenCount = 0;
  #message: Deadline | undefined = undefined;
  /** The `receivedCount` at which the message that is timed began; -1 when none is. */
  #timedAt = -1;

  constructor(subject: LivenessSubject, deadlines: DeadlineWheel, limits: ConnectionLimits) {
    this.#subject = subject;
    this.#deadlines = deadlines;
    this.#limits = limits;
    const { heartbeatIntervalMs, idleTimeoutMs } = limits;
    if (heartbeatIntervalMs > 0) {
      this.#heartbeat = new Deadline(() => this.#beat());
      deadlines.set(this.#heartbeat, heartbeatIntervalMs);
    }
    if (idleTimeoutMs > 0) {
      this.#idle = new Deadline(() => this.#lookWhetherIdle());
      deadlines.set(this.#idle, idleTimeoutMs / IDLE_LOOKS);
    }
  }

  /** Called when a chunk has been parsed. */
  inputParsed(): void {
    this.#hasInput = true;
    if (this.#limits.messageTimeoutMs > 0) this.#timeMessage();
  }

  stop(): void {
    if (this.#heartbeat !== undefined) this.#deadlines.clear(this.#heartbeat);
    if (this.#idle !== undefined) this.#deadlines.clear(this.#idle);
    if (this.#message !== undefined) this.#deadlines.clear(this.#message);
  }

  #beat(): void {
    const subject = this.#subject;
    if (!subject.isOpen) return;
    const isAlive = this.#hasInput || !subject.isReading;
    this.#hasInput = false;
    if (isAlive) {
      this.#isAsked = false;
      // No answer can be read; but that its peer is gone for good shows only where something is written.
      if (!subject.isReading) subject.ask();
      this.#deadlines.set(this.#heartbeat!, this.#limits.heartbeatIntervalMs);
    } else if (this.#isAsked) subject.expired(HEARTBEAT_TIMEOUT);
    else {
      this.#isAsked = true;
      subject.ask();
      this.#deadlines.set(this.#heartbeat!, this.#limits.heartbeatTimeoutMs);
    }
  }

  #lookWhetherIdle(): void {
    const subject = this.#subject;
    if (!subject.isOpen) return;
    // Both only rise, so their sum stays the same only when both do.
    const count = subject.receivedCount + subject.sentCount;
    const isActive = count !== this.#seenCount || !subject.isReading || subject.isInsideMessage;
    this.#seenCount = count;
    this.#quietLooks = isActive ? 0 : this.#quietLooks + 1;
    if (this.#quietLooks < IDLE_LOOKS) {
      this.#deadlines.set(this.#idle!, this.#limits.idleTimeoutMs / IDLE_LOOKS);
    } else subject.expired(IDLE_TIMEOUT);
  }

  /** The deadline stands where the message's first octet put it, however slowly the rest comes. */
  #timeMessage(): void {
    const { isInsideMessage, receivedCount } = this.#subject;
    if (!isInsideMessage) this.#timedAt = -1;
    else if (this.#timedAt !== receivedCount) {
      this.#timedAt = receivedCount;
      this.#message ??= new Deadline(() => this.#messageIsDue());
      this.#deadlines.set(this.#message, this.#limits.messageTimeoutMs);
    }
  }

  #messageIsDue(): void {
    const subject = this.#subject;
    if (!subject.isOpen || this.#timedAt === -1) return;
    // What the application does not read, the peer cannot finish.
    if (!subject.isReading) this.#deadlines.set(this.#message!, this.#limits.messageTimeoutMs);
    else subject.expired(MESSAGE_TIMEOUT);
  }
}
