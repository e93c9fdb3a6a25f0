/** Owns the days that the chart shows: a window that moves with the replay. */

export interface TradingDay {
  readonly date: string;
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
}

const DATE = /^\d{4}-\d{2}-\d{2}$/;

/** A trading day, or undefined for anything else: a topic may carry what anybody publishes. */
export function readTradingDay(body: unknown): TradingDay | undefined {
  const { date, open, high, low, close } = Object(body) as Record<keyof TradingDay, unknown>;
  if (typeof date !== 'string' || !DATE.test(date) || Number.isNaN(Date.parse(date))) {
    return undefined;
  }
  if (!isPrice(open) || !isPrice(high) || !isPrice(low) || !isPrice(close)) return undefined;
  return { date, open, high, low, close };
}

function isPrice(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0;
}

export class PriceWindow {
  readonly #maxDayCount: number;
  #days: TradingDay[] = [];

  constructor(maxDayCount: number) {
    this.#maxDayCount = maxDayCount;
  }

  /** Oldest first. */
  get days(): readonly TradingDay[] {
    return this.#days;
  }

  clear(): void {
    this.#days = [];
  }

  /** Takes a day that is later than all so far; any other is shown already. */
  add(day: TradingDay): void {
    const last = this.#days.at(-1);
    if (last !== undefined && day.date <= last.date) return;
    this.#days.push(day);
    if (this.#days.length > this.#maxDayCount) this.#days.shift();
  }

  /** Whether the replay must have begun again: the day is earlier than everything shown. */
  isEarlierThanAll(day: TradingDay): boolean {
    const first = this.#days[0];
    return first !== undefined && day.date < first.date;
  }
}
