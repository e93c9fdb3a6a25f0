/** Proves STOMP over a connection in memory: heartbeats on virtual time, waiting, shared octets, what is let go. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  DeadlineWheel,
  HeldTotal,
  MemoryMetrics,
  SILENT_LOG,
  TurnBudget,
} from '../../foundation/index.js';
import { AppMount } from '../../mounts/app/index.js';
import { TopicRules, TopicsMount } from '../../mounts/topics/index.js';
import { AccessRules, Router } from '../../routing/index.js';
import {
  ANONYMOUS,
  DEFAULT_SESSION_LIMITS,
  InputFlowBudget,
  SessionRegistry,
  type Authenticate,
  type Connection,
  type SessionLimits,
} from '../../session/index.js';
import { MemoryStreamStore, Streams } from '../../streams/index.js';
import { ConnectionPair, SeededRandom, VirtualTime } from '../../testing/index.js';
import { isStompFirstMessage, StompReceiver } from './index.js';

const decoder = new TextDecoder();

async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

interface Given {
  readonly authenticate?: Authenticate;
  readonly limits?: Partial<SessionLimits>;
  /** Is given each connection before anything is sent on it. */
  readonly prepare?: (connection: Connection) => void;
}

function rig(given: Given = {}) {
  const time = new VirtualTime(1_000);
  const metrics = new MemoryMetrics();
  const turns = new TurnBudget(time);
  const access = new AccessRules();
  access.setDefault('open');
  const router = new Router(access, metrics);
  const streams = new Streams(new MemoryStreamStore(time, new SeededRandom(1)), time, metrics);
  const app = new AppMount(time, SILENT_LOG, router);
  router.mount('/topic', new TopicsMount(streams, new TopicRules()));
  router.mount('/app', app);
  const receivers: StompReceiver[] = [];
  const registry = new SessionRegistry();
  const inputFlow = new InputFlowBudget(134_217_728, turns, metrics);
  let sessionCount = 0;
  const environment = {
    session: {
      clock: time,
      deadlines: new DeadlineWheel(time, 250),
      limits: { ...DEFAULT_SESSION_LIMITS, ...given.limits },
      metrics,
      registry,
      log: SILENT_LOG,
      turns,
      inputFlow,
      outbound: new HeldTotal(Infinity),
    },
    router,
    authenticate: given.authenticate ?? (() => Promise.resolve(ANONYMOUS)),
    newSessionId: () => `session-${++sessionCount}`,
    unfinished: new HeldTotal(Infinity),
    maxMessageBytes: 1_000_000,
    minHeartbeatIntervalMs: 1_000,
    connectTimeoutMs: 5_000,
    serverName: 'test/1',
    messageTimeoutMs: 60_000,
    log: SILENT_LOG,
  };
  const connect = () => {
    const pair = new ConnectionPair(time, (connection) => {
      given.prepare?.(connection);
      const receiver = new StompReceiver(environment, connection);
      receivers.push(receiver);
      return receiver;
    });
    const say = async (text: string): Promise<readonly string[]> => {
      pair.sendText(text);
      await settled();
      time.advance(0);
      await settled();
      return heard();
    };
    const heard = (): readonly string[] => pair.take().map(({ octets }) => decoder.decode(octets));
    return { pair, say, heard };
  };
  return { time, turns, metrics, registry, inputFlow, app, receivers, connect };
}

const CONNECT = 'CONNECT\naccept-version:1.2\n\n\0';
const connectWith = (heartbeat: string): string =>
  `CONNECT\naccept-version:1.2\nheart-beat:${heartbeat}\n\n\0`;

test('a heartbeat is sent in silence only, and never later than was agreed', async () => {
  for (const intervalMs of [1_000, 4_000, 10_000]) {
    const { connect, time } = rig();
    const { say, heard, pair } = connect();
    await say(connectWith(`0,${intervalMs}`));
    let silentMs = 0;
    let beatCount = 0;
    for (let passedMs = 0; passedMs < 60_000; passedMs += 50) {
      time.advance(50);
      silentMs += 50;
      const beats = heard();
      assert.ok(
        beats.every((text) => text === '\n'),
        beats.join(),
      );
      if (beats.length > 0) silentMs = 0;
      beatCount += beats.length;
      assert.ok(silentMs <= intervalMs, `${silentMs} ms without a word`);
    }
    assert.ok(beatCount <= (60_000 / intervalMs) * 2, `${beatCount} heartbeats in a minute`);
    pair.close();
    time.advance(60_000);
    assert.equal(time.pendingTimerCount, 0, 'a session leaves no timer behind');
  }
});

