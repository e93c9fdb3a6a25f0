/** Proves the turns of one WebSocket connection, in memory and on virtual time: what waits, how long, and what comes after it. */
import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import { HeldTotal, NO_METRICS, SILENT_LOG, TurnBudget } from '../foundation/index.js';
import { SeededRandom, VirtualTime } from '../testing/index.js';
import { WebSocketConnection } from './websocket-connection.js';
import { EndpointTerms } from './websocket/socket/endpoint-terms.js';
import { EngineLoop } from './websocket/socket/engine-loop.js';
import { resolveLimits } from './websocket/limits/limits.js';

/** The server's end of a link; what is written to it goes nowhere. */
class Link extends Duplex {
  override _read(): void {}

  override _write(_chunk: Buffer, _encoding: string, done: () => void): void {
    done();
  }
}

/** A masked text frame of a client, under a mask of zeros. */
function frame(text: string): Buffer {
  const { length } = text;
  const size = length < 126 ? [0x80 | length] : [0xfe, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(0x81, ...size, 0, 0, 0, 0), Buffer.from(text)]);
}

/** Until the streams of Node have passed on what they have. */
const passedOn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const CLOSE_TIMEOUT_MS = 1_000;

function rig(time = new VirtualTime(), turns = new TurnBudget(time)) {
  const loop = new EngineLoop(time, new SeededRandom(1), turns);
  const limits = resolveLimits({ closeTimeoutMs: CLOSE_TIMEOUT_MS, heartbeatIntervalMs: 5_000 });
  const link = new Link();
  const told: string[] = [];
  const connection = new WebSocketConnection({
    connectionId: 'connection-1',
    handshake: {
      path: '/ws',
      query: new Map(),
      headers: new Map(),
      subprotocol: undefined,
      peer: { address: '127.0.0.1', port: 0, isSecure: false, share: undefined },
    },
    socket: link,
    terms: {
      endpoint: new EndpointTerms('server', loop, limits),
      metrics: NO_METRICS,
      turns,
      unfinished: new HeldTotal(Infinity),
      log: SILENT_LOG,
      ended: () => told.push('ended'),
    },
  });
  connection.start(Buffer.alloc(0), () => ({
    textReceived: (text) => told.push(text.slice(0, 10)),
    binaryReceived: (octets) => told.push(`${octets.length} octets`),
    writable() {},
    closed: (closeCode) => told.push(`closed ${closeCode}`),
  }));
  /** The client says all of this in one packet. */
  const say = async (...texts: string[]): Promise<void> => {
    link.push(Buffer.concat(texts.map(frame)));
    await passedOn();
  };
  /** No more may be begun until the turn has ended. */
  const spendTurn = (): void => void turns.spend(1_024);
  const nextTurn = async (): Promise<void> => {
    time.advance(0);
    await passedOn();
  };
  return { time, turns, connection, link, told, say, spendTurn, nextTurn };
}

test('[B1] a connection that was paused when its turn comes hands on nothing until it is resumed', async () => {
  const { connection, told, say, spendTurn, nextTurn } = rig();
  spendTurn();
  await say('a', 'b');
  connection.pauseInput();
  await nextTurn();
  assert.deepEqual(told, []);
  connection.resumeInput();
  assert.deepEqual(told, [], 'in a later turn');
  await nextTurn();
  assert.deepEqual(told, ['a', 'b']);
});

test('[B1] a large message is as many units as it has kilobytes: what comes behind it waits for the next turn', async () => {
  const { told, say, nextTurn } = rig();
  await say('x'.repeat(65_000), 'next');
  assert.deepEqual(told, ['x'.repeat(10)]);
  await nextTurn();
  assert.deepEqual(told, ['x'.repeat(10), 'next']);
});

test('[B1] the end of a connection waits for a turn that has room, and is told once', async () => {
  const { link, told, spendTurn, nextTurn, time } = rig();
  spendTurn();
  link.destroy();
  await passedOn();
  assert.deepEqual(told, []);
  await nextTurn();
  assert.deepEqual(told, ['closed 1006', 'ended']);
  time.advance(60_000);
  assert.equal(told.length, 2);
});

