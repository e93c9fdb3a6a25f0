/** Hardening test 19: subscriptions, lengths and numbers of destinations beyond the limits are refused, and the memory comes back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkBound } from '../acceptance-bound.js';
import { listening, withoutSessions, type RunningServer } from '../acceptance/server-rig.js';
import { grouped, isFullSize, tellFigure, usedBytes } from './hardening-rig.js';
import { NativePeer } from './native-peer.js';
import { StompPeer } from './stomp-peer.js';

const isFull = isFullSize(19);
const SUBSCRIPTION_COUNT = 10_000;
const MAX_SUBSCRIPTION_COUNT = 1_000;
const LONG = `/topic/${'a'.repeat(isFull ? 1_000_000 : 100_000)}`;
const DESTINATION_COUNT = isFull ? 1_000_000 : 5_000;
const AT_ONCE = 1_000;

/** Runs something and answers what of the memory that it took is still in use when its sessions have gone. */
async function residueOf(
  { server }: RunningServer,
  attack: () => Promise<() => Promise<unknown>>,
): Promise<{ taken: number; left: number }> {
  await (
    await attack()
  )();
  await withoutSessions(server);
  const before = await usedBytes();
  const leave = await attack();
  const taken = (await usedBytes()) - before;
  await leave();
  await withoutSessions(server);
  return { taken, left: (await usedBytes()) - before };
}

const FLOOR_BYTES = 500_000;
const isLittle = ({ taken, left }: { taken: number; left: number }): boolean =>
  left < Math.max(FLOOR_BYTES, taken / 10);

test('[hardening 19] a native client with 10,000 subscriptions has those of the limit, and the memory comes back', async (context) => {
  const running = await listening(context);
  const { server } = running;
  const residue = await residueOf(running, async () => {
    const peer = await NativePeer.open(server.url);
    await peer.frame('connected');
    for (let id = 1; id <= SUBSCRIPTION_COUNT; id++) {
      peer.socket.send(`{"type":"subscribe","id":${id},"destination":"/topic/own/${id}"}`);
    }
    await peer.frame('error', { id: SUBSCRIPTION_COUNT });
    const errors = peer.frames.filter(({ type }) => type === 'error');
    assert.deepEqual(
      [...new Set(errors.map(({ code }) => code))],
      ['subscription/too-many'],
      'the session lives, and each beyond the limit is answered',
    );
    assert.equal(errors.length, SUBSCRIPTION_COUNT - MAX_SUBSCRIPTION_COUNT);
    peer.frames.length = 0;
    peer.texts.length = 0;
    return () => peer.close();
  });
  checkBound(isLittle(residue), `${residue.left} of ${residue.taken} octets stay`);
  tellFigure(
    context,
    `native, 10,000 subscriptions: ${grouped(residue.taken)} octets, ${grouped(residue.left)} stay`,
  );
});

test('[hardening 19] a STOMP client with 10,000 subscriptions ends at the limit, and the memory comes back', async (context) => {
  const running = await listening(context);
  const { server } = running;
  const residue = await residueOf(running, async () => {
    const peer = await StompPeer.open(server.url);
    for (let id = 1; id <= SUBSCRIPTION_COUNT; id++) {
      peer.say('SUBSCRIBE', { id: String(id), destination: `/topic/own/${id}` });
    }
    const { headers } = await peer.frame('ERROR');
    assert.equal(headers['tideway-code'], 'subscription/too-many');
    peer.frames.length = 0;
    return () => peer.closed;
  });
  checkBound(isLittle(residue), `${residue.left} of ${residue.taken} octets stay`);
  tellFigure(context, `STOMP, 10,000 subscriptions: ${grouped(residue.left)} octets stay`);
});

test('[hardening 19] a destination of 1 MB is refused in both dialects, and none of it is kept', async (context) => {
  const running = await listening(context);
  const { server } = running;
  const residue = await residueOf(running, async () => {
    const native = await NativePeer.open(server.url);
    for (const type of ['send', 'subscribe', 'unsubscribe', 'request']) {
      native.frames.length = 0;
      native.socket.send(`{"type":"${type}","id":1,"destination":"${LONG}"}`);
      const { code, message } = await native.frame('error', { id: 1 });
      assert.match(String(code), /^(?:destination|subscription|frame)\//, type);
      assert.ok(String(message).length < 1_000, 'an error does not echo what it was given');
    }
    for (const command of ['SEND', 'SUBSCRIBE']) {
      const peer = await StompPeer.open(server.url);
      peer.say(command, { id: 'a', destination: LONG });
      assert.equal((await peer.closed).closeCode, 4505, command);
    }
    return () => native.close();
  });
  checkBound(isLittle(residue), `${residue.left} octets stay`);
  tellFigure(
    context,
    `destinations of ${grouped(LONG.length)} octets: ${grouped(residue.left)} stay`,
  );
});

test(`[hardening 19] ${DESTINATION_COUNT} destinations of one client leave room for somebody else`, async (context) => {
  const { server } = await listening(context);
  const before = await usedBytes();
  const peer = await NativePeer.open(server.url);
  await peer.frame('connected');
  const codes = new Set<unknown>();
  let takenCount = 0;
  for (let from = 0; from < DESTINATION_COUNT; from += AT_ONCE) {
    for (let id = from + 1; id <= from + AT_ONCE; id++) {
      peer.socket.send(`{"type":"send","id":${id},"destination":"/topic/many/${id}","body":1}`);
    }
    const last = { id: from + AT_ONCE };
    await Promise.race([peer.frame('receipt', last), peer.frame('error', last)]);
    for (const { type, code } of peer.frames) {
      if (type === 'receipt') takenCount += 1;
      if (type === 'error') codes.add(code);
    }
    peer.frames.length = 0;
    peer.texts.length = 0;
  }
  assert.ok(takenCount > 0);
  for (const code of codes) assert.equal(code, 'stream/unavailable');
  const held = (await usedBytes()) - before;
  await peer.close();
  await withoutSessions(server);
  const left = (await usedBytes()) - before;
  const other = await NativePeer.open(server.url);
  other.send({ type: 'subscribe', id: 1, destination: '/topic/somebody/else' });
  const answered = await Promise.race([other.frame('subscribed'), other.frame('error')]);
  if (!isFull) assert.equal(answered.type, 'subscribed');
  checkBound(answered.type === 'subscribed', `somebody else is told ${String(answered['code'])}`);
  await other.close();
  tellFigure(
    context,
    `${grouped(DESTINATION_COUNT)} destinations: ${grouped(takenCount)} taken, ` +
      `${grouped(held)} octets, ${grouped(left)} when the client has gone`,
  );
});
