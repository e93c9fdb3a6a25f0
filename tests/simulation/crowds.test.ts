/**
 * Proves the broker against crowds: many clients of both dialects, all of them cut or back in the same turn, many that do not read,
 * and a store that waits. Order holds, nothing is invented, and nothing is lost inside of what is kept for recovery.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createServer, MemoryStreamStore } from 'tideway';
import { SeededRandom, VirtualTime } from 'tideway/testing';
import { AdversarialStore } from './adversarial-store.js';
import { CheckedClient, type Tally } from './checked-client.js';
import { NATIVE, STOMP } from './languages.js';

const IS_FULL = process.env['TIDEWAY_ACCEPTANCE'] === 'simulation';
const SEED_COUNT = IS_FULL ? 3_000 : 100;
const STEP_COUNT = 20;
const TOPICS = ['/topic/a', '/topic/b', '/topic/c'] as const;
const NAMES = [...TOPICS, '/topic/*'] as const;

const emptyTally = (): Tally => ({
  delivered: 0,
  recovered: 0,
  unrecovered: 0,
  lost: 0,
  slow: 0,
  interrupted: 0,
  receipts: 0,
  repaired: 0,
});

/** Lets promises and turns run, then moves time. */
async function pass(time: VirtualTime, durationMs: number): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  time.advance(durationMs);
  await new Promise((resolve) => setImmediate(resolve));
  time.advance(0);
}

class Crowds {
  readonly operations: string[] = [];
  readonly #random: SeededRandom;
  readonly #time = new VirtualTime(1_700_000_000_000);
  readonly #store: AdversarialStore;
  readonly #server;
  readonly #clients: readonly CheckedClient[];
  readonly #failures: unknown[] = [];
  readonly #tally: Tally;
  /** Whether everything that is published stays for recovery: then nobody may ever come back to less. */
  readonly #isAllKept: boolean;
  #bodyCount = 0;

