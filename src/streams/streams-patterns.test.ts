/** Proves readers by patterns: what is owed to them and nothing else, at a cost that grows with what is read. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TurnBudget } from '../foundation/index.js';
import { DestinationPattern } from '../message/index.js';
import type { DeliverySource } from '../session/index.js';
import { VirtualTime } from '../testing/index.js';
import { gate, pull, rig, settled, Sink } from './streams-rig.test.js';

const parse = (text: string): DestinationPattern => DestinationPattern.parse(text);

/** Offsets by destination of all that can be pulled. */
function pullByDestination(source: DeliverySource, into: Map<string, number[]>, maxBytes: number) {
  for (let next = source.pull(maxBytes); next !== undefined; next = source.pull(maxBytes)) {
    assert.ok(next.kind === 'publications', JSON.stringify(next));
    for (const { destination, offset } of next.batch.publications) {
      into.set(destination, [...(into.get(destination) ?? []), offset ?? 0]);
    }
    if (next.isLast === true) break;
  }
}

test('[S4] a pattern over streams that are held, with and without news, has what comes after it is open, and only that', async () => {
  const { streams, publish, time } = rig();
  for (const name of ['a', 'b', 'c']) {
    await streams.open(`/topic/${name}`, new Sink(), undefined);
  }
  await publish('/topic/a');
  await publish('/topic/b');
  time.advance(0);
  await publish('/topic/b');
  const { source } = await streams.openPattern(parse('/topic/*'), new Sink(), undefined);
  await publish('/topic/b');
  const later = await streams.openPattern(parse('/topic/*'), new Sink(), undefined);
  await publish('/topic/b');
  await publish('/topic/a');
  time.advance(0);
  const [first, second] = [new Map<string, number[]>(), new Map<string, number[]>()];
  pullByDestination(source, first, 100_000);
  pullByDestination(later.source, second, 100_000);
  assert.deepEqual(Object.fromEntries(first), { '/topic/b': [3, 4], '/topic/a': [2] });
  assert.deepEqual(Object.fromEntries(second), { '/topic/b': [4], '/topic/a': [2] });
});

test('[S4] nothing is owed to a pattern before its store has answered', async () => {
  const { streams, publish, time, store } = rig();
  const exact = await streams.open('/topic/a', new Sink(), undefined);
  const { promise, open } = gate();
  store.gate = promise;
  const sink = new Sink();
  const opening = streams.openPattern(parse('/topic/*'), sink, undefined);
  await publish('/topic/a');
  time.advance(0);
  open();
  const { source } = await opening;
  assert.deepEqual([pull(source), sink.readyCount], [[], 0]);
  await publish('/topic/a');
  time.advance(0);
  assert.deepEqual([pull(source), pull(exact.source)], [[2], [1, 2]]);
});

test('patterns cost nothing for streams that have nothing for them, and a place only while it is not pulled', async () => {
  const { streams, publish, time } = rig();
  for (let index = 0; index < 100; index++) {
    await streams.open(`/topic/${index}`, new Sink(), undefined);
  }
  const before = streams.retainedBytes;
  const opened = await Promise.all(
    Array.from({ length: 50 }, () => streams.openPattern(parse('/topic/*'), new Sink(), undefined)),
  );
  assert.equal(streams.retainedBytes, before);
  for (let index = 0; index < 100; index++) await publish(`/topic/${index}`);
  const withPublications = streams.retainedBytes;
  time.advance(0);
  const unread = streams.retainedBytes;
  assert.ok(unread - withPublications > 5_000 * 50, `${unread - withPublications}`);
  for (const { source } of opened.slice(25)) assert.equal(pull(source).length, 100);
  for (const { source } of opened.slice(0, 25)) source.close();
  assert.equal(streams.retainedBytes, withPublications);
});

test('[B1] to look through many patterns is part of the work of a turn', async () => {
  const time = new VirtualTime();
  const turns = new TurnBudget(time);
  const { streams, publish } = rig({ turns });
  const DEPTH = 14;
  for (let bits = 0; bits < 2 ** DEPTH; bits++) {
    const segments = Array.from({ length: DEPTH }, (_, at) => ((bits >> at) & 1 ? '*' : 'a'));
    const pattern = parse(`/${segments.join('/')}/none`);
    await streams.openPattern(pattern, new Sink(), undefined);
  }
  assert.equal(turns.hasRoom, true);
  await publish('/topic/elsewhere');
  assert.equal(turns.hasRoom, true);
  await publish(`${'/a'.repeat(DEPTH)}/a`);
  assert.equal(turns.hasRoom, false);
});

test('[P1] a reader by a pattern that is behind in too many streams ends as a slow consumer', async () => {
  const { streams, time, store, metrics, retention } = rig();
  const sink = new Sink();
  const { source } = await streams.openPattern(parse('/topic/**'), sink, undefined);
  const { source: quick } = await streams.openPattern(parse('/topic/**'), new Sink(), undefined);
  const { Message } = await import('../message/index.js');
  const append = { key: undefined, messageId: undefined, retention };
  for (let index = 0; index < 16_385; index++) {
    void streams.publish(`/topic/${index}`, Message.fromJson(index), append);
    if (index % 1_000 === 0) {
      time.advance(0);
      pull(quick);
    }
  }
  time.advance(0);
  assert.deepEqual(pull(source).slice(-1), ['session/slow-consumer']);
  assert.equal(typeof pull(quick).at(-1), 'number');
  assert.equal(metrics.value('streams_interrupted'), 0);
  store.close();
});

