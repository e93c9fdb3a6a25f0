/** Hardening test 14: fragments without an end are cut off at the limits, and cost little until then. */
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { checkBound } from '../acceptance-bound.js';
import {
  clientFrame,
  closeCodeFor,
  grouped,
  isFullSize,
  openPeer,
  serve,
  tellFigure,
  usedBytes,
  written,
} from './hardening-rig.js';

const MAX_FRAGMENT_COUNT = 131_072;
/** Enough to see what each costs. */
const HELD_FRAGMENT_COUNT = 16_384;
const ATTACKER_COUNT = isFullSize(14) ? 100 : 20;

/** `count` fragments without an end. */
function fragments(count: number, payloadBytes: number, first = 0x02): Buffer {
  const payload = Buffer.alloc(payloadBytes, 1);
  const rest = clientFrame(0x00, payload);
  const all = Buffer.alloc(rest.length * count);
  for (let index = 0; index < count; index++) rest.copy(all, index * rest.length);
  all[0] = first;
  return all;
}

for (const [words, payloadBytes] of [
  ['one octet', 1],
  ['no octet', 0],
] as const) {
  test(`[hardening 14] fragments of ${words} for ever are closed at the fragment limit`, async (context) => {
    const { server, port } = await serve(context);
    const codes: string[] = [];
    server.on('connection', (client) =>
      client.on('error', (error) => codes.push((error as Error & { code: string }).code)),
    );
    const within = await openPeer(port);
    const withinCode = closeCodeFor(within);
    const whole = Buffer.concat([
      fragments(MAX_FRAGMENT_COUNT - 1, payloadBytes),
      clientFrame(0x80),
      clientFrame(0x88, Buffer.of(0x03, 0xe8)),
    ]);
    within.write(whole);
    assert.equal(await withinCode, 1000, 'as many as the limit are a message');
    const peer = await openPeer(port);
    const code = closeCodeFor(peer);
    peer.write(fragments(MAX_FRAGMENT_COUNT + 1, payloadBytes));
    assert.equal(await code, 1008);
    assert.deepEqual(codes, ['WS_ERR_TOO_MANY_BUFFERED_PARTS']);
  });
}

/** What one attacker holds that has sent all that the limits allow. */
async function heldBytes(
  context: TestContext,
  maxMessageBytes: number,
  payload: Buffer,
  attackerCount: number,
): Promise<number> {
  const { server, port } = await serve(context, { maxMessageBytes });
  let answered = 0;
  let allAnswered = (): void => {};
  server.on('connection', (client) => {
    client.on('ping', () => {
      answered += 1;
      if (answered === attackerCount) allAnswered();
    });
  });
  const attackers: Socket[] = [];
  context.after(() => attackers.forEach((attacker) => attacker.destroy()));
  for (let index = 0; index < attackerCount; index++) attackers.push(await openPeer(port));
  const before = await usedBytes();
  const all = new Promise<void>((resolve) => (allAnswered = resolve));
  for (const attacker of attackers) await written(attacker, payload);
  // A Ping between the fragments says that all before it has been taken.
  for (const attacker of attackers) attacker.write(clientFrame(0x89));
  await all;
  const held = ((await usedBytes()) - before) / attackerCount;
  assert.ok([...server.clients].every((client) => client.readyState === 1));
  return held;
}

test('[hardening 14] fragments of one octet hold less than twice the message limit', async (context) => {
  const maxMessageBytes = HELD_FRAGMENT_COUNT;
  const payload = fragments(HELD_FRAGMENT_COUNT - 1, 1);
  const held = await heldBytes(context, maxMessageBytes, payload, ATTACKER_COUNT);
  checkBound(held > 0 && held < 2 * maxMessageBytes, `${held} octets`);
  tellFigure(
    context,
    `${grouped(held)} octets for each of ${ATTACKER_COUNT} attackers with fragments of 1 octet, ` +
      `connection included, at a limit of ${grouped(maxMessageBytes)}`,
  );
});

test('[hardening 14] fragments of 1 KiB hold less than twice the message limit', async (context) => {
  const maxMessageBytes = 4 * 1_048_576;
  const payload = fragments(maxMessageBytes / 1024, 1024);
  const held = await heldBytes(context, maxMessageBytes, payload, 4);
  checkBound(held > 0.9 * maxMessageBytes && held < 2 * maxMessageBytes, `${held} octets`);
  tellFigure(context, `${(held / maxMessageBytes).toFixed(2)} × the limit with 1 KiB`);
});

/** CPU time that a message of so many fragments costs. */
async function cpuMsOf(port: number, count: number): Promise<number> {
  const peer = await openPeer(port);
  const code = closeCodeFor(peer);
  const octets = Buffer.concat([
    fragments(count - 1, 1024),
    clientFrame(0x80),
    clientFrame(0x88, Buffer.of(0x03, 0xe8)),
  ]);
  const before = process.cpuUsage();
  peer.write(octets);
  assert.equal(await code, 1000);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

test('[hardening 14] the cost of a message grows with its fragments, not with their square', async (context) => {
  const { port } = await serve(context);
  await cpuMsOf(port, 1000);
  const fewMs = Math.min(await cpuMsOf(port, 1600), await cpuMsOf(port, 1600));
  const manyMs = Math.min(await cpuMsOf(port, 16_000), await cpuMsOf(port, 16_000));
  // Copying each behind all before it would be a hundred times the work.
  checkBound(manyMs < 40 * Math.max(fewMs, 2), `${fewMs} ms, then ${manyMs} ms`);
  tellFigure(context, `16,000 fragments of 1 KiB: ${manyMs.toFixed(0)} ms of CPU`);
});