  constructor(seed: number, tally: Tally) {
    const random = new SeededRandom(seed);
    this.#random = random;
    this.#tally = tally;
    this.#isAllKept = random.below(2) === 0;
    const inner = new MemoryStreamStore(this.#time, new SeededRandom(seed + 1));
    this.#store = new AdversarialStore(inner, this.#time, random);
    const rule = {
      historySize: this.#isAllKept ? 100_000 : random.pick([0, 20]),
      liveRingBytes: random.pick([1_000, 6_000, 1_000_000]),
    };
    this.#server = createServer({
      store: this.#store,
      time: this.#time,
      random: new SeededRandom(seed + 2),
      topics: { '/topic/**': rule },
      limits: { maxBufferedBytes: 600, maxPullBytes: random.pick([300, 65_536]) },
    });
    this.#server.access.allow('any', '/topic/**');
    this.operations.push(`everything is kept: ${this.#isAllKept}, ${JSON.stringify(rule)}`);
    const around = {
      server: this.#server,
      time: this.#time,
      truths: this.#store.truths,
      tally,
      isLossy: false,
      failures: this.#failures,
    };
    this.#clients = Array.from({ length: 10 + random.below(30) }, (_, index) => {
      const language = index % 2 === 0 ? NATIVE : STOMP;
      return new CheckedClient(`${language.name} ${index}`, around, language);
    });
  }

  async run(): Promise<void> {
    const before = { ...this.#tally };
    for (let step = 0; step < STEP_COUNT; step++) {
      this.#step();
      await pass(this.#time, this.#random.below(60));
      this.#check();
    }
    await this.#finish();
    this.#check();
    assert.equal(this.#tally.interrupted, before.interrupted, 'interrupted without a loss');
    if (this.#isAllKept) {
      assert.equal(this.#tally.lost, before.lost, '[S6] lost inside of the history');
    }
    await this.#server.close();
  }

  #check(): void {
    if (this.#failures.length > 0) throw this.#failures[0];
  }

  /** All that happens in one step happens in one turn. */
  #step(): void {
    const random = this.#random;
    const crowd = this.#some();
    switch (random.below(8)) {
      case 0:
        return this.#all(crowd, 'are cut', (client) => client.cut());
      case 1:
        return this.#all(crowd, 'stop reading', (client) => client.stopReading());
      case 2:
        return this.#all(crowd, 'read on', (client) => client.readOn());
      case 3:
      case 4:
        return this.#all(crowd, 'come back', (client) => this.#comeBack(client));
      case 5: {
        const name = random.pick(NAMES);
        return this.#all(crowd, `leave ${name}`, (client) => client.unsubscribe(name));
      }
      default:
        return this.#all(crowd, 'publish', (client) => this.#publish(client));
    }
  }

  /** Everybody, half of them or a few. */
  #some(): readonly CheckedClient[] {
    const part = this.#random.pick([1, 0.5, 0.1]);
    return this.#clients.filter(() => this.#random.fraction() < part);
  }

  #all(crowd: readonly CheckedClient[], words: string, act: (client: CheckedClient) => void): void {
    this.operations.push(`${crowd.length} ${words}`);
    for (const client of crowd) act(client);
  }

  #owed(): readonly string[] {
    return this.#clients.flatMap((client) => client.owed());
  }

  #comeBack(client: CheckedClient): void {
    if (!client.isConnected) client.connect(this.#random.pick([0, 500, 5_000]));
    for (const name of NAMES) if (this.#random.below(2) === 0) client.subscribe(name, true);
  }

  #publish(client: CheckedClient): void {
    const topic = this.#random.pick(TOPICS);
    for (let count = 1 + this.#random.below(3); count > 0; count--) {
      client.publish(
        topic,
        String(this.#bodyCount++).padEnd(this.#random.below(100), '.'),
        undefined,
      );
    }
  }

  /** Everybody comes back at once and reads; what is owed has to arrive. */
  async #finish(): Promise<void> {
    for (const words of ['the last but one', 'the last']) {
      let openCount = 0;
      for (const topic of TOPICS) {
        openCount += 1;
        void this.#server.publish(topic, words).then(() => (openCount -= 1));
      }
      // The store takes its time with what a crowd has published.
      const isOver = (): boolean => openCount === 0 && this.#owed().length === 0;
      for (let round = 0; round < 20 || (!isOver() && round < 1_000); round++) {
        for (const client of this.#clients) {
          client.readOn();
          if (client.isConnected) continue;
          client.connect(0);
          for (const name of NAMES) client.subscribe(name, true);
        }
        await pass(this.#time, 30);
      }
      assert.equal(openCount, 0, 'a publication was never answered');
    }
    assert.deepEqual(this.#owed(), []);
  }
}

async function runSeed(seed: number, tally: Tally): Promise<void> {
  const crowds = new Crowds(seed, tally);
  try {
    await crowds.run();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const operations = crowds.operations.join('\n  ');
    throw new Error(`seed ${seed}: ${why}\nafter:\n  ${operations}`, { cause: error });
  }
}

test(`[S4] [S6] [O1] crowds of both dialects, ${SEED_COUNT} seeds: order, no invention, no loss`, async (context) => {
  const given = Number(process.env['TIDEWAY_SEED']);
  const first = Number.isInteger(given) ? given : 1;
  const tally = emptyTally();
  context.diagnostic(`seeds ${first} to ${first + SEED_COUNT - 1} (the first is TIDEWAY_SEED)`);
  for (let seed = first; seed < first + SEED_COUNT; seed++) await runSeed(seed, tally);
  context.diagnostic(`figure: ${SEED_COUNT} seeds from ${first}: ${JSON.stringify(tally)}`);
  for (const what of ['delivered', 'recovered', 'unrecovered', 'slow', 'receipts'] as const) {
    assert.ok(tally[what] > 20, `the simulation hardly ever tried "${what}": ${tally[what]}`);
  }
});
