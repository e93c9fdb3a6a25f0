/**
 * Proves the events of sessions over random lives: hooks that answer late, refuse or fail, links that break at any moment, tokens that
 * end, rights that are taken away, and the end of the server. Whatever happens, each event comes exactly once, and in order.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  createServer,
  MemoryStreamStore,
  RequestError,
  type Principal,
  type SessionEventMap,
  type SessionEventName,
} from 'tideway';
import { ConnectionPair, SeededRandom, VirtualTime } from 'tideway/testing';
import { AdversarialStore } from './adversarial-store.js';

const SEED_COUNT = 200;
const STEP_COUNT = 100;
const MAX_CONNECTION_COUNT = 3;
const EVENTS = ['connect', 'connected', 'subscribe', 'unsubscribe', 'disconnect'] as const;
const NAMES = ['/topic/a', '/topic/b', '/topic/*', '/app/once', '/topic/denied', 'wrong'] as const;

type Frame = Readonly<Record<string, unknown>> & { readonly type: string };
/** How often each ending was seen, over all seeds: a simulation in which nothing happens proves nothing. */
type Tally = Map<string, number>;

/** What is known of one connection from its events, and what its client was told. */
class Life {
  state: 'asking' | 'open' | 'ended' = 'asking';
  sessionId: string | undefined = undefined;
  readonly live = new Set<string>();
  /** By the name of the subscription, in the order in which it was told. */
  readonly told = new Map<string, string[]>();
  readonly heard = new Map<string, string[]>();
}

function push(into: Map<string, string[]>, name: string, what: string): void {
  into.set(name, [...(into.get(name) ?? []), what]);
}

class Simulation {
  readonly lives = new Map<string, Life>();
  readonly #random: SeededRandom;
  readonly #time = new VirtualTime(1_700_000_000_000);
  readonly #server;
  readonly #tally: Tally;
  readonly #failures: unknown[] = [];
  readonly #broken = new Set<string>();
  #pairs: ConnectionPair[] = [];
  #pending: (() => void)[] = [];
  #connectionCount = 0;
  #frameCount = 0;

  constructor(seed: number, tally: Tally) {
    const random = new SeededRandom(seed);
    this.#random = random;
    this.#tally = tally;
    const inner = new MemoryStreamStore(this.#time, new SeededRandom(seed + 1));
    this.#server = createServer({
      store: new AdversarialStore(inner, this.#time, random),
      time: this.#time,
      random: new SeededRandom(seed + 2),
      authenticate: () => this.#authenticate(),
      limits: { maxUnauthenticatedCount: 3 },
    });
    this.#server.access
      .allow('any', '/topic/*')
      .allow('any', '/app/*')
      .deny('any', '/topic/denied');
    this.#server.app.map('/once', () => 1);
    this.#listen();
    if (random.below(2) === 0) {
      this.#server.intercept({ inbound: () => this.#held(undefined), outbound: () => undefined });
    }
  }

