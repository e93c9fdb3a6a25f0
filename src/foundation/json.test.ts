/** Proves guarded parsing and slicing: total on any text, equal to JSON.parse where that accepts, linear on hostile text. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  MAX_JSON_DEPTH,
  MAX_JSON_VALUE_COUNT,
  parseJson,
  parseJsonAndSlice,
  RequestError,
} from './index.js';

const memberSlice = (text: string, name: string): string | undefined =>
  parseJsonAndSlice(text, name).slice;

function codeOf(parse: () => unknown): string | undefined {
  try {
    parse();
    return undefined;
  } catch (error) {
    assert.ok(error instanceof RequestError, String(error));
    return error.code;
  }
}

test('JSON at the depth limit parses, one level more is refused', () => {
  for (const [open, close] of [
    ['[', ']'],
    ['{"a":', '}'],
  ] as const) {
    const nested = (depth: number): string => `${open.repeat(depth)}1${close.repeat(depth)}`;
    assert.equal(
      codeOf(() => parseJson(nested(MAX_JSON_DEPTH))),
      undefined,
    );
    assert.equal(
      codeOf(() => parseJson(nested(MAX_JSON_DEPTH + 1))),
      'json/too-deep',
    );
    assert.equal(
      codeOf(() => parseJson(nested(100_000))),
      'json/too-deep',
    );
  }
});

test('brackets inside strings do not count as depth', () => {
  const text = JSON.stringify(`${'['.repeat(500)}"\\`);
  assert.equal(parseJson(text), `${'['.repeat(500)}"\\`);
  assert.equal(
    codeOf(() => parseJson(`"${'\\\\'.repeat(400)}`)),
    'json/invalid',
  );
});

test('a limit of its own holds for a short text too', () => {
  assert.equal(
    codeOf(() => parseJson('[[[1]]]', Infinity, 2)),
    'json/too-deep',
  );
  assert.deepEqual(parseJson('[[1]]', Infinity, 2), [[1]]);
});

test('parseJson accepts exactly what JSON.parse accepts, and throws nothing but a RequestError', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json(),
        fc.json().map((text) => text.slice(1)),
        fc.string({ unit: fc.constantFrom('[', ']', '{', '}', '"', ',', ':', '\\', '1', ' ') }),
      ),
      (text) => {
        let expected: unknown;
        let isValid = true;
        try {
          expected = JSON.parse(text);
        } catch {
          isValid = false;
        }
        const code = codeOf(() => assert.deepEqual(parseJson(text), expected));
        assert.equal(code, isValid ? undefined : 'json/invalid');
      },
    ),
    { numRuns: 1_000 },
  );
});

test('as many values parse as a peer may send; a member of an object counts as five, what strings say for nothing', () => {
  const list = (item: string, count: number): string => `[${Array(count).fill(item).join()}]`;
  const members = (count: number): string =>
    `{${Array.from({ length: count }, (_, index) => `"${index}":0`).join()}}`;
  const strings = list('",:[{"', 100);
  for (const [within, beyond, maxCount] of [
    // The value itself, its bracket, and the commas.
    [list('1', 99), list('1', 100), 100],
    [list('[]', 50), list('[]', 51), 101],
    [list('[1,1]', 33), list('[1,1]', 34), 100],
    [members(19), members(20), 97],
    [list('{"a":1}', 16), list('{"a":1}', 17), 97],
    [strings, list('",:[{"', 101), 101],
    [list('1', MAX_JSON_VALUE_COUNT - 1), list('1', MAX_JSON_VALUE_COUNT), MAX_JSON_VALUE_COUNT],
  ] as const) {
    assert.deepEqual(parseJson(within, maxCount), JSON.parse(within));
    for (const parse of [
      parseJson,
      (text: string, count: number) => parseJsonAndSlice(text, 'body', count),
    ]) {
      assert.equal(
        codeOf(() => parse(beyond, maxCount)),
        'json/too-many-values',
        beyond.slice(0, 20),
      );
    }
  }
  assert.equal((parseJson(list('1', 200_000), Infinity) as unknown[]).length, 200_000);
});

test('a string ends where JSON.parse says that it does, whatever is escaped', () => {
  const part = fc.constantFrom('\\\\', '\\"', '\\n', 'a', ',', '[', '{', ':', '€');
  fc.assert(
    fc.property(
      fc.array(part, { maxLength: 12 }),
      fc.array(part, { maxLength: 12 }),
      (one, two) => {
        const [first, second] = [`"${one.join('')}"`, `"${two.join('')}"`];
        const { value, slice } = parseJsonAndSlice(`{"x":${first},"body":[${second}]}`, 'body');
        assert.deepEqual(value, { x: JSON.parse(first), body: [JSON.parse(second)] });
        assert.equal(slice, `[${second}]`);
      },
    ),
  );
});

test('a member called __proto__ stays an own property and touches no prototype', () => {
  const value = parseJson('{"__proto__":{"isAdmin":true},"constructor":{"prototype":{"x":1}}}');
  assert.ok(typeof value === 'object' && value !== null && !Array.isArray(value));
  assert.ok(Object.hasOwn(value, '__proto__'));
  assert.equal(Object.getPrototypeOf(value), Object.prototype);
  assert.equal(({} as { isAdmin?: boolean }).isAdmin, undefined);
});

/** White space where JSON allows it. */
const space = fc.string({ unit: fc.constantFrom(' ', '\n', '\t', '\r'), maxLength: 3 });

