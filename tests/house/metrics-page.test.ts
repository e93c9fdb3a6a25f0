/** Proves that the catalogue of metrics, docs/reference/metrics.md and what the code counts are the same. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { METRICS, type MetricDescription } from 'tideway';
import { shippedSources, textOf, withoutComments } from './repository.js';

const CATALOGUE: Readonly<Record<string, MetricDescription>> = METRICS;
const CALL =
  /\.(count|gauge)\(\s*'([a-z_]+)'(?:,\s*(?:[^,{}()]+(?:\([^()]*\))?,\s*)?(\{[^}]*\}|[A-Z]+))?/g;
/** A constant of labels, by its name. */
const CONSTANT = /const ([A-Z]+) = (\{ [^}]* \});/g;

interface Row extends MetricDescription {
  readonly name: string;
}

function rowsOfPage(): Row[] {
  return textOf('docs/reference/metrics.md')
    .split('\n')
    .flatMap((line) => {
      const [, first = '', type = '', unit = '', labels = '', help = ''] = line
        .split('|')
        .map((cell) => cell.trim());
      const name = /^`([a-z_]+)`$/.exec(first)?.[1];
      if (name === undefined) return [];
      const names = Array.from(labels.matchAll(/`(\w+)`/g), ([, label = '']) => label);
      return [{ name, type: type as Row['type'], unit, labels: names, help }];
    });
}

/** Every call that counts, with the keys of its labels. */
function calls(): { where: string; method: string; name: string; labels: readonly string[] }[] {
  return shippedSources().flatMap((where) => {
    const code = withoutComments(textOf(where));
    const constants = new Map(
      Array.from(code.matchAll(CONSTANT), ([, name = '', value = '']) => [name, value]),
    );
    return Array.from(code.matchAll(CALL), ([, method = '', name = '', given = '']) => {
      const labels = constants.get(given) ?? given;
      return {
        where,
        method,
        name,
        labels: Array.from(labels.matchAll(/(?<=[{,]\s*)(\w+)(?=\s*[:,}])/g), ([key]) => key),
      };
    });
  });
}

test('the page has a row for every metric of the catalogue, word by word, and no other', () => {
  const expected = Object.entries(CATALOGUE).map(([name, rest]) => ({ name, ...rest }));
  assert.ok(expected.length > 30);
  assert.deepEqual(rowsOfPage(), expected);
  const names = Object.keys(CATALOGUE);
  assert.deepEqual(names, names.toSorted());
});

test('what is counted stands in the catalogue, with those labels, and all of the catalogue is counted', () => {
  const counted = calls();
  const faults = counted.filter(({ method, name, labels }) => {
    const known = CATALOGUE[name];
    const isOfType = known?.type === (method === 'count' ? 'counter' : 'gauge');
    return !isOfType || [...labels].sort().join() !== [...known.labels].sort().join();
  });
  assert.deepEqual(faults, []);
  const names = new Set(counted.map(({ name }) => name));
  assert.deepEqual([...names].sort(), Object.keys(CATALOGUE));
});