test('[B2] what was read comes before the end, which does not wait for ever and leaves no timer', async () => {
  // A dialect may have paused it for what it keeps itself, with nothing behind it.
  for (const texts of [['a'], []]) {
    for (const isResumed of [true, false]) {
      const { time, connection, link, told, say, nextTurn } = rig();
      connection.pauseInput();
      await say(...texts);
      link.destroy();
      await nextTurn();
      assert.deepEqual(told, []);
      if (isResumed) connection.resumeInput();
      else time.advance(CLOSE_TIMEOUT_MS + 250);
      await nextTurn();
      assert.deepEqual(told, [...(isResumed ? texts : []), 'closed 1006', 'ended']);
      time.advance(250);
      assert.equal(time.pendingTimerCount, 0);
    }
  }
});

test('[B2] nor does the end wait for ever where the peer has ended its side while input is held', async () => {
  for (const isResumed of [true, false]) {
    const { time, connection, link, told, say, nextTurn } = rig();
    connection.pauseInput();
    await say('a');
    link.push(null);
    // As a stream does that was resumed and paused in one tick.
    link.read(0);
    await passedOn();
    await nextTurn();
    assert.deepEqual([told, link.writableEnded], [[], false]);
    if (isResumed) connection.resumeInput();
    else time.advance(CLOSE_TIMEOUT_MS + 250);
    await nextTurn();
    await passedOn();
    time.advance(CLOSE_TIMEOUT_MS + 250);
    await passedOn();
    await nextTurn();
    assert.deepEqual(told, [...(isResumed ? ['a'] : []), 'closed 1006', 'ended']);
    time.advance(250);
    assert.equal(time.pendingTimerCount, 0);
  }
});

test('[B2] of a connection that we have closed nothing is handed on, and what was held back does not keep its end', async () => {
  const { time, connection, link, told, say, spendTurn, nextTurn } = rig();
  spendTurn();
  await say('held', 'unread');
  connection.close(4000, 'bye');
  await nextTurn();
  link.push(Buffer.of(0x88, 0x82, 0, 0, 0, 0, 0x0f, 0xa0));
  await passedOn();
  link.push(null);
  await passedOn();
  await nextTurn();
  assert.deepEqual(told, ['closed 4000', 'ended']);
  time.advance(250);
  assert.equal(time.pendingTimerCount, 0);
});

test('[B1] who was read much of in a turn that is over is read on in a later one', async () => {
  const { link, told, spendTurn, nextTurn } = rig();
  const octets = frame('x'.repeat(60_000));
  spendTurn();
  link.push(octets.subarray(0, 30_000));
  await passedOn();
  assert.ok(link.isPaused());
  await nextTurn();
  assert.ok(!link.isPaused());
  link.push(octets.subarray(30_000));
  await passedOn();
  await nextTurn();
  assert.deepEqual(told, ['x'.repeat(10)]);
});

test('[B1] a crowd that leaves at once is taken leave of in turns', async () => {
  let nowMs = 0;
  const due: (() => void)[] = [];
  const time = Object.assign(new VirtualTime(), {
    monotonicMs: () => nowMs,
    afterTurn: (callback: () => void) => void due.push(callback),
  });
  const turns = new TurnBudget(time);
  const all = Array.from({ length: 100 }, () => rig(time, turns));
  let leftCount = 0;
  for (const { told, link } of all) {
    told.push = (): number => {
      nowMs += 1;
      return (leftCount += 0.5);
    };
    link.destroy();
  }
  await passedOn();
  for (let before = 0; leftCount > before;) {
    assert.ok(leftCount - before <= 32, `${leftCount - before} in one turn`);
    before = leftCount;
    for (const step of due.splice(0)) step();
  }
  assert.equal(leftCount, 100);
});
