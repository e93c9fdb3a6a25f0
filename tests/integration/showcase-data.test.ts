/** Proves the showcase's data step: real prices are read strictly, and the build writes the period that it names. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

type Row = [date: string, open: number, high: number, low: number, close: number];
interface Prices {
  readonly parsePrices: (csv: string) => Row[];
  readonly selectPeriod: (rows: Row[], period: { firstDate: string; lastDate: string }) => Row[];
}

const root = new URL('../../../', import.meta.url);
const { parsePrices, selectPeriod } = (await import(
  new URL('web/showcase/prices.js', root).href
)) as Prices;

const HEADING = 'date,open,high,low,close,adjclose,volume';

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(new URL(path, root), 'utf8'));
}

test('prices are read by column name and rounded to cents', () => {
  const csv = 'volume,date,close,low,high,open\r\n9,2007-01-03,4.004999,3,2.5,1.126\r\n';
  assert.deepEqual(parsePrices(csv), [['2007-01-03', 1.13, 2.5, 3, 4]]);
});

test('a missing column is named', () => {
  assert.throws(() => parsePrices('date,open,high,close\n'), /column "low" is missing/);
});

test('a line that is no price of a later day is refused, with its number', () => {
  const sound = '2007-01-03,1,2,1,2,2,9';
  for (const line of [
    sound,
    '2007-01-02,1,2,1,2,2,9',
    '03/01/2008,1,2,1,2,2,9',
    '2007-01-04,1,2,null,2,2,9',
    '2007-01-04,1,2,0,2,2,9',
    '2007-01-04,1,2',
  ]) {
    assert.throws(
      () => parsePrices(`${HEADING}\n${sound}\n${line}\n`),
      /line 3: not a price/,
      line,
    );
  }
});

test('a period includes its first and last day, and may not be empty', () => {
  const rows = ['2007-01-03', '2007-01-04', '2007-01-05'].map((date): Row => [date, 1, 1, 1, 1]);
  const dates = selectPeriod(rows, { firstDate: '2007-01-04', lastDate: '2007-01-05' });
  assert.deepEqual(dates, rows.slice(1));
  assert.throws(
    () => selectPeriod(rows, { firstDate: '1999-01-01', lastDate: '1999-12-31' }),
    /no day from 1999-01-01/,
  );
});

test('the build writes the real days of the period that replay.json names', () => {
  const replay = readJson('web/showcase/replay.json') as {
    firstDate: string;
    lastDate: string;
    windowDays: number;
  };
  const { source, days } = readJson('dist/showcase/data/sp500.json') as {
    source: string;
    days: Row[];
  };
  assert.match(source, /^vega-datasets \d/);
  assert.equal(days[0]?.[0], replay.firstDate);
  assert.equal(days.at(-1)?.[0], replay.lastDate);
  assert.ok(days.length > 2 * replay.windowDays, 'the replay is longer than the chart is wide');
  // The day Lehman Brothers failed, as the exchange knows it.
  assert.deepEqual(
    days.find(([date]) => date === '2008-09-15'),
    ['2008-09-15', 1250.92, 1250.92, 1192.7, 1192.7],
  );
  for (const [date, open, high, low, close] of days) {
    assert.ok(low <= Math.min(open, close) && high >= Math.max(open, close), date);
  }
});
