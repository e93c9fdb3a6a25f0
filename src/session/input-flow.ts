/** Owns flow control inwards: what of a session is under way and what it costs; beyond its limits its connection is not read. */
import { Shares, type Metrics, type TurnBudget } from '../foundation/index.js';

/** Who can be told to hand on nothing more for a while: a connection, or a dialect that has read more than it has handed on. */
export interface InputGate {
  pauseInput(): void;
  resumeInput(): void;
}

export interface InputFlowLimits {
  /** Operations of one session that are under way; while there are so many, its connection is not read. */
  readonly maxOperationCount: number;
  /** Octets of those, about; while there are so many, its connection is not read. */
  readonly maxWaitingBytes: number;
}

/** What a session may have under way whatever the others have: nobody is shut out by them. */
const LEAST_SHARE_BYTES = 16_384;

/** What all sessions of a server have under way together. */
export class InputFlowBudget {
  readonly #maxBytes: number;
  readonly #turns: TurnBudget;
  readonly #metrics: Metrics;
  #bytes = 0;
  /**
   * Octets that sessions keep beside their operations, by their shares. A sum of its own: what is kept is freed by what a client says
   * next, so it must not be a reason not to read it.
   */
  readonly kept: Shares;
  /** Those whose input is paused for the sum. */
  readonly #paused = new Set<InputFlow>();
  readonly #lookAgain = (): void => this.#resumeSome();

  /** `maxBytes`: octets that may be under way of all sessions; beyond it only those are read that have next to nothing under way. */
  constructor(maxBytes: number, turns: TurnBudget, metrics: Metrics) {
    this.#maxBytes = maxBytes;
    this.kept = new Shares(maxBytes);
    this.#turns = turns;
    this.#metrics = metrics;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isSpent(): boolean {
    return this.#bytes >= this.#maxBytes;
  }

  add(bytes: number): void {
    this.#bytes += bytes;
  }

  remove(bytes: number): void {
    this.#bytes -= bytes;
    if (this.#paused.size > 0 && this.#hasRoomAgain) this.#turns.later(this.#lookAgain, 'backlog');
  }

  paused(flow: InputFlow, limit: string): void {
    if (limit === 'maxTotalWaitingBytes') this.#paused.add(flow);
    this.#metrics.count('limit_reached', { limit });
  }

  resumed(flow: InputFlow): void {
    this.#paused.delete(flow);
  }

  /** Not at once when it falls below the limit, so that it does not go back and forth. */
  get #hasRoomAgain(): boolean {
    return this.#bytes < this.#maxBytes * 0.75;
  }

  #resumeSome(): void {
    for (const flow of this.#paused) {
      if (!this.#hasRoomAgain) return;
      flow.reconsider();
      if (!this.#turns.spend()) {
        this.#turns.later(this.#lookAgain, 'backlog');
        return;
      }
    }
  }
}

/** Operations count from their beginning until they have settled, also beyond the end of their session. */
export class InputFlow {
  readonly #gate: InputGate;
  readonly #limits: InputFlowLimits;
  readonly #budget: InputFlowBudget;
  readonly #share: string;
  #count = 0;
  #bytes = 0;
  /** The limit for which its input is paused. */
  #pausedFor: string | undefined = undefined;
  #hasEnded = false;

  /** `share`: whom what is kept is charged to. */
  constructor(gate: InputGate, limits: InputFlowLimits, budget: InputFlowBudget, share: string) {
    this.#share = share;
    this.#gate = gate;
    this.#limits = limits;
    this.#budget = budget;
  }

  /** Whether its connection is not read. */
  get isPaused(): boolean {
    return this.#pausedFor !== undefined;
  }

  get count(): number {
    return this.#count;
  }

  /** An operation of about so many octets has begun. */
  begin(bytes: number): void {
    this.#count += 1;
    this.#bytes += bytes;
    this.#budget.add(bytes);
    if (this.#pausedFor !== undefined || this.#hasEnded) return;
    this.#pausedFor = this.#limitReached();
    if (this.#pausedFor === undefined) return;
    this.#budget.paused(this, this.#pausedFor);
    this.#gate.pauseInput();
  }

  /** It has settled; to be called once, with the same number. */
  end(bytes: number): void {
    this.#count -= 1;
    this.#bytes -= bytes;
    this.#budget.remove(bytes);
    if (this.#pausedFor !== undefined) this.reconsider();
  }

  /** Octets that are kept for the session beside its operations; answers whether its share has room for them. */
  keep(bytes: number): boolean {
    const { kept } = this.#budget;
    if (!kept.admits(this.#share, bytes)) return false;
    kept.add(this.#share, bytes);
    return true;
  }

  /** They are not kept any more. */
  letGo(bytes: number): void {
    this.#budget.kept.add(this.#share, -bytes);
  }

  /** Is read again as soon as half of what it may have is free: not at once, or it would go back and forth. */
  reconsider(): void {
    if (this.#pausedFor === undefined || !(this.#hasEnded || this.#isFree)) return;
    this.#pausedFor = undefined;
    this.#budget.resumed(this);
    this.#gate.resumeInput();
  }

  /** The session has ended: its connection is read, to see how it ends. */
  sessionEnded(): void {
    this.#hasEnded = true;
    this.reconsider();
  }

  #limitReached(): string | undefined {
    const { maxOperationCount, maxWaitingBytes } = this.#limits;
    if (this.#count >= maxOperationCount) return 'maxOperationCount';
    if (this.#bytes >= maxWaitingBytes) return 'maxWaitingBytes';
    const isOverShare = this.#budget.isSpent && this.#bytes >= LEAST_SHARE_BYTES;
    return isOverShare ? 'maxTotalWaitingBytes' : undefined;
  }

  get #isFree(): boolean {
    const { maxOperationCount, maxWaitingBytes } = this.#limits;
    switch (this.#pausedFor) {
      case 'maxOperationCount':
        return this.#count <= maxOperationCount / 2;
      case 'maxWaitingBytes':
        return this.#bytes <= maxWaitingBytes / 2;
      default:
        return !this.#budget.isSpent || this.#bytes < LEAST_SHARE_BYTES;
    }
  }
}
