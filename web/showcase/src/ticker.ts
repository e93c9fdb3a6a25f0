/** Owns the ticker: a whole window asked for once, then day by day as the topic delivers. */
import replay from '../replay.json';
import type { Connection } from './connection.js';
import { element } from './elements.js';
import { PriceChart } from './price-chart.js';
import { PriceWindow, readTradingDay, type TradingDay } from './price-window.js';

const TICKER = '/topic/ticker/sp500';
const RECENT = '/app/ticker/recent';
/** A reader who asked for less motion gets a picture that changes this seldom. */
const CALM_INTERVAL_MS = 2000;
const YEAR_TRADING_DAYS = 252;
const YEAR_MS = 365.25 * 86_400_000;

export function startTicker(connection: Connection): void {
  const feed = new TickerFeed(connection, new TickerView());
  const pauseButton = element('ticker-pause', HTMLButtonElement);
  pauseButton.addEventListener('click', () => {
    if (feed.isRunning) feed.stop();
    else feed.start();
    pauseButton.textContent = feed.isRunning ? 'Pause' : 'Continue';
  });
  feed.start();
}

/** Joins the window that was asked for to the days that the topic delivers. */
class TickerFeed {
  readonly #connection: Connection;
  readonly #view: TickerView;
  readonly #prices = new PriceWindow(replay.windowDays);
  #unsubscribe: (() => void) | undefined;
  /** Days that were delivered while the window was being asked for. */
  #early: TradingDay[] | undefined;

  constructor(connection: Connection, view: TickerView) {
    this.#connection = connection;
    this.#view = view;
  }

  get isRunning(): boolean {
    return this.#unsubscribe !== undefined;
  }

  start(): void {
    this.#early = [];
    this.#unsubscribe = this.#connection.subscribe(TICKER, {
      onDelivery: ({ body }) => this.#take(readTradingDay(body)),
      // Recovered means that no day is missing; in all other cases the window is asked for anew.
      onLive: (recovered) => {
        if (recovered !== true) void this.#fill();
      },
    });
  }

  stop(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    this.#view.freeze();
  }

  #take(day: TradingDay | undefined): void {
    if (day === undefined) return;
    if (this.#early !== undefined) {
      this.#early.push(day);
    } else if (this.#prices.isEarlierThanAll(day)) {
      void this.#fill();
    } else {
      this.#prices.add(day);
      this.#view.update(this.#prices.days);
    }
  }

  async #fill(): Promise<void> {
    const early: TradingDay[] = [];
    this.#early = early;
    const recent = await recentDays(this.#connection);
    if (this.#early !== early) return; // Asked for again meanwhile: the later answer counts.
    this.#early = undefined;
    this.#prices.clear();
    for (const day of [...recent, ...early]) this.#prices.add(day);
    this.#view.update(this.#prices.days);
  }
}

async function recentDays(connection: Connection): Promise<readonly TradingDay[]> {
  try {
    const { days } = Object(await connection.request(RECENT, {})) as { days?: unknown };
    if (!Array.isArray(days)) return [];
    return days.map(readTradingDay).filter((day) => day !== undefined);
  } catch {
    // Without them the chart fills up from the live days alone.
    return [];
  }
}

class TickerView {
  readonly #host = element('ticker-chart', HTMLElement);
  readonly #empty = element('ticker-empty', HTMLElement);
  readonly #date = element('ticker-date', HTMLTimeElement);
  readonly #change = element('ticker-change', HTMLElement);
  readonly #chart = new PriceChart(this.#host, replay.windowDays);
  readonly #calm = matchMedia('(prefers-reduced-motion: reduce)');
  #cancelDraw: (() => void) | undefined;
  #days: readonly TradingDay[] = [];

  constructor() {
    element('ticker-symbol', HTMLElement).textContent = replay.symbol;
    element('ticker-speed', HTMLElement).textContent = speedWords();
  }

  /** Draws at most once per frame, however many days arrive in it. */
  update(days: readonly TradingDay[]): void {
    this.#days = days;
    if (this.#cancelDraw !== undefined) return;
    const draw = (): void => {
      this.#cancelDraw = undefined;
      this.#draw();
    };
    const isFirst = !this.#empty.hidden;
    if (this.#calm.matches && !isFirst) {
      const timer = setTimeout(draw, CALM_INTERVAL_MS);
      this.#cancelDraw = () => clearTimeout(timer);
    } else {
      const frame = requestAnimationFrame(draw);
      this.#cancelDraw = () => cancelAnimationFrame(frame);
    }
  }

  /** Nothing moves from here on until the next update. */
  freeze(): void {
    this.#cancelDraw?.();
    this.#cancelDraw = undefined;
  }

  #draw(): void {
    const day = this.#days.at(-1);
    if (day === undefined) return;
    this.#empty.hidden = true;
    this.#chart.draw(this.#days);
    this.#date.textContent = longDate.format(new Date(day.date));
    this.#date.dateTime = day.date;
    for (const price of ['open', 'high', 'low', 'close'] as const) {
      element(`ticker-${price}`, HTMLElement).textContent = money.format(day[price]);
    }
    this.#showChange(day, this.#days.at(-2));
  }

  #showChange(day: TradingDay, before: TradingDay | undefined): void {
    const change = before === undefined ? 0 : day.close / before.close - 1;
    this.#change.dataset['direction'] = change > 0 ? 'up' : change < 0 ? 'down' : 'none';
    this.#change.textContent = before === undefined ? '' : percent.format(change);
  }
}

const money = new Intl.NumberFormat('en', { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const percent = new Intl.NumberFormat('en', {
  style: 'percent',
  minimumFractionDigits: 2,
  signDisplay: 'exceptZero',
});
const longDate = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'UTC' });
const roughly = new Intl.NumberFormat('en', { maximumSignificantDigits: 2 });

function speedWords(): string {
  const { symbol, firstDate, lastDate, intervalMs } = replay;
  const yearMs = YEAR_TRADING_DAYS * intervalMs;
  return (
    `Real daily prices of the ${symbol}, ${firstDate.slice(0, 4)} to ${lastDate.slice(0, 4)}, ` +
    `one trading day every ${intervalMs / 1000} seconds: a year passes in about ` +
    `${roughly.format(yearMs / 1000)} seconds, some ${roughly.format(YEAR_MS / yearMs)} times ` +
    `faster than it happened. At the end it begins again.`
  );
}
