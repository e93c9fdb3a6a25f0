/** Owns the right to one operation on a destination or pattern; a subscription keeps its own (semantics A3). */
import type { Principal } from './principal.js';

export type Operation = 'send' | 'subscribe' | 'request';

/** Decides about one concrete destination for the grant's principal and operation. */
export type Covers = (destination: string) => boolean;

/** Decisions about concrete destinations that a pattern's grant remembers. */
const MAX_REMEMBERED_DECISIONS = 1024;

/** Valid until its principal's authentication ends or it is revoked. */
export class Grant {
  readonly principal: Principal;
  readonly operation: Operation;
  /** The destination or pattern that it was given for. */
  readonly scope: string;
  readonly #covers: Covers | undefined;
  readonly #decisions = new Map<string, boolean>();
  #isRevoked = false;

  /** `covers` is asked for each concrete destination of a pattern; an exact scope needs none. */
  constructor(principal: Principal, operation: Operation, scope: string, covers?: Covers) {
    this.principal = principal;
    this.operation = operation;
    this.scope = scope;
    this.#covers = covers;
  }

  /** Whether anything may pass at this instant. */
  isValidAt(nowMs: number): boolean {
    if (this.#isRevoked) return false;
    return this.principal.expiresAtMs === undefined || nowMs < this.principal.expiresAtMs;
  }

  /** Whether every destination of the scope is covered without asking about each. */
  get isExact(): boolean {
    return this.#covers === undefined;
  }

  /** Whether one concrete destination inside the scope may pass. */
  covers(destination: string): boolean {
    if (this.#covers === undefined) return true;
    const known = this.#decisions.get(destination);
    if (known !== undefined) return known;
    const decision = this.#covers(destination);
    if (this.#decisions.size >= MAX_REMEMBERED_DECISIONS) this.#decisions.clear();
    this.#decisions.set(destination, decision);
    return decision;
  }

  revoke(): void {
    this.#isRevoked = true;
  }
}
