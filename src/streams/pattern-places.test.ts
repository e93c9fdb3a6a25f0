/** Proves who may be behind in how many streams: the places of pattern readers are shared, and nobody takes those of others. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DeadlineWheel, MemoryMetrics, TurnBudget, type Owner } from '../foundation/index.js';
import { Message, Publication } from '../message/index.js';
import { SeededRandom, VirtualTime } from '../testing/index.js';
import { HistoryPages } from './history-pages.js';
import { MemoryStreamStore } from './index.js';
import { PatternReader } from './pattern-reader.js';
import { RetainedTally } from './retained-tally.js';
import { Stream } from './stream.js';
import { pull, Sink } from './streams-rig.test.js';

const MAX_PLACE_COUNT = 8_192;
const of = (share: string): Owner => ({ id: share, share });

function rig() {
  const time = new VirtualTime();
  const turns = new TurnBudget(time);
  const tally = new RetainedTally(undefined, MAX_PLACE_COUNT);
  const deadlines = new DeadlineWheel(time, 1_000);
  const store = new MemoryStreamStore(time, new SeededRandom(1));
  const pages = new HistoryPages(store, new MemoryMetrics(), turns, deadlines, tally);
  const keeper = { batchGrew: () => {}, forget: () => {} };
  const open = (owner: Owner): PatternReader => {
    const reader = new PatternReader(pages, tally, new Sink(), () => {}, owner);
    reader.begin(1);
    return reader;
  };
  let count = 0;
  /** Makes readers behind in so many more streams. */
  const publish = (streamCount: number, ...readers: readonly PatternReader[]): void => {
    for (let index = 0; index < streamCount; index++) {
      const destination = `/topic/${++count}`;
      const start = { epoch: 'e', offset: 0 };
      const stream = new Stream(destination, start, 1_000_000, 0, { tally, keeper });
      const message = new Message(new Uint8Array(1), 'x/y');
      const place = { destination, epoch: 'e', offset: 1, publishedAtMs: 0 };
      const publication = new Publication(message, place);
      stream.accept({ publication, epoch: 'e', offset: 1, previousOffset: 0 }, 1);
      stream.tell([{ readers: new Set(readers) }], Infinity, turns);
    }
  };
  return { tally, open, publish };
}

const isOver = (reader: PatternReader): boolean => {
  const delivery = reader.pull(1);
  return delivery?.kind === 'end';
};

test('[Q2] one who reads nothing, with many patterns, takes no places that others ask for', () => {
  const { tally, open, publish } = rig();
  const greedy = Array.from({ length: 32 }, () => open(of('greedy')));
  publish(2_000, ...greedy);
  assert.ok(tally.places.of('greedy') <= MAX_PLACE_COUNT / 2);
  const honest = open(of('honest'));
  publish(2_000, honest);
  assert.equal(isOver(honest), false);
  assert.equal(greedy.some(isOver), true, 'those that found no room have ended');
});

test('[Q2] each reader may be behind in 256 streams, whatever the others have', () => {
  const { open, publish } = rig();
  const [first, second, third] = ['a', 'b', 'c'].map((share) => open(of(share)));
  publish(4_000, first!);
  publish(2_600, second!);
  publish(256, third!);
  assert.equal(isOver(third!), false);
});

test('places are given back as they are pulled, and with the reader', () => {
  const { tally, open, publish } = rig();
  const [pulled, closed] = [open(of('a')), open(of('b'))];
  publish(1_500, pulled, closed);
  const ofOne = tally.places.of('a');
  assert.ok(ofOne >= 1_244 && ofOne <= 1_500, String(ofOne));
  assert.equal(pull(pulled).length, 1_500);
  assert.equal(tally.places.of('a'), 0);
  closed.close();
  assert.equal(tally.places.total, 0);
});