test('messages count as heartbeats of ours', async () => {
  const { connect, time } = rig();
  const { say, heard } = connect();
  await say(connectWith('0,10000'));
  await say('SUBSCRIBE\nid:s\ndestination:/topic/a\n\n\0');
  for (let count = 0; count < 20; count++) {
    time.advance(2_000);
    const texts = await say('SEND\ndestination:/topic/a\n\nx\0');
    assert.ok(
      texts.every((text) => text.startsWith('MESSAGE')),
      texts.join(),
    );
  }
  assert.deepEqual(heard(), []);
});

test('a client that is silent for three intervals is told so and cut off; any octet counts as life', async () => {
  const { connect, time, registry } = rig();
  const { say, heard, pair } = connect();
  await say(connectWith('2000,0'));
  for (const text of ['\n', '\r\n', '\n', 'SEND\ndestination:/topic/a\n', '\nbody', '\0']) {
    time.advance(5_500);
    assert.deepEqual(await say(text), []);
  }
  time.advance(5_500);
  assert.deepEqual(heard(), []);
  time.advance(2_500);
  assert.match(heard().join(), /^ERROR\n[\s\S]*tideway-code:session\/heartbeat-timeout/);
  assert.deepEqual([pair.ended?.closeCode, registry.count], [4008, 0]);
});

test('a client that is silent is asked, and one whose connection answers lives', async () => {
  const { connect, time } = rig();
  const { say, heard, pair } = connect();
  let askedCount = 0;
  let answers = true;
  pair.onAsked = () => {
    askedCount += 1;
    if (answers) pair.answerAsked();
  };
  await say(connectWith('2000,0'));
  time.advance(60_000);
  assert.deepEqual([heard(), pair.ended], [[], undefined]);
  assert.ok(askedCount >= 14, String(askedCount));
  answers = false;
  time.advance(8_500);
  assert.equal(pair.ended?.closeCode, 4008);
});

test('without an agreement there are no heartbeats in either direction', async () => {
  for (const header of ['0,0', undefined]) {
    const { connect, time } = rig();
    const { say, heard, pair } = connect();
    await say(header === undefined ? CONNECT : connectWith(header));
    time.advance(3_600_000);
    assert.deepEqual([heard(), pair.ended], [[], undefined]);
    assert.equal(time.pendingTimerCount, 0);
  }
  const { connect, time } = rig();
  const old = connect();
  await old.say('CONNECT\nheart-beat:1000,1000\n\n\0');
  time.advance(60_000);
  assert.deepEqual([old.heard(), old.pair.ended], [[], undefined], '1.0 has none');
});

test('[E2] a connection that says nothing, or half a CONNECT, ends in time', async () => {
  for (const words of ['', '\n', 'CONNECT\naccept-version:1.2\n']) {
    const { connect, time } = rig();
    const { say, heard, pair } = connect();
    await say(words);
    time.advance(5_500);
    assert.match(heard().join(), /tideway-code:session\/connect-timeout/);
    assert.equal(pair.ended?.closeCode, 4005);
  }
});

test('while the token is checked nothing is read, not even the rest of the message, and nothing is lost', async () => {
  let admit = (): void => {};
  const checked = new Promise<void>((resolve) => (admit = resolve));
  const authenticate: Authenticate = () => checked.then(() => ANONYMOUS);
  const limits = { maxUnauthenticatedCount: 3, maxUnauthenticatedBytes: 2_000 };
  const { connect, metrics, time } = rig({ authenticate, limits });
  const send = (id: number): string => `SEND\ndestination:/topic/a\nreceipt:${id}\n\n\0`;
  const { say, heard } = connect();
  await say(CONNECT + [1, 2, 3, 4, 5].map(send).join(''));
  await say(`SEND\ndestination:/topic/a\n\n${'x'.repeat(3_000)}\0`);
  await say(send(6));
  assert.equal(metrics.value('limit_reached', { limit: 'maxUnauthenticatedCount' }), 0);
  admit();
  for (let turn = 0; turn < 4; turn++) {
    await settled();
    time.advance(0);
  }
  const receipts = heard().flatMap((text) => /receipt-id:(\d)/.exec(text)?.[1] ?? []);
  assert.deepEqual(receipts, ['1', '2', '3', '4', '5', '6']);
});

