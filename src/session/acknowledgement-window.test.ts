/** Owns the tests of the window of unacknowledged messages. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Message, Publication } from '../message/index.js';
import { AcknowledgementWindow } from './acknowledgement-window.js';
import { Batch } from './batch.js';
import type { Delivery, DeliverySource } from './delivery.js';
import { UnacknowledgedTotal } from './unacknowledged-total.js';

/** A source of numbered publications, which notes what becomes of them. */
class Numbers implements DeliverySource {
  readonly settled: string[] = [];
  readonly #batches: number[][];

  constructor(batches: number[][]) {
    this.#batches = batches;
  }

  pull(): Delivery | undefined {
    const offsets = this.#batches.shift();
    if (offsets === undefined) return undefined;
    const publications = offsets.map((offset) => this.publicationAt(offset));
    return { kind: 'publications', batch: new Batch(publications) };
  }

  publicationAt(offset: number): Publication {
    const fields = { destination: '/queue/a', epoch: 'e', offset, publishedAtMs: 0 };
    return new Publication(Message.fromJson(offset), fields);
  }

  acknowledge(publication: Publication): void {
    this.settled.push(`ack ${publication.offset}`);
  }

  reject(publication: Publication): void {
    this.settled.push(`nack ${publication.offset}`);
  }

  close(): void {
    this.settled.push('closed');
  }
}

function open(batches: number[][], maxCount: number, total?: UnacknowledgedTotal) {
  const source = new Numbers(batches);
  const sink = { readyCount: 0, ready: () => void (sink.readyCount += 1) };
  const window = new AcknowledgementWindow(source, sink, maxCount, total);
  /** Pulls as a session does, and writes what comes. */
  const taken = (): number[] => {
    const delivery = window.pull(1_000);
    if (delivery?.kind !== 'publications') return [];
    return delivery.batch.publications.map((publication) => {
      window.delivered(`id-${publication.offset}`, publication);
      return publication.offset ?? -1;
    });
  };
  return { source, sink, window, taken };
}

test('[K1] no more is pulled than the window has room for, and the rest follows in order', () => {
  const { sink, window, taken } = open([[1, 2, 3, 4, 5], [6]], 2);
  assert.deepEqual([taken(), taken()], [[1, 2], []]);
  assert.equal(window.acknowledged('id-1', 'one'), true);
  assert.equal(sink.readyCount, 1);
  assert.deepEqual([taken(), taken()], [[3], []]);
  assert.equal(window.acknowledged('id-3', 'cumulative'), true);
  assert.deepEqual([taken(), window.unacknowledgedCount], [[4, 5], 2]);
  window.acknowledged('id-5', 'cumulative');
  assert.deepEqual(taken(), [6]);
});

test('[K2] a source that keeps its messages is told of each, a cumulative word included', () => {
  const { source, window, taken } = open([[1, 2, 3, 4]], 10);
  taken();
  window.rejected('id-2', 'one');
  window.acknowledged('id-3', 'cumulative');
  window.close();
  assert.deepEqual(source.settled, ['nack 2', 'ack 1', 'ack 3', 'closed']);
});

test('an id that does not wait, or no longer, is said to be unknown and changes nothing', () => {
  const { source, sink, window, taken } = open([[1]], 1);
  taken();
  assert.equal(window.acknowledged('id-9', 'one'), false);
  assert.equal(window.acknowledged('id-1', 'one'), true);
  assert.equal(window.rejected('id-1', 'one'), false);
  assert.deepEqual([source.settled, sink.readyCount], [['ack 1'], 1]);
});

test('[K4] a full window forgets what its source has taken back, and the redelivery is its newest', () => {
  const { source, window, taken } = open([[1, 2], [3], [1], [4]], 2);
  const takenBack = new Set<number>();
  Object.assign(source, {
    awaits: ({ offset = -1 }: Publication) => !takenBack.has(offset),
  });
  assert.deepEqual([taken(), taken()], [[1, 2], []]);
  takenBack.add(1);
  assert.deepEqual(taken(), [3]);
  assert.equal(window.acknowledged('id-1', 'one'), false);
  takenBack.clear();
  window.acknowledged('id-2', 'one');
  assert.deepEqual(taken(), [1]);
  assert.equal(window.acknowledged('id-1', 'cumulative'), true);
  assert.deepEqual(source.settled, ['ack 2', 'ack 3', 'ack 1']);
});

