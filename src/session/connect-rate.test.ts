/** Proves how often an address may connect, and that the table of addresses is bounded. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualTime } from '../testing/index.js';
import { ConnectRate } from './connect-rate.js';

test('twice as many as a second has may come at once; then so many a second, and the wait is told', () => {
  const time = new VirtualTime();
  const rate = new ConnectRate(time, 5, 10);
  for (let count = 0; count < 10; count++) assert.equal(rate.take('a'), 0);
  assert.equal(rate.take('a'), 200);
  assert.equal(rate.take('b'), 0, 'others have their own');
  time.advance(199);
  assert.ok(rate.take('a') > 0);
  time.advance(1);
  assert.equal(rate.take('a'), 0);
  assert.ok(rate.take('a') > 0);
});

test('0 is no limit, and keeps nothing', () => {
  const rate = new ConnectRate(new VirtualTime(), 0, 10);
  for (let count = 0; count < 1000; count++) assert.equal(rate.take('a'), 0);
  assert.equal(rate.trackedCount, 0);
});

test('less than one a second is one at a time', () => {
  const time = new VirtualTime();
  const rate = new ConnectRate(time, 0.1, 10);
  assert.equal(rate.take('a'), 0);
  assert.equal(rate.take('a'), 10_000);
  time.advance(9_000);
  assert.ok(rate.take('a') > 0, 'nor is it forgotten before it may come again');
  time.advance(1_000);
  assert.equal(rate.take('a'), 0);
});

test('of many that are idle a few are forgotten at each connect', () => {
  const time = new VirtualTime();
  const rate = new ConnectRate(time, 5, 1_000);
  for (let count = 0; count < 100; count++) rate.take(`${count}`);
  time.advance(10_000);
  rate.take('new');
  assert.equal(rate.trackedCount, 99);
  for (let count = 0; count < 60; count++) rate.take('new');
  assert.equal(rate.trackedCount, 1);
});

test('in a full table newcomers share one bucket, and those who are in it keep theirs', () => {
  const time = new VirtualTime();
  const rate = new ConnectRate(time, 5, 3);
  for (const address of ['a', 'b', 'c']) rate.take(address);
  for (let count = 0; count < 10; count++) assert.equal(rate.take(`new ${count}`), 0);
  assert.ok(rate.take('another') > 0, 'what all newcomers have is used up');
  assert.equal(rate.take('a'), 0);
  assert.equal(rate.trackedCount, 3);
});

test('idle addresses go first, and nobody who has used up his tokens gets new ones by it', () => {
  const time = new VirtualTime();
  const rate = new ConnectRate(time, 5, 3);
  for (let count = 0; count < 10; count++) rate.take('a');
  for (const address of ['b', 'c']) rate.take(address);
  time.advance(1_999);
  assert.equal(rate.take('a'), 0, 'it is not idle');
  assert.equal(rate.trackedCount, 3, 'nor are the others');
  time.advance(1);
  assert.equal(rate.take('d'), 0);
  assert.equal(rate.trackedCount, 2, 'b and c are forgotten');
  for (let count = 0; count < 10; count++) rate.take('a');
  assert.ok(rate.take('a') > 0, 'a is not');
  for (let at = 0; at < 100; at++) {
    rate.take(`x${at}`);
    time.advance(1_000);
  }
  assert.ok(rate.trackedCount <= 3);
});
