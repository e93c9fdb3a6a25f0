/** Owns the right to one operation on a destination or pattern; a subscription keeps its own (semantics A3). */
import type { Principal } from './principal.js';

export type Operation = 'send' | 'subscribe' | 'request';

/** Who decides; a new generation means that earlier decisions may no longer hold. */
export interface GrantAuthority {
  readonly generation: number;
  /** Whether the principal may do this to every destination of `scope`, a destination or a pattern. */
  permits(principal: Principal, operation: Operation, scope: string): boolean;
  /**
   * What it has decided in this generation about concrete destinations that patterns hold: one for all grants of a principal, since
   * a thousand patterns over a thousand streams would be a million decisions. Undefined where none needs to be remembered.
   */
  decisionsFor?(principal: Principal, operation: Operation): Map<string, boolean>;
}

/** What the server itself does is allowed, whatever rules say about its clients. */
const SERVER_AUTHORITY: GrantAuthority = { generation: 0, permits: () => true };

/** Decisions about concrete destinations that are remembered of one principal. */
const MAX_REMEMBERED_DECISIONS = 1024;

/** Given once, checked at every delivery: ends with its principal's token, by revocation or by a new rule. */
export class Grant {
  // What a delivery asks for comes first.
  readonly #authority: GrantAuthority;
  #generation: number;
  #isPermitted = true;
  /** Whether the scope is one destination. */
  readonly isExact: boolean;
  /** The principal's, here because every delivery asks for it. */
  readonly #expiresAtMs: number;
  readonly principal: Principal;
  readonly operation: Operation;
  /** The destination or pattern that it was given for. */
  readonly scope: string;
  #decisions: Map<string, boolean> | undefined = undefined;

  constructor(
    authority: GrantAuthority,
    principal: Principal,
    operation: Operation,
    scope: { readonly text: string; readonly isExact: boolean },
  ) {
    this.#authority = authority;
    this.#generation = authority.generation;
    this.principal = principal;
    this.#expiresAtMs = principal.expiresAtMs ?? Infinity;
    this.operation = operation;
    this.scope = scope.text;
    this.isExact = scope.isExact;
  }

  /** The right to what the server does for a principal in its own name; it ends with the principal's token alone. */
  static ofServer(
    principal: Principal,
    operation: Operation,
    scope: { readonly text: string; readonly isExact: boolean },
  ): Grant {
    return new Grant(SERVER_AUTHORITY, principal, operation, scope);
  }

  get isOfServer(): boolean {
    return this.#authority === SERVER_AUTHORITY;
  }

  /** The same right for a principal whose token was renewed. Only of the server's own: others are decided anew. */
  renewedFor(principal: Principal): Grant {
    return Grant.ofServer(principal, this.operation, { text: this.scope, isExact: this.isExact });
  }

  /** Whether the token of its principal has ended at this instant. */
  isExpiredAt(nowMs: number): boolean {
    return nowMs >= this.#expiresAtMs;
  }

  /** Whether anything may pass under it now; asks again when the rules have changed. */
  get isPermitted(): boolean {
    if (this.#generation !== this.#authority.generation) {
      this.#generation = this.#authority.generation;
      this.#decisions = undefined;
      this.#isPermitted &&= this.#authority.permits(this.principal, this.operation, this.scope);
    }
    return this.#isPermitted;
  }

  /** Whether a concrete destination inside the scope may pass: a pattern's are decided one by one. */
  covers(destination: string): boolean {
    if (this.isExact) return true;
    const decisions = (this.#decisions ??= this.#authority.decisionsFor?.(
      this.principal,
      this.operation,
    ));
    if (decisions === undefined) {
      return this.#authority.permits(this.principal, this.operation, destination);
    }
    const known = decisions.get(destination);
    if (known !== undefined) return known;
    const decision = this.#authority.permits(this.principal, this.operation, destination);
    if (decisions.size >= MAX_REMEMBERED_DECISIONS) decisions.clear();
    decisions.set(destination, decision);
    return decision;
  }

  /** Ends it for good. */
  revoke(): void {
    this.#isPermitted = false;
  }
}
