import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runInNewContext } from 'node:vm';
import { isBlobLike, isThenable, octetsOf, octetsOfBody, wordsOf } from './index.js';

/** What a line of JavaScript makes in another realm. */
const foreign = (line: string): unknown => runInNewContext(line, { Blob, File });

// oxlint-disable-next-line unicorn/no-thenable -- that is what it is
const withThen = (then: unknown): object => ({ then });

test('octets of any realm are octets, and nothing else is', () => {
  for (const here of [
    Uint8Array.of(65, 66),
    Uint8Array.of(65, 66).buffer,
    new DataView(Uint8Array.of(64, 65, 66).buffer, 1),
    Uint16Array.of(0x42_41),
    Buffer.from('AB'),
  ]) {
    assert.deepEqual([...(octetsOf(here) ?? [])], [65, 66]);
  }
  for (const line of [
    'Uint8Array.of(65, 66)',
    'Uint8Array.of(65, 66).buffer',
    'new DataView(Uint8Array.of(64, 65, 66).buffer, 1)',
    'new Uint16Array([0x4241])',
    '(() => { const s = new SharedArrayBuffer(2); new Uint8Array(s).set([65, 66]); return s; })()',
  ]) {
    assert.deepEqual([...(octetsOf(foreign(line)) ?? [])], [65, 66], line);
  }
  for (const other of ['AB', 65, null, undefined, [65, 66], { length: 2 }, new Map(), /a/]) {
    assert.equal(octetsOf(other), undefined);
  }
});

test('what only says that it is octets, and what is detached, throws instead of becoming no octets', () => {
  assert.throws(() => octetsOf({ [Symbol.toStringTag]: 'ArrayBuffer', length: 1e9 }), TypeError);
  const { buffer } = Uint8Array.of(65);
  structuredClone(buffer, { transfer: [buffer] });
  assert.throws(() => octetsOf(buffer), TypeError);
});

test('promises of any realm and library are waited for', () => {
  const library = Object.assign(
    () => {},
    withThen(() => {}),
  );
  for (const promise of [Promise.resolve(), foreign('Promise.resolve()'), library]) {
    assert.ok(isThenable(promise));
  }
  for (const other of [null, undefined, 'then', withThen(1), {}, (): void => {}]) {
    assert.ok(!isThenable(other));
  }
});

test('a body that would become "{}" unnoticed is refused: a promise, a Blob', () => {
  for (const body of [Promise.resolve(1), foreign('Promise.resolve(1)')]) {
    assert.throws(
      () => octetsOfBody(body),
      /^TypeError: a promise or a Blob is no body: await what is in it first$/,
    );
  }
  for (const body of [new Blob(['a']), foreign('new File(["a"], "a.txt")')]) {
    assert.ok(isBlobLike(body));
    assert.throws(() => octetsOfBody(body), /^TypeError: a promise or a Blob/);
  }
  const query = { ...withThen(() => {}), toJSON: () => ({ id: 1 }) };
  assert.equal(octetsOfBody(query), undefined, 'what says what it is in JSON is sent as that');
});

test('errors of any realm say their message; anything else what it is', () => {
  assert.equal(wordsOf(new Error('here')), 'here');
  assert.equal(wordsOf(foreign('new RangeError("there")')), 'there');
  assert.equal(wordsOf('a text'), 'a text');
  assert.equal(wordsOf(undefined), 'undefined');
  assert.equal(wordsOf(Object.create(null)), 'what was thrown cannot be read');
});