test('one message of many frames is taken in slices, in order, and one with too many ends the connection', async () => {
  const { connect, time, metrics } = rig({ limits: { maxFramesPerMessage: 1_000 } });
  const { pair, say, heard } = connect();
  await say(CONNECT);
  const send = (id: number): string => `SEND\ndestination:/topic/a\nreceipt:${id}\n\n\0`;
  const ids = Array.from({ length: 1_000 }, (_, id) => id);
  pair.sendText(ids.map(send).join(''));
  pair.sendText(send(1_000));
  await settled();
  assert.ok(heard().length < 200, 'only a slice of it at once');
  for (let turn = 0; turn < 40; turn++) {
    time.advance(0);
    await settled();
  }
  pair.sendText(send(1_001));
  await settled();
  const found = heard().flatMap((text) => /receipt-id:(\d+)/.exec(text)?.[1] ?? []);
  assert.deepEqual(found.slice(-2), ['1000', '1001']);
  await say(ids.map(send).join('') + send(1_000));
  for (let turn = 0; turn < 40; turn++) {
    time.advance(0);
    await settled();
  }
  assert.equal(pair.ended?.closeCode, 4505);
  assert.equal(metrics.value('limit_reached', { limit: 'maxFramesPerMessage' }), 1);
});

test('subscribers with the same id share the octets of a MESSAGE; another id, mode or version has its own', async () => {
  const { connect, time } = rig();
  const peers = await Promise.all(
    [
      ['1.2', 'id:s'],
      ['1.2', 'id:s'],
      ['1.2', 'id:t'],
      ['1.2', 'id:s\nack:client'],
      ['1.1', 'id:s'],
    ].map(async ([version, headers]) => {
      const peer = connect();
      await peer.say(`CONNECT\naccept-version:${version}\n\n\0`);
      await peer.say(`SUBSCRIBE\n${headers}\ndestination:/topic/a\n\n\0`);
      return peer;
    }),
  );
  peers[0]?.pair.sendText('SEND\ndestination:/topic/a\n\nx\0');
  await settled();
  time.advance(0);
  const octets = peers.map(({ pair }) => pair.take()[0]?.octets);
  assert.ok(octets.every((each) => each !== undefined));
  assert.equal(octets[0], octets[1]);
  assert.equal(new Set(octets).size, 4);
});

test('a reader that takes no answers is disconnected once, with 4001, and nothing overflows', async () => {
  const { connect, registry } = rig({ limits: { maxOutboundBytes: 2_000 } });
  const { pair, say } = connect();
  await say(CONNECT);
  pair.stopReading();
  for (let id = 0; id < 200; id++) pair.sendText(`UNSUBSCRIBE\nid:x\nreceipt:${id}\n\n\0`);
  await settled();
  assert.deepEqual([pair.ended?.closeCode, registry.count], [4001, 0]);
});

test('a fault in the answer to a frame ends its connection, and nothing else', async () => {
  const prepare = (connection: Connection): void => {
    const send = connection.send.bind(connection);
    connection.send = (message) => {
      if (decoder.decode(message.octets).startsWith('RECEIPT')) throw new Error('a defect');
      send(message);
    };
  };
  const { connect, registry } = rig({ prepare });
  for (const destination of ['/topic/a', '/nowhere']) {
    const { pair, say } = connect();
    await say(CONNECT);
    await say(`SEND\ndestination:${destination}\nreceipt:1\n\nx\0`);
    assert.equal(pair.ended?.closeCode, destination === '/topic/a' ? 4004 : 4506);
  }
  assert.equal(registry.count, 0);
});

test('the first octet after line ends tells STOMP from other languages', () => {
  const encoder = new TextEncoder();
  for (const text of ['CONNECT\n', 'STOMP\n\n\0', '\n\r\nCONNECT\r\na:b', 'C', 'CONN', '\nS']) {
    assert.ok(isStompFirstMessage(text), text);
    assert.ok(isStompFirstMessage(encoder.encode(text)), text);
  }
  for (const text of ['', '\n', '{}', 'connect\n', ' CONNECT\n', 'GET / HTTP/1.1\r\n', '\u0001']) {
    assert.ok(!isStompFirstMessage(text), text);
    assert.ok(!isStompFirstMessage(encoder.encode(text)), text);
  }
});

