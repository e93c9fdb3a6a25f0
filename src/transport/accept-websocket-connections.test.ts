/** Proves the door for WebSocket connections: refusals, the gate, subprotocols, shared frames and the end. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { MemoryMetrics, TurnBudget, encodeUtf8, type TurnQueue } from '../foundation/index.js';
import {
  SharedBatch,
  SharedMessage,
  type Connection,
  type ConnectionReceiver,
} from '../session/index.js';
import { VirtualTime } from '../testing/index.js';
import {
  acceptWebSocketConnections,
  type AcceptWebSocketOptions,
  type WebSocketDoor,
} from './accept-websocket-connections.js';
import { nodeTime } from './node-time.js';
import { WebSocket } from './websocket/index.js';

const text = (value: string): SharedMessage => new SharedMessage(encodeUtf8(value), false);

/** A receiver that echoes and writes down what it is told. */
class Echo implements ConnectionReceiver {
  readonly told: string[] = [];
  readonly ended: Promise<void>;
  #end: () => void = () => {};
  readonly connection: Connection;
  onWritable: () => void = () => {};

  constructor(connection: Connection) {
    this.connection = connection;
    this.ended = new Promise((resolve) => (this.#end = resolve));
  }
  textReceived(value: string): void {
    this.told.push(`text ${value}`);
    this.connection.send(text(value));
  }
  binaryReceived(octets: Uint8Array): void {
    this.told.push(`binary ${octets.length} of ${octets.buffer.byteLength}`);
    this.connection.send(new SharedMessage(octets, true));
  }
  writable(): void {
    this.onWritable();
  }
  closed(closeCode: number, reason: string): void {
    this.told.push(`closed ${closeCode} ${reason}`);
    this.#end();
  }
}

interface Running {
  readonly door: WebSocketDoor;
  readonly server: Server;
  readonly url: string;
  readonly receivers: Echo[];
  readonly metrics: MemoryMetrics;
}

async function run(
  context: TestContext,
  options: Partial<AcceptWebSocketOptions> = {},
): Promise<Running> {
  const server = createServer();
  const metrics = new MemoryMetrics();
  const receivers: Echo[] = [];
  const door = acceptWebSocketConnections({
    server,
    paths: ['/ws', '/other'],
    metrics,
    accept: (connection) => {
      const receiver = new Echo(connection);
      receivers.push(receiver);
      return receiver;
    },
    ...options,
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(() => {
    for (const connection of door.connections) connection.destroy();
    server.close();
  });
  return {
    door,
    server,
    receivers,
    metrics,
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
  };
}

async function open(url: string, protocols: string[] = [], headers = {}): Promise<WebSocket> {
  const client = new WebSocket(url, protocols, { headers });
  await once(client, 'open');
  return client;
}

function statusOf(url: string, headers = {}): Promise<number | undefined> {
  const client = new WebSocket(url, { headers });
  return new Promise((resolve, reject) => {
    client.on('error', reject);
    client.on('open', () => resolve(101));
    client.on('unexpected-response', (request, response) => {
      response.resume();
      request.destroy();
      resolve(response.statusCode);
    });
  });
}

test('messages go to the receiver as text and as octets of their own', async (context) => {
  const { url, receivers } = await run(context);
  const client = await open(`${url}/ws?a=1`, [], { 'X-Label': 'yes' });
  client.send('héllo');
  const [echoed] = (await once(client, 'message')) as [Buffer];
  assert.equal(echoed.toString(), 'héllo');
  client.send(Buffer.from('abc'));
  await once(client, 'message');
  client.close(4000, 'bye');
  await receivers[0]?.ended;
  assert.deepEqual(receivers[0]?.told, ['text héllo', 'binary 3 of 3', 'closed 4000 bye']);
  const { handshake, isOpen } = receivers[0].connection;
  assert.equal(isOpen, false);
  assert.equal(handshake.path, '/ws');
  assert.equal(handshake.query.get('a'), '1');
  assert.equal(handshake.headers.get('x-label'), 'yes');
  receivers[0].connection.send(text('too late'));
});

test('an upgrade at a path that nobody serves is answered with 404', async (context) => {
  const { url, metrics } = await run(context);
  assert.equal(await statusOf(`${url}/nowhere`), 404);
  assert.equal(metrics.value('websocket_handshakes_refused', { code: '404' }), 1);
  assert.equal(await statusOf(`${url}/other`), 101);
});

test('[A4] the Origin gate refuses with 403 and its words', async (context) => {
  const { url } = await run(context, {
    checkOrigin: (headers) =>
      headers.get('origin') === 'http://evil' ? 'not from there' : undefined,
  });
  assert.equal(await statusOf(`${url}/ws`, { Origin: 'http://evil' }), 403);
  assert.equal(await statusOf(`${url}/ws`, { Origin: 'http://good' }), 101);
});

test('the first subprotocol of the client that is spoken is agreed; else the handshake goes on without', async (context) => {
  const { url, receivers } = await run(context, { subprotocols: ['one', 'two'] });
  assert.equal((await open(`${url}/ws`, ['none', 'two', 'one'])).protocol, 'two');
  assert.equal(receivers[0]?.connection.handshake.subprotocol, 'two');
  assert.equal((await open(`${url}/ws`)).protocol, '');
  assert.equal(receivers[1]?.connection.handshake.subprotocol, undefined);
});

test('a batch is encoded once and its octets go to every idle connection', async (context) => {
  const { url, receivers } = await run(context);
  const clients = await Promise.all([open(`${url}/ws`), open(`${url}/ws`)]);
  const arrived = clients.map(
    (client) =>
      new Promise<string>((resolve) => {
        const seen: string[] = [];
        client.on('message', (data, isBinary) => {
          seen.push(`${(data as Buffer).toString()} ${isBinary}`);
          if (seen.length === 2) resolve(seen.join());
        });
      }),
  );
  const batch = new SharedBatch([text('a'), new SharedMessage(encodeUtf8('b'), true)]);
  receivers[0]?.connection.sendBatch(batch);
  const frames = batch.plainFrames;
  assert.deepEqual(Buffer.from(frames ?? []).toString('hex'), '810161820162');
  receivers[1]?.connection.sendBatch(batch);
  assert.equal(batch.plainFrames, frames);
  assert.equal(receivers[0]?.connection.bufferedBytes, 0, 'written at once');
  assert.deepEqual(await Promise.all(arrived), ['a false,b true', 'a false,b true']);
});

test('[O2] a batch leaves after what was queued before it', async (context) => {
  const { url, receivers } = await run(context);
  const client = await open(`${url}/ws`);
  const seen: string[] = [];
  const done = new Promise<void>((resolve) => {
    client.on('message', (data) => {
      if (seen.push((data as Buffer).toString()) === 3) resolve();
    });
  });
  const connection = receivers[0]?.connection;
  connection?.send(text('first'));
  connection?.sendBatch(new SharedBatch([text('second')]));
  connection?.send(text('third'));
  await done;
  assert.deepEqual(seen, ['first', 'second', 'third']);
});

test('writable is told once the buffered octets have gone, after a tick and after a full socket', async (context) => {
  const { url, receivers } = await run(context);
  const client = await open(`${url}/ws`);
  const receiver = receivers[0]!;
  const { connection } = receiver;
  const told = (): Promise<number> =>
    new Promise((resolve) => (receiver.onWritable = () => resolve(connection.bufferedBytes)));
  let writable = told();
  connection.send(text('small'));
  assert.ok(connection.bufferedBytes > 0);
  assert.equal(await writable, 0);
  client.pause();
  writable = told();
  const large = new SharedBatch([new SharedMessage(new Uint8Array(1 << 20), true)]);
  for (let index = 0; index < 16; index++) connection.sendBatch(large);
  assert.ok(connection.bufferedBytes > 1 << 20, String(connection.bufferedBytes));
  client.resume();
  assert.equal(await writable, 0);
});

test('a long reason is cut between characters, and a code that must not be sent is an error', async (context) => {
  const { url, receivers } = await run(context);
  const client = await open(`${url}/ws`);
  const connection = receivers[0]?.connection;
  assert.throws(() => connection?.close(1006, ''), TypeError);
  connection?.close(4001, '€'.repeat(100));
  const [code, reason] = (await once(client, 'close')) as [number, Buffer];
  assert.equal(code, 4001);
  assert.equal(reason.toString(), '€'.repeat(41));
});

test('the limits of the door are those of its connections', async (context) => {
  const { url, metrics, receivers } = await run(context, { limits: { maxMessageBytes: 10 } });
  const client = await open(`${url}/ws`);
  client.send('a'.repeat(11));
  const [code] = (await once(client, 'close')) as [number];
  assert.equal(code, 1009);
  await receivers[0]?.ended;
  assert.equal(
    metrics.value('websocket_violations', { code: 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' }),
    1,
  );
});

test('closing the door closes every connection and refuses new ones', async (context) => {
  const { url, door, metrics } = await run(context);
  const clients = await Promise.all([open(`${url}/ws`), open(`${url}/ws`)]);
  const codes = clients.map(async (client) => (await once(client, 'close'))[0] as number);
  door.stopAccepting();
  assert.equal(await statusOf(`${url}/ws`), 503);
  await door.close(4000, 'server/shutdown');
  assert.deepEqual(await Promise.all(codes), [4000, 4000]);
  assert.equal(door.connections.size, 0);
  assert.equal(metrics.value('connections_open', { transport: 'websocket' }), 0);
});

/** When the next socket of a server is gone, and whoever listens to it has heard. */
async function goneOf(server: Server): Promise<void> {
  const [socket] = (await once(server, 'connection')) as [Socket];
  await new Promise((resolve) => socket.on('close', resolve));
  await new Promise((resolve) => setImmediate(resolve));
}

/** So long that a test which waits for it hangs. */
const AN_HOUR_MS = 3_600_000;

for (const act of ['close', 'destroy'] as const) {
  const endIt = (connection: Connection): void =>
    act === 'close' ? connection.close(4000, 'bye') : connection.destroy();

  test(`[B2] an end that waits for what came before it waits no longer once the server has had enough (${act})`, async (context) => {
    const limits = { closeTimeoutMs: AN_HOUR_MS };
    const { server, url, receivers } = await run(context, { limits });
    const gone = goneOf(server);
    const client = await open(`${url}/ws`);
    const [{ connection, ended, told } = assert.fail()] = receivers;
    connection.pauseInput();
    client.close(1000);
    await gone;
    assert.deepEqual(told, []);
    endIt(connection);
    await ended;
    assert.deepEqual(told, ['closed 1000 ']);
  });

  test(`[B2] nor is a message handed on then that was held back when the link broke (${act})`, async (context) => {
    const limits = { closeTimeoutMs: AN_HOUR_MS };
    const { server, url, receivers } = await run(context, { limits });
    const gone = goneOf(server);
    const client = await open(`${url}/ws`);
    const [{ connection, ended, told } = assert.fail()] = receivers;
    connection.pauseInput();
    // The answer to the ping in front of it says that it was read.
    client.ping();
    client.send('held');
    await once(client, 'pong');
    client.terminate();
    while (connection.isOpen) {
      // That its peer is gone shows where something is written.
      connection.send(text('x'));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await gone;
    endIt(connection);
    connection.resumeInput();
    await ended;
    assert.deepEqual(told, ['closed 1006 ']);
  });
}

/** A budget whose turns are over as soon as something was done in them. */
class SpentTurns extends TurnBudget {
  waitedCount = 0;
  readonly queues = new Set<TurnQueue>();

  constructor() {
    super(nodeTime(), undefined, 0);
  }

  override later(step: () => void, queue: TurnQueue): void {
    this.waitedCount += 1;
    this.queues.add(queue);
    super.later(step, queue);
  }
}

const COUNT = 60;
const WAYS = ['past node:http', 'through node:http'] as const;
const OWN_PATH = { ownUpgradePath: { firstOctetTimeoutMs: 5_000, maxWaitingCount: 1_000 } };

for (const way of WAYS) {
  test(`a crowd of upgrades waits for turns and all of them are served (${way})`, async (context) => {
    const turns = new SpentTurns();
    const { server, url, receivers, door } = await run(context, {
      turns,
      ...(way === 'past node:http' && OWN_PATH),
    });
    let acceptedCount = 0;
    const accepted = new Promise<void>((resolve) =>
      server.on('connection', () => {
        acceptedCount += 1;
        if (acceptedCount === COUNT) resolve();
      }),
    );
    const clients = Array.from({ length: COUNT }, () =>
      connect(Number(new URL(url).port), '127.0.0.1').on('error', () => {}),
    );
    context.after(() => {
      for (const socket of clients) socket.destroy();
    });
    await accepted;
    // All of them at once, so that they come in one turn; each sends a message along with its request.
    const answers = clients.map(async (socket, index) => {
      const message = Buffer.of(0x81, 0x81, 0, 0, 0, 0, 0x61);
      socket.write(Buffer.concat([upgradeRequest(`/ws?n=${index}`), message]));
      // Some of them give up while they wait.
      if (index % 10 === 9) return socket.resetAndDestroy();
      let answer = '';
      while (!answer.endsWith('\x81\x01a')) {
        const [chunk] = (await once(socket, 'data')) as [Buffer];
        answer += chunk.toString('latin1');
      }
      assert.match(answer, /^HTTP\/1\.1 101 /);
    });
    await Promise.all(answers);
    assert.ok(turns.queues.has('arrival'), 'behind nobody who goes on');
    assert.ok(turns.waitedCount > 30, `${turns.waitedCount} waited`);
    assert.ok(receivers.length >= COUNT * 0.9);
    const closed = door.close(4000, 'bye');
    for (const socket of clients) socket.end();
    await closed;
    assert.equal(door.connections.size, 0);
  });
}

function upgradeRequest(target: string): Buffer {
  return Buffer.from(
    `GET ${target} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
  );
}

/** A budget in whose turn nothing has room until it is released. */
class HeldTurns extends TurnBudget {
  isHeld = true;
  readonly held = new Set<() => void>();
  onHeld: () => void = () => {};

  constructor() {
    super(nodeTime());
  }

  override get hasRoom(): boolean {
    return !this.isHeld && super.hasRoom;
  }

  override later(step: () => void, queue: TurnQueue): void {
    if (!this.isHeld) return super.later(step, queue);
    this.held.add(step);
    this.onHeld();
  }

  override forget(step: () => void): void {
    this.held.delete(step);
    super.forget(step);
  }

  async untilHeld(count: number): Promise<void> {
    while (this.held.size < count) await new Promise<void>((held) => (this.onHeld = held));
  }

  release(): void {
    this.isHeld = false;
    for (const step of this.held) super.later(step, 'prompt');
    this.held.clear();
  }
}

for (const way of WAYS) {
  const path = way === 'past node:http' ? OWN_PATH : {};

  test(`what waits for its turn while the door closes is told so (${way})`, async (context) => {
    const turns = new HeldTurns();
    const { url, receivers, door } = await run(context, { turns, ...path });
    const statuses = Promise.all(Array.from({ length: 3 }, () => statusOf(`${url}/ws`)));
    await turns.untilHeld(3);
    door.stopAccepting();
    turns.release();
    assert.deepEqual(await statuses, [503, 503, 503]);
    assert.equal(receivers.length, 0);
  });

  test(`who resets the connection while he waits for his turn is gone (${way})`, async (context) => {
    const turns = new HeldTurns();
    const { server, url, receivers } = await run(context, { turns, ...path });
    const gone = new Promise<void>((resolve) =>
      server.on('connection', (socket: Socket) => socket.on('close', () => resolve())),
    );
    const client = connect(Number(new URL(url).port), '127.0.0.1');
    client.write(upgradeRequest('/ws'));
    await turns.untilHeld(1);
    client.resetAndDestroy();
    await gone;
    turns.release();
    // Another comes after it.
    await open(`${url}/ws`);
    assert.equal(receivers.length, 1);
  });
}

test('who has spoken and waits for his turn is neither timed out nor ended for another', async (context) => {
  const turns = new HeldTurns();
  const real = nodeTime();
  const time = Object.assign(new VirtualTime(), {
    afterTick: (callback: () => void) => real.afterTick(callback),
    afterTurn: (callback: () => void) => real.afterTurn(callback),
  });
  const { server, url, receivers } = await run(context, {
    turns,
    time,
    ownUpgradePath: { firstOctetTimeoutMs: 5_000, maxWaitingCount: 1 },
  });
  const port = Number(new URL(url).port);
  const waiting = connect(port, '127.0.0.1');
  waiting.write(upgradeRequest('/ws'));
  await turns.untilHeld(1);
  time.advance(60_000);
  const another = connect(port, '127.0.0.1').on('error', () => {});
  const [socket] = (await once(server, 'connection')) as [Socket];
  if (!socket.destroyed) await once(socket, 'close');
  turns.release();
  const [answer] = (await once(waiting, 'data')) as [Buffer];
  assert.match(answer.toString(), /^HTTP\/1\.1 101 /);
  assert.equal(receivers.length, 1);
  for (const client of [waiting, another]) client.destroy();
});
