import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeldTotal, type Holder } from './held-total.js';

/** A total, and a way to make holders of it whose names are told when they have to let go. */
function rig(maxBytes: number) {
  const gone: string[] = [];
  const total = new HeldTotal(maxBytes);
  const holder = (name: string, then = (): void => {}): Holder => ({
    letGo: () => {
      gone.push(name);
      then();
    },
  });
  return { total, gone, holder, a: holder('a'), b: holder('b'), c: holder('c'), d: holder('d') };
}

test('what fits is held, however it is divided', () => {
  const { total, gone, a, b, c } = rig(100);
  total.hold('', a, 60);
  total.hold('', b, 40);
  total.hold('', a, 10);
  total.hold('x', c, 50);
  assert.equal(total.bytes, 100);
  assert.deepEqual(gone, []);
});

test('of one share, what has been held for the longest goes first, whoever asks for more', () => {
  const { total, gone, a, b, c } = rig(100);
  total.hold('', a, 10);
  total.hold('', b, 80);
  total.hold('', a, 20);
  total.hold('', c, 15);
  assert.deepEqual(gone, ['a']);
  assert.equal(total.bytes, 95);
});

test('who has let go meanwhile comes last again', () => {
  const { total, gone, a, b, c } = rig(100);
  total.hold('', a, 40);
  total.hold('', b, 40);
  total.release('', a);
  total.hold('', a, 40);
  total.hold('', c, 40);
  assert.deepEqual(gone, ['b']);
});

test('the share that holds most makes room, not the one that was first', () => {
  const { total, gone, a, b, c, d } = rig(100);
  total.hold('honest', a, 30);
  total.hold('greedy', b, 30);
  total.hold('greedy', c, 30);
  total.hold('other', d, 30);
  assert.deepEqual(gone, ['b']);
  assert.equal(total.bytes, 90);
});

test('one that is too much alone lets go itself', () => {
  const { total, gone, a } = rig(100);
  total.hold('x', a, 101);
  assert.deepEqual(gone, ['a']);
  assert.equal(total.bytes, 0);
});

test('as many let go as are needed', () => {
  const { total, gone, a, b, c, d } = rig(100);
  for (const holder of [a, b, c]) total.hold('', holder, 30);
  total.hold('', d, 80);
  assert.deepEqual(gone, ['a', 'b', 'c']);
  assert.equal(total.bytes, 80);
});

test('many small holders let go for a large one in parts, so that none of it takes long', () => {
  const { total, gone, holder, a } = rig(1_000);
  for (let index = 0; index < 100; index++) total.hold('many', holder('small'), 10);
  total.hold('x', a, 400);
  assert.equal(gone.length, 16);
  for (const bytes of [401, 402]) total.hold('x', a, bytes);
  assert.equal(gone.length, 41);
  assert.equal(total.bytes, 992);
});

test('who is told may hold and release at once', () => {
  const { total, b, c, holder, gone } = rig(100);
  const a = holder('a', () => {
    total.release('', a);
    total.release('', b);
  });
  total.hold('', a, 50);
  total.hold('', b, 50);
  total.hold('', c, 40);
  assert.deepEqual(gone, ['a']);
  assert.equal(total.bytes, 40);
  total.release('', c);
  assert.equal(total.bytes, 0);
});
