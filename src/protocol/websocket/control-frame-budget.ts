/** Owns how many Pings and Pongs a peer may send: a token bucket, because each of them costs work that no message limit sees. */

/** How many seconds' worth may come at once. */
const BURST_SECONDS = 2;

/** The budget of one peer, full at first. */
export class ControlFrameBudget {
  readonly #framesPerSecond: number;
  #left: number;
  #refilledAtMs: number;

  constructor(framesPerSecond: number, nowMs: number) {
    this.#framesPerSecond = framesPerSecond;
    this.#left = framesPerSecond * BURST_SECONDS;
    this.#refilledAtMs = nowMs;
  }

  /** Spends one frame; false when there is none left. */
  spend(nowMs: number): boolean {
    const gained = ((nowMs - this.#refilledAtMs) * this.#framesPerSecond) / 1000;
    this.#left = Math.min(this.#left + gained, this.#framesPerSecond * BURST_SECONDS);
    this.#refilledAtMs = nowMs;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
