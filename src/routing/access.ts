/** Owns the access rules: pattern rules in code that decide who may do what (semantics A1 to A3, D3). */
import { yesOrNo } from '../foundation/index.js';
import { DestinationPattern, quoted, type Captures } from '../message/index.js';
import type { GrantAuthority, Operation, Principal } from '../session/index.js';

export type OperationSelection = Operation | readonly Operation[] | 'any';

/** Decides for one principal. A capture that met a wildcard of a pattern subscription has the value `*` or `**`. */
export type AccessCondition = (principal: Principal, captures: Captures) => boolean;

/** What holds where no rule says anything: `open` allows, `closed` refuses (semantics A2). */
export type DefaultAccess = 'open' | 'closed';

interface AccessRule {
  readonly effect: 'allow' | 'deny';
  readonly operations: ReadonlySet<Operation>;
  readonly pattern: DestinationPattern;
  readonly condition: AccessCondition | undefined;
}

const ALL_OPERATIONS: readonly Operation[] = ['send', 'subscribe', 'request'];

/** Never open by default: what is sent there speaks in the server's name, or governs it. */
function closedByDefault(
  userPrefixes: readonly string[],
): readonly { operations: readonly Operation[]; pattern: string }[] {
  return [
    ...userPrefixes.map((prefix) => ({
      operations: ['send', 'request'] as const,
      pattern: `${prefix}/**`,
    })),
    { operations: ALL_OPERATIONS, pattern: '/ops/**' },
    { operations: ALL_OPERATIONS, pattern: '/ops' },
  ];
}

/** Hears once that something was refused which no rule names and which would be open elsewhere. */
export type ClosedRefusalListener = (operation: Operation, scope: string) => void;

/** A condition that only named principals meet. */
export const authenticated: AccessCondition = (principal) => principal.name !== undefined;

/**
 * What an application says and asks about access. Rules in any order: what a `deny` rule matches is refused, else what an `allow`
 * rule matches is allowed, else the default holds, which is decided when listening begins and not by the application.
 */
export interface AccessControl {
  /** Throws `destination/invalid` for a pattern that is none, a TypeError for an operation or a condition that is none. */
  allow(operations: OperationSelection, pattern: string, condition?: AccessCondition): this;
  /** Throws `destination/invalid` for a pattern that is none, a TypeError for an operation or a condition that is none. */
  deny(operations: OperationSelection, pattern: string, condition?: AccessCondition): this;
  readonly defaultAccess: DefaultAccess;
  /** Rules that allow something: where nothing is open by default, only what they name is reachable. */
  readonly allowRuleCount: number;
}

/**
 * The rules of a server. A pattern subscription is allowed by a rule that covers the whole pattern; a `deny` rule that only
 * overlaps it takes effect at each concrete destination, at delivery.
 */
export class AccessRules implements GrantAuthority, AccessControl {
  readonly #rules: AccessRule[] = [];
  readonly #closed: readonly {
    readonly operations: ReadonlySet<Operation>;
    readonly pattern: DestinationPattern;
  }[];
  #default: DefaultAccess = 'closed';
  #generation = 0;
  /** Of the current generation; they go with their principals. */
  #decisions = new WeakMap<Principal, Map<Operation, Map<string, boolean>>>();
  #onClosedRefusal: ClosedRefusalListener | undefined;

  /** `userPrefixes`: where user destinations are, to which no client may send by default. */
  constructor(
    userPrefixes: readonly string[] = ['/user'],
    onClosedRefusal?: ClosedRefusalListener,
  ) {
    this.#onClosedRefusal = onClosedRefusal;
    this.#closed = closedByDefault(userPrefixes).map(({ operations, pattern }) => ({
      operations: new Set(operations),
      pattern: DestinationPattern.parse(pattern),
    }));
  }

  /** Rises with every change: grants given before it are asked about again at their next delivery. */
  get generation(): number {
    return this.#generation;
  }

  get defaultAccess(): DefaultAccess {
    return this.#default;
  }

  get allowRuleCount(): number {
    return this.#rules.filter(({ effect }) => effect === 'allow').length;
  }

  /** Decided once, when listening begins, by configuration or by whether every bound address is loopback. */
  setDefault(access: DefaultAccess): void {
    this.#default = access;
    this.#beginGeneration();
  }

  allow(operations: OperationSelection, pattern: string, condition?: AccessCondition): this {
    return this.#add('allow', operations, pattern, condition);
  }

  deny(operations: OperationSelection, pattern: string, condition?: AccessCondition): this {
    return this.#add('deny', operations, pattern, condition);
  }

  decisionsFor(principal: Principal, operation: Operation): Map<string, boolean> {
    let ofPrincipal = this.#decisions.get(principal);
    if (ofPrincipal === undefined) this.#decisions.set(principal, (ofPrincipal = new Map()));
    let decisions = ofPrincipal.get(operation);
    if (decisions === undefined) ofPrincipal.set(operation, (decisions = new Map()));
    return decisions;
  }

  permits(principal: Principal, operation: Operation, scope: string): boolean {
    const wanted = DestinationPattern.parse(scope);
    let isAllowed = false;
    let isNamed = false;
    for (const rule of this.#rules) {
      if (!rule.operations.has(operation)) continue;
      const captures = rule.pattern.capturesOfPattern(wanted);
      if (captures === undefined) continue;
      isNamed = true;
      if (
        rule.condition !== undefined &&
        !yesOrNo(rule.condition(principal, captures), 'the condition of an access rule')
      )
        continue;
      if (rule.effect === 'deny') return false;
      isAllowed = true;
    }
    if (isAllowed) return true;
    if (this.#isClosedByDefault(operation, wanted)) return false;
    if (this.#default === 'open') return true;
    if (!isNamed) this.#tellOnce(operation, scope);
    return false;
  }

  #beginGeneration(): void {
    this.#generation += 1;
    this.#decisions = new WeakMap();
  }

  #tellOnce(operation: Operation, scope: string): void {
    const tell = this.#onClosedRefusal;
    this.#onClosedRefusal = undefined;
    tell?.(operation, scope);
  }

  #isClosedByDefault(operation: Operation, wanted: DestinationPattern): boolean {
    return this.#closed.some(
      ({ operations, pattern }) => operations.has(operation) && pattern.covers(wanted),
    );
  }

  #add(
    effect: AccessRule['effect'],
    operations: OperationSelection,
    pattern: string,
    condition: AccessCondition | undefined,
  ): this {
    const selected = selectedOperations(operations);
    // One that is never called would leave a `deny` without effect.
    if (condition !== undefined && typeof condition !== 'function') {
      throw new TypeError(`the condition of the rule for ${pattern} is no function`);
    }
    this.#rules.push({
      effect,
      operations: new Set(selected),
      pattern: DestinationPattern.parse(pattern),
      condition,
    });
    this.#beginGeneration();
    return this;
  }
}

/** Throws a TypeError: a misspelt operation would leave a `deny` without effect. */
function selectedOperations(operations: OperationSelection): readonly Operation[] {
  if (operations === 'any') return ALL_OPERATIONS;
  const selected: readonly unknown[] = Array.isArray(operations) ? operations : [operations];
  const known: readonly unknown[] = ALL_OPERATIONS;
  const unknown = selected.find((operation) => !known.includes(operation));
  if (unknown === undefined && selected.length > 0 && !selected.includes(undefined)) {
    return selected as readonly Operation[];
  }
  const what = selected.length === 0 ? 'an empty list' : quoted(String(unknown));
  throw new TypeError(`${what} is no operation; there are ${ALL_OPERATIONS.join(', ')}, any`);
}