type Step =
  | { readonly kind: 'publish'; readonly destination: number; readonly count: number }
  | { readonly kind: 'open'; readonly pattern: number }
  | { readonly kind: 'exact'; readonly destination: number }
  | { readonly kind: 'pull'; readonly reader: number; readonly maxBytes: number }
  | { readonly kind: 'close'; readonly reader: number }
  | { readonly kind: 'turn' }
  | { readonly kind: 'rest' };

const DESTINATIONS = ['/t/a', '/t/b', '/t/a/x', '/u/a'] as const;
const PATTERNS = ['/t/*', '/t/**', '/*/a', '/**', '/t/a/*', '/t/none'] as const;

const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('publish' as const),
      destination: fc.nat(3),
      count: fc.integer({ min: 1, max: 4 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('open' as const), pattern: fc.nat(5) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('exact' as const), destination: fc.nat(3) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('pull' as const),
      reader: fc.nat(9),
      maxBytes: fc.constantFrom(1, 600, 100_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('close' as const), reader: fc.nat(9) }) },
  { weight: 4, arbitrary: fc.constant({ kind: 'turn' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'rest' as const }) },
);

test('[S4] [O1] random lives of patterns: each reader has what was published while it was open, in order, once', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { maxLength: 60 }), async (lives) => {
      const { streams, publish, time, metrics } = rig({ lingerMs: 5_000 });
      const start = streams.retainedBytes;
      const heads = new Map<string, number>();
      const readers: {
        name: DestinationPattern;
        source: DeliverySource;
        read: Map<string, number[]>;
        from: Map<string, number>;
        isOpen: boolean;
      }[] = [];
      const check = (isComplete: boolean): void => {
        for (const { name, read, from, isOpen } of readers) {
          for (const destination of DESTINATIONS) {
            const offsets = read.get(destination) ?? [];
            const first = (from.get(destination) ?? 0) + 1;
            assert.deepEqual(
              offsets,
              offsets.map((_, index) => first + index),
              `${name.text} ${destination}`,
            );
            const owed = name.matches(destination) ? (heads.get(destination) ?? 0) - first + 1 : 0;
            if (isComplete && isOpen)
              assert.equal(offsets.length, owed, `${name.text} ${destination}`);
          }
        }
      };
      const opened = (name: string, source: DeliverySource): void => {
        readers.push({
          name: parse(name),
          source,
          read: new Map(),
          from: new Map(heads),
          isOpen: true,
        });
      };
      for (const step of lives) {
        const reader = 'reader' in step ? readers[step.reader] : undefined;
        if (step.kind === 'publish') {
          const destination = DESTINATIONS[step.destination]!;
          for (let index = 0; index < step.count; index++) {
            await publish(destination);
            heads.set(destination, (heads.get(destination) ?? 0) + 1);
          }
        } else if (step.kind === 'open') {
          const name = PATTERNS[step.pattern]!;
          opened(name, (await streams.openPattern(parse(name), new Sink(), undefined)).source);
        } else if (step.kind === 'exact') {
          const name = DESTINATIONS[step.destination]!;
          opened(name, (await streams.open(name, new Sink(), undefined)).source);
        } else if (step.kind === 'turn') time.advance(0);
        else if (step.kind === 'rest') time.advance(7_000);
        else if (reader?.isOpen !== true) continue;
        else if (step.kind === 'pull') {
          pullByDestination(reader.source, reader.read, step.maxBytes);
        } else {
          reader.isOpen = false;
          reader.source.close();
        }
        check(false);
      }
      time.advance(0);
      for (const reader of readers) {
        if (!reader.isOpen) continue;
        for (let round = 0; round < 3; round++)
          pullByDestination(reader.source, reader.read, 100_000);
      }
      check(true);
      assert.equal(metrics.value('streams_interrupted'), 0);
      for (const reader of readers) if (reader.isOpen) reader.source.close();
      time.advance(20_000);
      assert.deepEqual(
        [
          streams.heldCount,
          streams.retainedBytes - start,
          streams.lingeringBytes,
          time.pendingTimerCount,
        ],
        [0, 0, 0, 0],
        'nothing stays',
      );
    }),
    { numRuns: 300 },
  );
});

test('[S3] a pattern hears of an interruption before it has anything of the next stream of that name', async () => {
  const { streams, publish, time, store } = rig();
  const { source } = await streams.openPattern(parse('/topic/*'), new Sink(), undefined);
  await publish();
  time.advance(0);
  assert.deepEqual(pull(source), [1]);
  store.loses = ({ offset }) => offset === 3;
  await publish();
  await publish();
  await publish();
  await settled();
  await publish();
  const late = await streams.openPattern(parse('/topic/*'), new Sink(), undefined);
  await publish();
  time.advance(0);
  assert.deepEqual(pull(source), ['stream/interrupted']);
  assert.deepEqual(pull(late.source), [6], 'who came later has missed nothing');
});
