/** Hardening test 17: floods of control frames are closed by their rate, and do not hold up the event loop. */
import assert from 'node:assert/strict';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { once } from 'node:events';
import { test, type TestContext } from 'node:test';
import type { WebSocket, WebSocketError } from 'tideway/websocket';
import { checkBound } from '../acceptance-bound.js';
import {
  LoadProcess,
  clientFrame,
  closeCodeFor,
  isFullSize,
  openPeer,
  serve,
  tellFigure,
} from './hardening-rig.js';

const isFull = isFullSize(17);
const FLOODER_COUNT = isFull ? 10 : 2;
const MAX_PER_SECOND = 100;
/** In the small form other tests share the machine. */
const MAX_LAG_MS = 50;

interface Flooded {
  readonly errors: readonly string[];
  readonly pongBytes: number;
  readonly lagMs: number;
}

/** Floods from another process, so that the lag is the server's. */
async function flood(context: TestContext, frame: Buffer): Promise<Flooded> {
  const { server, port } = await serve(context);
  const errors: string[] = [];
  server.on('connection', (client) =>
    client.on('error', (error) => errors.push((error as WebSocketError).code)),
  );
  const load = new LoadProcess(context);
  const lag = monitorEventLoopDelay({ resolution: 5 });
  lag.enable();
  let pongBytes = 0;
  for (let index = 0; index < FLOODER_COUNT; index++) {
    load.start({ kind: 'flood', port, frame: [...frame], perSecond: 10_000 });
    const { receivedBytes = 0 } = await load.report('ended');
    pongBytes = Math.max(pongBytes, receivedBytes);
  }
  lag.disable();
  return { errors, pongBytes, lagMs: lag.max / 1e6 };
}

for (const [words, first] of [
  ['Pings', 0x89],
  ['Pongs', 0x8a],
] as const) {
  test(`[hardening 17] 10,000 ${words} a second are closed with 1008 by their rate`, async (context) => {
    const { errors, pongBytes, lagMs } = await flood(context, clientFrame(first, Buffer.from('a')));
    assert.deepEqual(errors, Array(FLOODER_COUNT).fill('WS_ERR_TOO_MANY_CONTROL_FRAMES'));
    // Twice the rate at once, what is earned meanwhile, the Close frame.
    assert.ok(pongBytes <= 3 * (2 * MAX_PER_SECOND + 20) + 4, `${pongBytes} octets of Pongs`);
    checkBound(lagMs < MAX_LAG_MS, `${lagMs} ms`);
    tellFigure(context, `${words}: lag at most ${lagMs.toFixed(1)} ms`);
  });
}

test('[hardening 17] of many Close frames the first ends the connection, the rest is not looked at', async (context) => {
  const { errors, pongBytes, lagMs } = await flood(context, clientFrame(0x88, Buffer.of(3, 0xe8)));
  assert.deepEqual(errors, []);
  assert.equal(pongBytes, 4, 'one Close frame comes back');
  checkBound(lagMs < MAX_LAG_MS, `${lagMs} ms`);
  tellFigure(context, `Close frames: lag at most ${lagMs.toFixed(1)} ms`);
});

test('[hardening 17] the rate lets through what it allows, twice as much at once', async (context) => {
  const { server, port } = await serve(context, { maxControlFramesPerSecond: 50 });
  let pings = 0;
  server.on('connection', (client) => client.on('ping', () => (pings += 1)));
  const peer = await openPeer(port);
  const code = closeCodeFor(peer);
  const ping = clientFrame(0x89);
  peer.write(
    Buffer.concat([
      ...Array.from({ length: 100 }, () => ping),
      clientFrame(0x81, Buffer.from('a')),
    ]),
  );
  const [client] = [...server.clients];
  assert.ok(client !== undefined);
  await once(client, 'message');
  assert.equal(pings, 100, 'a burst');
  peer.write(Buffer.concat(Array.from({ length: 200 }, () => ping)));
  assert.equal(await code, 1008);
  assert.ok(pings >= 100 && pings < 250, `${pings} Pings were told`);
});

test('[hardening 17] Pongs of a peer that does not read are one, the newest', async (context) => {
  const { server, port } = await serve(context, { maxControlFramesPerSecond: 0 });
  const accepted = once(server, 'connection');
  const peer = await openPeer(port);
  context.after(() => peer.destroy());
  const [client] = (await accepted) as [WebSocket];
  peer.pause();
  client.send(Buffer.alloc(16 << 20));
  await new Promise((resolve) => setImmediate(resolve));
  const before = client.bufferedAmount;
  assert.ok(before > 1 << 20, 'the peer is behind');
  const ping = clientFrame(0x89, Buffer.from('ping'));
  let pings = 0;
  const all = new Promise<void>((resolve) => {
    client.on('ping', () => {
      pings += 1;
      if (pings === 10_000) resolve();
    });
  });
  peer.write(Buffer.concat(Array.from({ length: 10_000 }, () => ping)));
  await all;
  assert.ok(client.bufferedAmount <= before, 'nothing is added for them');
});