test('a frame has messageTimeoutMs from its first octet, over however many messages it is spread', async () => {
  const { time, metrics, registry, connect } = rig();
  const { pair, say, heard } = connect();
  await say(CONNECT);
  const beginning = 'SEND\ndestination:/topic/a\n\nx';
  await say(beginning);
  // A message may end one frame and begin the next, whose time starts then; what stands between frames takes none.
  for (const text of [`y\0${beginning}`, `y\0\n${beginning}`, 'y\0\n', '\n', beginning]) {
    time.advance(50_000);
    assert.deepEqual(await say(text), []);
  }
  for (let passedMs = 0; passedMs < 59_000; passedMs += 1_000) {
    time.advance(1_000);
    assert.deepEqual(await say('x'), []);
  }
  time.advance(1_250);
  assert.match(
    heard().join(),
    /^ERROR\n[\s\S]*tideway-code:session\/protocol-error[\s\S]*60000 ms/,
  );
  assert.deepEqual([pair.ended?.closeCode, registry.count], [4505, 0]);
  assert.equal(metrics.value('limit_reached', { limit: 'messageTimeoutMs' }), 1);
  assert.equal(time.pendingTimerCount, 0);
});

test('a frame that nobody finishes leaves no timer when its connection ends', async () => {
  const { time, connect } = rig();
  const { pair, say } = connect();
  await say(`${CONNECT}SEND\ndestination:/topic/a\n`);
  assert.ok(time.pendingTimerCount > 0);
  pair.close();
  time.advance(250);
  assert.equal(time.pendingTimerCount, 0);
});

test('the id of a subscription never passes for its mode: each subscriber gets its own frames', async () => {
  const { connect } = rig();
  const [one, other] = [connect(), connect()];
  for (const { say } of [one, other]) await say(CONNECT);
  await one.say('SUBSCRIBE\nid:ack a\ndestination:/topic/x\n\n\0');
  await other.say('SUBSCRIBE\nid:a\nack:client\ndestination:/topic/x\n\n\0');
  const [message = ''] = await one.say('SEND\ndestination:/topic/x\n\n1\0');
  assert.match(message, /^MESSAGE\nsubscription:ack a\n/);
  const [acknowledged = ''] = other.heard();
  assert.match(acknowledged, /^MESSAGE\nsubscription:a\n(?:.+\n)*ack:/);
});

test('a COMMIT of which several are refused is one ERROR, and no rejection without a handler', async (context) => {
  const unhandled: unknown[] = [];
  const listener = (error: unknown): void => void unhandled.push(error);
  process.on('unhandledRejection', listener);
  context.after(() => process.off('unhandledRejection', listener));
  const { say } = rig().connect();
  await say(CONNECT);
  const kept = ['SEND\ndestination:/nowhere', 'ACK', 'SEND\ndestination:/topic/x'];
  const frames = kept.map((frame) => `${frame}\ntransaction:t\n\n\0`).join('');
  const heard = await say(`BEGIN\ntransaction:t\n\n\0${frames}COMMIT\ntransaction:t\n\n\0`);
  await settled();
  assert.equal(heard.length, 1);
  assert.match(heard[0] ?? '', /^ERROR\n/);
  assert.deepEqual(unhandled, []);
});

test('[B2] a frame of many octets, headers or body, is as much of a slice as they are', async () => {
  const { connect, time } = rig();
  for (const part of [`h:${'x'.repeat(15_000)}\n\n`, `\n${'x'.repeat(15_000)}`]) {
    const { pair, say, heard } = connect();
    await say(CONNECT);
    pair.sendText(`SEND\ndestination:/topic/a\nreceipt:1\n${part}\0`.repeat(10));
    await settled();
    const atOnce = heard().length;
    assert.ok(atOnce <= 5, `${atOnce} frames of 15 units at once`);
    for (let turn = 0; turn < 4; turn++) {
      time.advance(0);
      await settled();
    }
    assert.equal(atOnce + heard().length, 10);
  }
});

test('[B2] no frame is handed on while input is paused, though it was to be just before', async () => {
  const { connect, receivers, time } = rig();
  const { pair, say, heard } = connect();
  await say(CONNECT);
  const [receiver] = receivers;
  receiver!.pauseInput();
  pair.sendText('SEND\ndestination:/topic/a\nreceipt:1\n\n\0');
  receiver!.resumeInput();
  receiver!.pauseInput();
  time.advance(0);
  await settled();
  assert.deepEqual(heard(), []);
  receiver!.resumeInput();
  time.advance(0);
  await settled();
  assert.match(heard().join(), /^RECEIPT\nreceipt-id:1\n/);
});

