/** Owns the data step: which real prices the build takes from `vega-datasets`, and the file it writes for the ticker. */
import { readFileSync } from 'node:fs';

const PACKAGE = 'vega-datasets';
const FILE = 'sp500-2000.csv';
const COLUMNS = ['date', 'open', 'high', 'low', 'close'];
const DATE = /^\d{4}-\d{2}-\d{2}$/;

/**
 * One row per trading day, `[date, open, high, low, close]`, prices rounded to cents.
 * Throws when a column is missing, a value is no number or the dates do not rise: better a failed
 * build than a wrong chart.
 */
export function parsePrices(csv) {
  const [heading = '', ...lines] = csv.trim().split(/\r?\n/);
  const names = heading.split(',');
  const places = COLUMNS.map((column) => {
    const place = names.indexOf(column);
    if (place === -1) throw new Error(`${FILE}: column "${column}" is missing in "${heading}"`);
    return place;
  });
  let previousDate = '';
  return lines.map((line, index) => {
    const cells = line.split(',');
    const [date, ...prices] = places.map((place) => cells[place] ?? '');
    const row = [date, ...prices.map((price) => Math.round(Number(price) * 100) / 100)];
    const isSound = prices.every((price) => Number(price) > 0) && DATE.test(date);
    if (!isSound || date <= previousDate) {
      throw new Error(`${FILE}, line ${index + 2}: not a price of a later day: "${line}"`);
    }
    previousDate = date;
    return row;
  });
}

/** The rows from `firstDate` to `lastDate`, both included. */
export function selectPeriod(rows, { firstDate, lastDate }) {
  const selected = rows.filter(([date]) => date >= firstDate && date <= lastDate);
  if (selected.length === 0) throw new Error(`${FILE}: no day from ${firstDate} to ${lastDate}`);
  return selected;
}

/** The text of `data/sp500.json`: where the prices come from, and one day a line. */
export function priceFile(period) {
  // The package's `exports` hide its data, so the file is found beside its entry in `build/`.
  const folder = new URL('../', import.meta.resolve(PACKAGE));
  const { version } = JSON.parse(readFileSync(new URL('package.json', folder), 'utf8'));
  const rows = parsePrices(readFileSync(new URL(`data/${FILE}`, folder), 'utf8'));
  const days = selectPeriod(rows, period).map((row) => JSON.stringify(row));
  const source = `${PACKAGE} ${version}, data/${FILE}, which names Yahoo Finance as its source`;
  return `{"source":${JSON.stringify(source)},"columns":${JSON.stringify(COLUMNS)},"days":[
${days.join(',\n')}
]}
`;
}