  #listen(): void {
    for (const name of EVENTS) {
      this.#server.on(name, () => {
        throw new Error('a listener of the application that fails');
      });
      this.#server.on(name, () => Promise.reject(new Error('and one that rejects')));
      this.#server.on(name, (event) => {
        // Thrown here it would be logged, and harm nobody.
        try {
          this.#heard(name, event);
        } catch (error) {
          this.#failures.push(error);
        }
      });
    }
  }

  #heard(name: SessionEventName, event: SessionEventMap[SessionEventName]): void {
    if (name === 'connect') {
      const { connectionId } = event as SessionEventMap['connect'];
      assert.ok(!this.lives.has(connectionId), 'a second connect');
      this.lives.set(connectionId, new Life());
      return;
    }
    const life = this.#lifeOf(event);
    assert.notEqual(life.state, 'ended', `${name} after disconnect`);
    if (name === 'connected') {
      assert.equal(life.state, 'asking', 'a second connected');
      life.state = 'open';
      life.sessionId = (event as SessionEventMap['connected']).sessionId;
    } else if (name === 'disconnect') {
      const { sessionId, reason, code } = event as SessionEventMap['disconnect'];
      assert.equal(sessionId, life.sessionId);
      this.#count(`${life.state} ${reason} ${code ?? ''}`.trimEnd());
      life.state = 'ended';
    } else {
      const { id, destination } = event as SessionEventMap['subscribe'];
      assert.equal(id, destination);
      assert.equal(life.live.has(id), name === 'unsubscribe', `${name} of ${id} twice`);
      if (name === 'subscribe') life.live.add(id);
      else life.live.delete(id);
      const { reason } = event as SessionEventMap['unsubscribe'];
      this.#count(name === 'subscribe' ? name : `unsubscribe ${reason}`);
      push(life.heard, id, name === 'subscribe' ? 'live' : 'over');
    }
  }

  #lifeOf(event: SessionEventMap[SessionEventName]): Life {
    if ('connectionId' in event) {
      const life = this.lives.get(event.connectionId);
      return life ?? assert.fail('an event before connect');
    }
    const { sessionId } = event as SessionEventMap['subscribe'];
    const life = [...this.lives.values()].find((one) => one.sessionId === sessionId);
    return life ?? assert.fail('an event before connected');
  }

  async run(): Promise<void> {
    const closesAt = this.#random.below(STEP_COUNT * 2);
    for (let step = 0; step < STEP_COUNT && step < closesAt; step += 1) {
      this.#step();
      if (this.#random.below(2) === 0) await this.#pass(this.#random.below(300));
    }
    const closed = this.#server.close();
    while (this.#pending.length > 0 || this.#pairs.length > 0) {
      for (const settle of this.#pending.splice(0)) settle();
      for (const pair of this.#pairs.splice(0)) {
        this.#broken.add(pair.connection.connectionId);
        pair.cut();
      }
      await this.#pass(10);
    }
    await closed;
    await this.#pass(10);
    this.#check();
  }

  #check(): void {
    if (this.#failures.length > 0) throw this.#failures[0];
    assert.equal(this.#server.sessionCount, 0);
    for (const [connectionId, life] of this.lives) {
      assert.equal(life.state, 'ended', `${connectionId} has no disconnect`);
      // What is written into a link that has just broken happened all the same.
      const names = this.#broken.has(connectionId) ? life.told.keys() : life.heard.keys();
      for (const name of new Set([...names, ...life.told.keys()])) {
        const told = life.told.get(name) ?? [];
        const heard = life.heard.get(name) ?? [];
        const comparable = this.#broken.has(connectionId) ? heard.slice(0, told.length) : heard;
        assert.deepEqual(comparable, told, `${connectionId}: ${name}, as it happened and as told`);
      }
    }
  }

  #step(): void {
    const random = this.#random;
    this.#pairs = this.#pairs.filter(({ ended }) => ended === undefined);
    const pair = random.pick(this.#pairs);
    const name = random.pick(NAMES);
    switch (random.below(3) === 0 ? random.below(9) : 5 + random.below(13)) {
      case 0:
      case 1:
        return this.#pairs.length < MAX_CONNECTION_COUNT ? this.#connect() : undefined;
      case 2:
        this.#broken.add(pair?.connection.connectionId ?? '');
        return pair?.cut();
      case 3:
        this.#broken.add(pair?.connection.connectionId ?? '');
        return pair?.close(1000);
      case 4:
        return this.#say(pair, { type: 'disconnect' });
      case 5:
        return this.#say(pair, { type: 'heartbeat' });
      case 6:
      case 7:
        return this.#say(pair, { type: 'unsubscribe', destination: name });
      case 8:
        for (const settle of this.#pending.splice(0)) settle();
        return undefined;
      case 9:
        // A new generation: every subscription is asked about again at its next delivery.
        if (random.below(3) === 0) this.#server.access.deny('any', '/topic/a');
        return undefined;
      case 10:
        void this.#server.publish(random.pick(['/topic/a', '/topic/b']), 1).catch(() => {});
        return undefined;
      default:
        return this.#say(pair, { type: 'subscribe', destination: name });
    }
  }

  #connect(): void {
    const connectionId = `connection ${++this.#connectionCount}`;
    const pair = new ConnectionPair(this.#time, this.#server.accept, { connectionId });
    pair.onMessage(({ octets }) => {
      const frame = JSON.parse(new TextDecoder().decode(octets)) as Frame;
      const life = this.lives.get(connectionId);
      const name = frame['destination'];
      if (life === undefined || typeof name !== 'string') return;
      if (frame.type === 'subscribed') push(life.told, name, 'live');
      // One that was unsubscribed from before it was live has no events.
      const isOver = frame.type === 'unsubscribed' || frame.type === 'ended';
      if (isOver && life.told.get(name)?.at(-1) === 'live') push(life.told, name, 'over');
    });
    this.#pairs.push(pair);
    const first = this.#random.below(4);
    if (first === 0) return;
    if (first === 1) this.#say(pair, { type: 'subscribe', destination: this.#random.pick(NAMES) });
    else this.#say(pair, { type: 'connect' });
  }

  #say(pair: ConnectionPair | undefined, frame: object): void {
    this.#frameCount += 1;
    pair?.sendText(JSON.stringify({ ...frame, id: this.#frameCount }));
  }

  async #authenticate(): Promise<Principal> {
    const nowMs = this.#time.nowMs();
    const expiresAtMs =
      this.#random.below(3) === 0 ? nowMs + this.#random.below(10_000) : undefined;
    const kind = this.#random.below(10);
    if (kind === 0) throw new RequestError('access/invalid-token', 'no');
    if (kind === 1) throw new TypeError('a hook that fails');
    return this.#held({ name: 'ada', claims: {}, expiresAtMs });
  }

  /** At once, or when somebody settles what is pending. */
  #held<T>(value: T): Promise<T> {
    if (this.#random.below(2) === 0) return Promise.resolve(value);
    return new Promise((resolve) => this.#pending.push(() => resolve(value)));
  }

  #count(what: string): void {
    this.#tally.set(what, (this.#tally.get(what) ?? 0) + 1);
  }

  /** Lets promises and turns run, then moves time. */
  async #pass(durationMs: number): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.#time.advance(durationMs);
    await new Promise((resolve) => setImmediate(resolve));
    this.#time.advance(0);
  }
}

test(`[L1][L2][L3] over ${SEED_COUNT} random lives of servers, each event comes exactly once and in order`, async (t) => {
  const tally: Tally = new Map();
  for (let seed = 1; seed <= SEED_COUNT; seed += 1) {
    try {
      await new Simulation(seed, tally).run();
    } catch (error) {
      assert.fail(`seed ${seed}: ${error instanceof Error ? error.stack : String(error)}`);
    }
  }
  for (const what of [...tally.keys()].toSorted()) t.diagnostic(`${tally.get(what)} × ${what}`);
  const expected = [
    'asking clean',
    'asking disconnected session/invalid-token',
    'asking lost',
    'open clean',
    'open disconnected server/shutdown',
    'open disconnected session/token-expired',
    'open lost',
    'subscribe',
    'unsubscribe ended',
    'unsubscribe refused',
    'unsubscribe unsubscribed',
  ];
  assert.deepEqual(
    expected.filter((what) => !tally.has(what)),
    [],
    'all of it happened',
  );
});
