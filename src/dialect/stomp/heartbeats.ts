/** Owns the heartbeats of one session in both directions, on the deadlines that all sessions share. */
import { Deadline, type DeadlineWheel } from '../../foundation/index.js';

/** Deadlines come due up to this much late. */
const DEADLINE_GRAIN_MS = 250;
/** STOMP 1.2, "Heart-beating": an error margin. A client is given up after so many intervals without an octet. */
const SILENT_INTERVAL_COUNT = 3;

export interface HeartbeatOutlet {
  /** Nothing was written for nearly the interval. */
  heartbeatDue(): void;
  /** The client was silent for an interval: is its connection there? What answers that is `heard` too. */
  askPeer(): void;
  /** The client has been silent for too long. */
  peerSilent(): void;
}

/** Counts what is written and heard rather than when: looking at a clock for each message would cost more. */
export class Heartbeats {
  // What a delivery sets comes first.
  #hasWritten = false;
  readonly #deadlines: DeadlineWheel;
  readonly #outlet: HeartbeatOutlet;
  readonly #sending = new Deadline(() => this.#lookAtWritten());
  readonly #hearing = new Deadline(() => this.#lookAtHeard());
  #sendsEveryMs = 0;
  #hearsEveryMs = 0;
  #hasHeard = false;
  #silentCount = 0;

  constructor(deadlines: DeadlineWheel, outlet: HeartbeatOutlet) {
    this.#deadlines = deadlines;
    this.#outlet = outlet;
  }

  /** Intervals in milliseconds; 0 means none in that direction. */
  start(sendsEveryMs: number, hearsEveryMs: number): void {
    this.#sendsEveryMs = sendsEveryMs;
    this.#hearsEveryMs = hearsEveryMs;
    if (sendsEveryMs > 0) this.#deadlines.set(this.#sending, this.#lookIntervalMs);
    if (hearsEveryMs > 0) this.#deadlines.set(this.#hearing, hearsEveryMs);
  }

  stop(): void {
    this.#deadlines.clear(this.#sending);
    this.#deadlines.clear(this.#hearing);
  }

  written(): void {
    this.#hasWritten = true;
  }

  heard(): void {
    this.#hasHeard = true;
    this.#silentCount = 0;
  }

  /** Two looks, each up to a grain late, fit into an interval: no silence is longer than it. */
  get #lookIntervalMs(): number {
    return Math.max(this.#sendsEveryMs / 2 - DEADLINE_GRAIN_MS, this.#sendsEveryMs / 4);
  }

  #lookAtWritten(): void {
    // Set first: what the outlet does may end the session, and with it the deadlines.
    this.#deadlines.set(this.#sending, this.#lookIntervalMs);
    // A heartbeat counts as written at the next look, so that an idle connection gets one in two looks.
    if (this.#hasWritten) this.#hasWritten = false;
    else this.#outlet.heartbeatDue();
  }

  #lookAtHeard(): void {
    this.#deadlines.set(this.#hearing, this.#hearsEveryMs);
    if (!this.#hasHeard) this.#silentCount += 1;
    this.#hasHeard = false;
    if (this.#silentCount >= SILENT_INTERVAL_COUNT) this.#outlet.peerSilent();
    // The timers of a hidden page run once a minute, and its heartbeats with them.
    else if (this.#silentCount > 0) this.#outlet.askPeer();
  }
}
