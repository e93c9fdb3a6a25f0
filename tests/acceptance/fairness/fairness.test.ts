/** Proves that the attacks of `npm run acceptance -- fairness` run, and that the others come through them; no time is judged. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { ATTACKS } from './attacks/index.js';
import { runAttack } from './fairness-run.js';

const SCALED_DOWN = {
  modulePath: '',
  clientCount: 10,
  forMs: 100,
  size: 0.1,
  firstGoMs: 60_000,
  isCompared: false,
};

test('attacks have names of their own', () => {
  assert.equal(new Set(ATTACKS.map(({ name }) => name)).size, ATTACKS.length);
});

for (const name of ['stomp-fatal', 'native-unknown', 'work-rejects']) {
  test(
    `${name}: nobody else is disconnected, receipts come, and somebody new gets in`,
    { skip: !existsSync('/proc/self/schedstat') },
    async () => {
      const attack = ATTACKS.find((one) => one.name === name);
      assert.ok(attack !== undefined);
      const { clients, turn, goCount, isOpenToNewcomers, ended } = await runAttack(
        attack,
        SCALED_DOWN,
      );
      assert.equal(ended, undefined);
      assert.ok(turn !== undefined && turn.longestCpuMs > 0, 'the probe measures');
      assert.ok(goCount > 0, 'the attack was carried out');
      assert.ok(clients !== undefined && clients.receiptCount > 0);
      assert.equal(clients.lostCount, 0);
      assert.ok(isOpenToNewcomers);
    },
  );
}