test('windows of one session share a total; who found no room is told when there is some', () => {
  const total = new UnacknowledgedTotal(3);
  const ready: string[] = [];
  const windowOf = (name: string): AcknowledgementWindow => {
    let next = 0;
    const source: DeliverySource = {
      pull: () => ({ kind: 'publications', batch: batchOf(name, (next += 1)) }),
      close: () => {},
    };
    return new AcknowledgementWindow(source, { ready: () => ready.push(name) }, 10, total);
  };
  const deliver = (window: AcknowledgementWindow): readonly string[] => {
    const delivery = window.pull(1_000);
    if (delivery?.kind !== 'publications') return [];
    return delivery.batch.publications.map((publication) => {
      const id = `${publication.destination} ${publication.offset}`;
      window.delivered(id, publication);
      return id;
    });
  };
  const [a, b] = [windowOf('/a'), windowOf('/b')];
  assert.deepEqual([deliver(a), deliver(a), deliver(b)], [['/a 1'], ['/a 2'], ['/b 1']]);
  assert.deepEqual([deliver(b), deliver(a)], [[], []]);
  a.acknowledged('/a 2', 'cumulative');
  assert.deepEqual(ready.slice(0, 2).toSorted(), ['/a', '/b']);
  assert.deepEqual([deliver(b), deliver(a), deliver(b)], [['/b 2'], ['/a 3'], []]);
  a.close();
  assert.deepEqual(deliver(b), ['/b 3']);
});

function batchOf(destination: string, offset: number): Batch {
  const message = Message.fromJson(offset);
  return new Batch([
    new Publication(message, { destination, epoch: 'e', offset, publishedAtMs: 0 }),
  ]);
}

test('[K4] what comes again while it waits still is the newest: a cumulative word about an earlier one leaves it', () => {
  const { source, window, taken } = open([[1, 2, 3], [1]], 10);
  assert.deepEqual([taken(), taken()], [[1, 2, 3], [1]]);
  assert.equal(window.acknowledged('id-3', 'cumulative'), true);
  assert.deepEqual([source.settled, window.unacknowledgedCount], [['ack 2', 'ack 3'], 1]);
  assert.equal(window.rejected('id-1', 'cumulative'), true);
  assert.deepEqual(source.settled, ['ack 2', 'ack 3', 'nack 1']);
});

test('a window that is closed takes no part in the total any more, nor is it told of room in it', () => {
  const total = new UnacknowledgedTotal(2);
  const full = open([[1, 2]], 10, total);
  const closed = open([[1]], 10, total);
  const waiting = open([[1, 2]], 10, total);
  assert.deepEqual([full.taken(), closed.taken(), waiting.taken()], [[1, 2], [], []]);
  closed.window.close();
  full.window.close();
  assert.deepEqual([closed.sink.readyCount, waiting.sink.readyCount], [0, 1]);
  assert.deepEqual([waiting.taken(), total.room], [[1, 2], 0]);
});

test('[K4] what comes again counts once in the total, and what was taken back no more', () => {
  const total = new UnacknowledgedTotal(10);
  const { source, window, taken } = open([[1, 2], [1], [3]], 2, total);
  taken();
  assert.equal(total.room, 8);
  window.delivered('id-1', source.publicationAt(1));
  assert.equal(total.room, 8);
  Object.assign(source, { awaits: ({ offset = -1 }: Publication) => offset !== 2 });
  assert.deepEqual([taken(), window.unacknowledgedCount, total.room], [[1], 1, 9]);
});

test('of those that wait for room in the total as many are told as there is room for, each once', () => {
  const total = new UnacknowledgedTotal(2);
  total.add(2);
  const told: string[] = [];
  for (const name of ['a', 'b', 'c']) {
    total.wait({
      ready: () => {
        told.push(name);
        total.add(1);
      },
    });
  }
  total.remove(1);
  assert.deepEqual(told, ['a']);
  total.remove(2);
  assert.deepEqual(told, ['a', 'b', 'c']);
  total.remove(2);
  assert.deepEqual([told.length, total.room], [3, 2]);
});
