/** Proves that the example of an embedded server does what it says, run as a program of its own. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Client, ClientError } from 'tideway/client';

const PROGRAM = fileURLToPath(new URL('../../../examples/embedded/server.js', import.meta.url));

test('the embedded example answers HTTP itself, and a request publishes to its topic', async (t) => {
  const program = spawn(process.execPath, [PROGRAM], {
    env: { ...process.env, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => program.kill('SIGKILL'));
  const ended = once(program, 'exit');
  const [line] = (await once(createInterface(program.stdout), 'line')) as [string];
  const url = /^orders are taken at (http:\/\/localhost:\d+)$/.exec(line)?.[1];
  assert.ok(url !== undefined, line);

  const client = new Client({ url: `${url}/ws` });
  t.after(() => client.close());
  await client.connect();
  const heard = new Promise((resolve) => {
    const subscription = client.subscribe('/topic/orders', {
      onPublication: ({ body }) => resolve(body),
      onSubscribed: () => assert.equal(subscription.state, 'subscribed'),
    });
  });
  const { body } = await client.request('/app/orders', { item: 'tea' });
  assert.deepEqual(body, { number: 1 });
  assert.deepEqual(await heard, { number: 1, item: 'tea' });
  await assert.rejects(client.request('/app/orders', { item: 7 }), (error) => {
    assert.ok(error instanceof ClientError);
    assert.deepEqual([error.code, error.number], ['orders/no-item', 499]);
    return true;
  });
  assert.equal(await (await fetch(url)).text(), '1 orders so far\n');

  program.kill('SIGTERM');
  assert.deepEqual(await ended, [0, null], 'it ends by itself when it is told to');
});