test('[B4] what a COMMIT began is over with it: a session may have as many as it likes, one after another', async () => {
  const { connect } = rig({ limits: { maxOperationCount: 4 } });
  const { say } = connect();
  await say(CONNECT);
  for (let count = 0; count < 10; count++) {
    const heard = await say(
      'BEGIN\ntransaction:t\n\n\0SEND\ndestination:/topic/a\ntransaction:t\n\n\0' +
        `COMMIT\ntransaction:t\nreceipt:${count}\n\n\0`,
    );
    assert.match(heard.join(), new RegExp(`^RECEIPT\nreceipt-id:${count}\n`));
  }
});

test('[B4] a client that is not read is not blamed for its silence, and is again once it is read', async () => {
  const { connect, app, time, registry } = rig({ limits: { maxOperationCount: 1 } });
  let open = (): void => {};
  app.map('/gated', () => new Promise<void>((resolve) => (open = resolve)));
  const { say, heard } = connect();
  await say(connectWith('2000,0'));
  await say('SEND\ndestination:/app/gated\nreceipt:1\n\n\0');
  time.advance(30_000);
  assert.deepEqual([heard(), registry.count], [[], 1]);
  open();
  await settled();
  time.advance(30_000);
  const [receipt, error] = heard();
  assert.match(receipt ?? '', /^RECEIPT\n/);
  assert.match(error ?? '', /^ERROR\n[\s\S]*session\/heartbeat-timeout/);
});

test("[B4] what a transaction keeps is its share's until COMMIT, ABORT or the end of its session", async () => {
  const { connect, inputFlow } = rig();
  for (const end of ['COMMIT\ntransaction:t\n\n\0', 'ABORT\ntransaction:t\n\n\0', undefined]) {
    const { pair, say } = connect();
    await say(CONNECT);
    const kept = `SEND\ndestination:/topic/a\ntransaction:t\n\n${'x'.repeat(1_000)}\0`;
    await say(`BEGIN\ntransaction:t\n\n\0${kept}`);
    assert.ok(inputFlow.kept.total > 1_000);
    if (end === undefined) pair.cut();
    else await say(end);
    await say('\n');
    assert.equal(inputFlow.kept.total, 0, end ?? 'the end of its session');
  }
});

test('[B2] each turn of a message of many frames has a whole slice of it', async () => {
  const { connect, turns, time } = rig();
  const { pair, say, heard } = connect();
  await say(CONNECT);
  let stepCount = 0;
  const later = turns.later.bind(turns);
  turns.later = (step, queue) => {
    stepCount += 1;
    later(step, queue);
  };
  pair.sendText('SEND\ndestination:/topic/a\nreceipt:1\n\n\0'.repeat(640));
  let count = 0;
  while (count < 640) {
    await settled();
    time.advance(0);
    count += heard().length;
  }
  assert.ok(stepCount >= 9 && stepCount < 20, `${stepCount} turns for ten slices`);
});

test('a subscription has an id of 1,024 characters at most: it is kept, and written with each MESSAGE', async () => {
  const { connect, metrics } = rig();
  const { say } = connect();
  await say(CONNECT);
  const subscribe = (length: number): string =>
    `SUBSCRIBE\nid:${'i'.repeat(length)}\ndestination:/topic/a\nreceipt:r\n\n\0`;
  assert.match((await say(subscribe(1_024)))[0] ?? '', /^RECEIPT\n/);
  const [refusal = ''] = await say(subscribe(1_025));
  assert.match(refusal, /^ERROR\n[\s\S]*at most 1024 characters/);
  assert.equal(metrics.value('limit_reached', { limit: 'maxSubscriptionIdLength' }), 1);
});

test('small headers count as what they take in memory while their frame waits for its COMMIT', async () => {
  const { connect, metrics } = rig({ limits: { maxTransactionBytes: 4_000 } });
  const { say } = connect();
  await say(CONNECT);
  const headers = Array.from({ length: 60 }, (_, index) => `x${index}:y\n`).join('');
  await say('BEGIN\ntransaction:t\n\n\0');
  const [refusal = ''] = await say(`SEND\ndestination:/topic/a\ntransaction:t\n${headers}\n\0`);
  assert.match(refusal, /^ERROR\n/);
  assert.equal(metrics.value('limit_reached', { limit: 'maxTransactionBytes' }), 1);
});