/** A member's name as somebody may write it: some characters escaped. */
function spelled(name: string, escapes: readonly boolean[]): string {
  const units = Array.from({ length: name.length }, (_, index) => name.charCodeAt(index));
  const text = units.map((unit, index) => {
    const plain = JSON.stringify(String.fromCharCode(unit)).slice(1, -1);
    return escapes[index % escapes.length] ? `\\u${unit.toString(16).padStart(4, '0')}` : plain;
  });
  return `"${text.join('')}"`;
}

test('a member is found as it was written: last duplicate, escaped names, any white space', () => {
  const member = fc.record({
    name: fc.oneof(fc.constantFrom('body', 'b', 'body ', '__proto__', '"', '\\'), fc.string()),
    value: fc.json(),
    escapes: fc.array(fc.boolean(), { minLength: 1, maxLength: 5 }),
    before: space,
    after: space,
  });
  fc.assert(
    fc.property(fc.array(member, { maxLength: 6 }), space, (members, around) => {
      const text = `${around}{${members
        .map(
          ({ name, value, escapes, before, after }) =>
            `${before}${spelled(name, escapes)}${after}:${before}${value}${after}`,
        )
        .join(',')}${around}}${around}`;
      for (const name of ['body', '__proto__', ...members.map((one) => one.name)]) {
        // Not compared with the members that JSON.parse finds: since Node 24 it may read an escaped
        // name of one character as "\\" (https://github.com/nodejs/node/issues/63785).
        const written = members.findLast((one) => one.name === name);
        assert.equal(memberSlice(text, name), written?.value.trim(), 'the text as it was written');
      }
      assert.equal(typeof JSON.parse(text), 'object', 'the text is JSON');
    }),
    { numRuns: 500 },
  );
});

test('the slice of a member is not fooled by a member of the same name further inside', () => {
  assert.equal(memberSlice('{"a":{"body":1},"c":["body",2]}', 'body'), undefined);
  assert.equal(memberSlice('{"a":"\\"body\\":3,","body":{"body":4}}', 'body'), '{"body":4}');
  assert.equal(memberSlice('{}', 'body'), undefined);
});

test('the slice of a member is not fooled by an escaped name that is spelled like another one', () => {
  const text = String.raw`{"\"":2}`;
  assert.equal(memberSlice(text, '"'), '2');
  assert.equal(memberSlice(text, '\\"'), undefined);
});
