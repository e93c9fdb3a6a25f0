/** Owns the drawing of the closing prices with uPlot, in the colours of the page. */
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { TradingDay } from './price-window.js';
import { onThemeChange } from './theme.js';

const SECONDS_PER_DAY = 86_400;
const CALENDAR_DAYS_PER_TRADING_DAY = 365.25 / 252;
const AXIS_FONT = '12px system-ui, sans-serif';

export class PriceChart {
  readonly #host: HTMLElement;
  readonly #plot: uPlot;
  readonly #colors = new Map<string, string>();

  constructor(host: HTMLElement, windowDays: number) {
    this.#host = host;
    this.#plot = new uPlot(this.#options(windowDays), [[], []], host);
    new ResizeObserver(() => this.#plot.setSize(this.#size())).observe(host);
    onThemeChange(() => {
      this.#colors.clear();
      this.#plot.redraw(false, true);
    });
  }

  draw(days: readonly TradingDay[]): void {
    const atSeconds = days.map(({ date }) => Date.parse(date) / 1000);
    this.#plot.setData([atSeconds, days.map(({ close }) => close)]);
  }

  #size(): { width: number; height: number } {
    return { width: this.#host.clientWidth, height: this.#host.clientHeight };
  }

  #options(windowDays: number): uPlot.Options {
    const spanSeconds = windowDays * CALENDAR_DAYS_PER_TRADING_DAY * SECONDS_PER_DAY;
    const axis = {
      stroke: () => this.#color('--muted'),
      grid: { stroke: () => this.#color('--line'), width: 1 },
      ticks: { show: false },
      font: AXIS_FONT,
    };
    return {
      ...this.#size(),
      // Days of the exchange have no time zone: UTC keeps them where they are.
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC'),
      legend: { show: false },
      cursor: { show: false },
      padding: [12, 16, 0, 0],
      scales: {
        // Always as wide as the window, so that a new round grows from the left.
        x: { range: (_plot, first, last) => [first, Math.max(last, first + spanSeconds)] },
        y: { range: (_plot, low, high) => uPlot.rangeNum(low, high, 0.1, true) },
      },
      axes: [
        { ...axis, grid: { show: false }, space: 70 },
        { ...axis, size: 52 },
      ],
      series: [
        {},
        {
          stroke: () => this.#color('--accent'),
          fill: () => this.#color('--accent-wash'),
          width: 2,
          points: { show: false },
        },
      ],
    };
  }

  /** A canvas does not know custom properties: lets the style sheet work the colour out, once per theme. */
  #color(property: string): string {
    const known = this.#colors.get(property);
    if (known !== undefined) return known;
    const probe = document.createElement('span');
    probe.style.color = `var(${property})`;
    this.#host.append(probe);
    const color = getComputedStyle(probe).color;
    probe.remove();
    this.#colors.set(property, color);
    return color;
  }
}
