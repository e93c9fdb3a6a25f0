/** Owns the goals of fairness, and the shape of what the probe inside the server tells. */

/** CPU time of the longest turn: this decides. */
export const MAX_TURN_CPU_MS = 25;
/** Wait for a receipt, p99.9. */
export const MAX_RECEIPT_MS = 100;
/** CPU time of ten times the frames over that of once. */
export const MAX_RATIO = 12;

/** What the probe found since it was last asked to begin. */
export interface TurnReport {
  /** CPU time of the longest turn, in the main thread. */
  readonly longestCpuMs: number;
  /** How long the longest turn took by the wall clock. */
  readonly longestWallMs: number;
  /** How much of the longest turn was the collector. */
  readonly collectorMs: number;
  /** Turns longer than the goal. */
  readonly overCount: number;
}

/** What is in use after full collections. */
export interface UsedReport {
  readonly usedBytes: number;
}
