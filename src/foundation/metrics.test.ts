/** Proves counting in memory, identifiers, cancellation and the numbers of errors. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '../testing/index.js';
import {
  Cancellation,
  Disconnect,
  DISCONNECTS,
  MemoryMetrics,
  newId,
  randomFraction,
  REQUEST_ERRORS,
  RequestError,
  type DisconnectCode,
} from './index.js';

test('a series is its name and its labels, whatever their order', () => {
  const metrics = new MemoryMetrics();
  metrics.count('refused', { b: '2', a: '1' });
  metrics.count('refused', { a: '1', b: '2' }, 4);
  metrics.count('refused');
  metrics.gauge('open', 3);
  metrics.gauge('open', 2);
  assert.equal(metrics.value('refused', { a: '1', b: '2' }), 5);
  assert.equal(metrics.value('refused', { a: '1' }), 0);
  assert.deepEqual(metrics.snapshot(), { open: 2, refused: 1, 'refused{a="1",b="2"}': 5 });
});

test('an id has 128 bits of the source that it was given', () => {
  const id = newId(new SeededRandom(1));
  assert.match(id, /^[A-Za-z0-9_-]{22}$/);
  assert.equal(newId(new SeededRandom(1)), id);
  assert.notEqual(newId(new SeededRandom(2)), id);
  const fraction = randomFraction({ fill: (target) => void target.fill(0xff) });
  assert.ok(fraction < 1 && fraction > 0.999_999);
});

test('cancellation tells each listener once, late ones at once, withdrawn ones never', () => {
  const cancellation = new Cancellation();
  const told: string[] = [];
  cancellation.onCancelled(() => told.push('first'));
  const withdraw = cancellation.onCancelled(() => told.push('withdrawn'));
  withdraw();
  cancellation.cancel();
  cancellation.cancel();
  cancellation.onCancelled(() => told.push('late'));
  assert.deepEqual(told, ['first', 'late']);
});

test('[E1] every code has a number of its own, in the range of its family', () => {
  const numbers: readonly number[] = Object.values(REQUEST_ERRORS);
  assert.ok(!numbers.includes(499), 'that is the number of application errors');
  assert.equal(new Set<number>(numbers).size, numbers.length);
  for (const number of numbers) assert.ok(number >= 100 && number <= 599);
  const closeCodes = Object.entries(DISCONNECTS);
  assert.equal(new Set<number>(Object.values(DISCONNECTS)).size, closeCodes.length);
  for (const [code, closeCode] of closeCodes) {
    assert.ok(closeCode >= 4000 && closeCode <= 4999);
    const { mayReconnect } = new Disconnect(code as DisconnectCode, 'why');
    assert.equal(mayReconnect, closeCode < 4500);
  }
});

test('an application error keeps its code and gets the number 499 unless it brings one', () => {
  assert.equal(new RequestError('orders/sold-out', 'none left').number, 499);
  assert.equal(new RequestError('orders/later', 'wait', { number: 599 }).number, 599);
  assert.equal(new RequestError('app/busy', 'wait').number, 501);
});
