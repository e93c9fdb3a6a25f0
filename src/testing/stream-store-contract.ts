/** Owns what every stream store promises (semantics S1 to S3, S6, S8), as cases to run against an implementation. */
import { encodeUtf8, type Owner } from '../foundation/index.js';
import { Message } from '../message/index.js';
import type { StreamPosition } from '../message/index.js';
import type { AppendOptions, FeedEntry, HistoryPart, StreamStore } from '../streams/index.js';
import { expect, expectEqual, expectRejection, type ContractCase } from './contract-case.js';

/** A store under test, fresh for every case. */
export interface StoreUnderTest {
  readonly store: StreamStore;
  /** Waits until everything that was appended has come through the feed. Default: nothing to wait for. */
  settle?(): Promise<void>;
  /** Ends what the case began, after `store.close()`. */
  dispose?(): Promise<void> | void;
}

const KEEP: AppendOptions = {
  key: undefined,
  messageId: undefined,
  retention: { historySize: 100, historyTtlMs: Infinity },
};
const FORGET: AppendOptions = { ...KEEP, retention: { historySize: 0, historyTtlMs: Infinity } };

/** The tools of one case. */
class Rig {
  readonly store: StreamStore;
  readonly feed: FeedEntry[] = [];
  readonly #underTest: StoreUnderTest;

  constructor(underTest: StoreUnderTest) {
    this.#underTest = underTest;
    this.store = underTest.store;
    this.store.setFeedListener((entry) => this.feed.push(entry));
  }

  async append(destination: string, text: string, options = KEEP): Promise<StreamPosition> {
    const message = new Message(encodeUtf8(text), 'text/plain');
    return (await this.store.append(destination, message, options)).position;
  }

  async settle(): Promise<void> {
    await this.#underTest.settle?.();
  }

  feedOf(destination: string): readonly FeedEntry[] {
    return this.feed.filter((entry) => entry.publication.destination === destination);
  }

  async dispose(): Promise<void> {
    this.store.close();
    await this.#underTest.dispose?.();
  }
}

function textsOf(part: HistoryPart): readonly string[] | string {
  if (part.kind !== 'publications') return part.kind;
  return part.publications.map((publication) => publication.text());
}

/**
 * The contract of `StreamStore`. Give it a way to make a fresh store; run each case with your test runner:
 * `for (const { name, run } of streamStoreContract(makeStore)) test(name, run);`
 */
export function streamStoreContract(
  makeStore: () => StoreUnderTest | Promise<StoreUnderTest>,
): readonly ContractCase[] {
  const contract: ContractCase[] = [];
  const add = (name: string, body: (rig: Rig) => Promise<void>): void => {
    const run = async (): Promise<void> => {
      const rig = new Rig(await makeStore());
      try {
        await body(rig);
      } finally {
        await rig.dispose();
      }
    };
    contract.push({ name, run });
  };
  addPositions(add);
  addFeed(add);
  addAudience(add);
  addHistory(add);
  addMessageIds(add);
  return contract;
}

type Add = (name: string, body: (rig: Rig) => Promise<void>) => void;

function addPositions(add: Add): void {
  add('[S2] offsets of a stream begin at 1 and rise by one within an epoch', async (rig) => {
    const positions: StreamPosition[] = [];
    for (const text of ['a', 'b', 'c']) positions.push(await rig.append('/topic/a', text));
    expectEqual(
      positions.map(({ offset }) => offset),
      [1, 2, 3],
      'offsets',
    );
    const epochs = new Set(positions.map(({ epoch }) => epoch));
    expect(epochs.size === 1, 'a stream has one epoch while it lives');
    const [epoch = ''] = epochs;
    expect(/^[A-Za-z0-9_-]{1,64}$/.test(epoch), `the epoch ${epoch} does not fit in a cursor`);
  });
  add('[S2] streams count apart', async (rig) => {
    await rig.append('/topic/a', 'x');
    expectEqual((await rig.append('/topic/b', 'x')).offset, 1, 'the first offset of another');
  });
  add('appends that run at the same time get positions without a gap', async (rig) => {
    const texts = Array.from({ length: 20 }, (_, index) => String(index));
    const positions = await Promise.all(texts.map((text) => rig.append('/topic/a', text)));
    const offsets = positions.map(({ offset }) => offset).sort((left, right) => left - right);
    expectEqual(
      offsets,
      texts.map((_, index) => index + 1),
      'offsets',
    );
  });
  add(
    '[O1] a store that says that it appends in order gives positions in the order of the calls',
    async (rig) => {
      // One that does not say so gets the next of a destination when it has settled the one before.
      if (rig.store.appendsInOrder !== true) return;
      await rig.store.follow('/topic/a');
      const texts = Array.from({ length: 20 }, (_, index) => String(index));
      const positions = await Promise.all(texts.map((text) => rig.append('/topic/a', text)));
      await rig.settle();
      expectEqual(
        positions.map(({ offset }) => offset),
        texts.map((_, index) => index + 1),
        'offsets in the order of the calls',
      );
      expectEqual(
        rig.feedOf('/topic/a').map(({ publication }) => publication.text()),
        texts,
        'the feed',
      );
    },
  );
  add('follow answers the last position, 0 for a stream without publications', async (rig) => {
    const born = await rig.store.follow('/topic/new');
    expectEqual(born.offset, 0, 'the offset of a new stream');
    const first = await rig.append('/topic/new', 'x');
    expectEqual(first, { epoch: born.epoch, offset: 1 }, 'the position after it');
    expectEqual(await rig.store.follow('/topic/new'), first, 'the position when followed again');
  });
}

function addFeed(add: Add): void {
  add(
    '[S1] [S3] the feed has every publication in order, with the offset before it',
    async (rig) => {
      await rig.store.follow('/topic/a');
      for (const text of ['a', 'b', 'c']) await rig.append('/topic/a', text, FORGET);
      await rig.settle();
      const entries = rig.feedOf('/topic/a');
      expectEqual(
        entries.map((entry) => [entry.previousOffset, entry.offset, entry.publication.text()]),
        [
          [0, 1, 'a'],
          [1, 2, 'b'],
          [2, 3, 'c'],
        ],
        'the feed',
      );
      const consistent = entries.every(
        ({ publication, epoch, offset }) =>
          publication.epoch === epoch && publication.offset === offset,
      );
      expect(consistent, 'an entry and its publication have the same position');
    },
  );
  add('[S4] all that is appended after follow has answered is in the feed', async (rig) => {
    await rig.append('/topic/a', 'before');
    const { offset } = await rig.store.follow('/topic/a');
    await rig.append('/topic/a', 'after');
    await rig.settle();
    const after = rig.feedOf('/topic/a').filter((entry) => entry.offset > offset);
    expectEqual(
      after.map((entry) => entry.publication.text()),
      ['after'],
      'the feed after follow',
    );
  });
  add('[S5] a followed pattern brings streams that are born later', async (rig) => {
    await rig.store.followPattern('/topic/**');
    await rig.append('/topic/born/later', 'x', FORGET);
    await rig.settle();
    const entries = rig.feedOf('/topic/born/later');
    expectEqual(
      entries.map((entry) => [entry.previousOffset, entry.offset]),
      [[0, 1]],
      'the feed',
    );
  });
  add(
    '[M3] octets, content type, headers, key and message id come through unchanged',
    async (rig) => {
      await rig.store.follow('/topic/a');
      const body = Uint8Array.from({ length: 256 }, (_, octet) => octet);
      const headers = [
        ['a', '1'],
        ['a', '2'],
      ] as const;
      const options = { ...KEEP, key: 'k', messageId: 'm' };
      await rig.store.append('/topic/a', new Message(body, 'x/y', headers), options);
      await rig.settle();
      const fed = rig.feedOf('/topic/a')[0]?.publication;
      const part = await rig.store.read('/topic/a', epochStart(rig, '/topic/a'), 1_000_000);
      const read = part.kind === 'publications' ? part.publications[0] : undefined;
      for (const publication of [fed, read]) {
        expect(publication !== undefined, 'the publication is missing');
        const { contentType, key, messageId } = publication;
        expectEqual([...publication.body], [...body], 'the body');
        expectEqual(publication.headers, headers, 'the headers');
        expectEqual([contentType, key, messageId], ['x/y', 'k', 'm'], 'the rest');
      }
    },
  );
}

function addAudience(add: Add): void {
  add(
    '[M2] whom a publication is for is kept: in the feed, and when it is replayed',
    async (rig) => {
      const { epoch } = await rig.store.follow('/topic/a');
      const audiences = [{ onlySessionId: 's1' }, { exceptSessionId: 's2' }, undefined];
      for (const audience of audiences) await rig.append('/topic/a', 'x', { ...KEEP, audience });
      await rig.settle();
      const fed = rig.feedOf('/topic/a').map(({ publication }) => publication);
      const part = await rig.store.read('/topic/a', { epoch, offset: 0 }, 1_000_000);
      const read = part.kind === 'publications' ? part.publications : [];
      for (const publications of [fed, read]) {
        const kept = publications.map(({ audience }) => [
          audience?.onlySessionId,
          audience?.exceptSessionId,
        ]);
        expectEqual(
          kept,
          [
            ['s1', undefined],
            [undefined, 's2'],
            [undefined, undefined],
          ],
          'the audiences',
        );
      }
    },
  );
}

/** The place before the first publication of a stream whose feed has been seen. */
function epochStart(rig: Rig, destination: string): StreamPosition {
  const [first] = rig.feedOf(destination);
  expect(first !== undefined, 'the feed is empty');
  return { epoch: first.epoch, offset: 0 };
}

function addHistory(add: Add): void {
  add(
    '[S6] reading gives what follows a position, in order, and nothing at the end',
    async (rig) => {
      const { epoch } = await rig.store.follow('/topic/a');
      for (const text of ['a', 'b', 'c']) await rig.append('/topic/a', text);
      const after = async (offset: number): Promise<readonly string[] | string> =>
        textsOf(await rig.store.read('/topic/a', { epoch, offset }, 1_000_000));
      expectEqual(await after(0), ['a', 'b', 'c'], 'after 0');
      expectEqual(await after(2), ['c'], 'after 2');
      expectEqual(await after(3), [], 'after the last');
    },
  );
  add(
    '[S6] reading in parts gives at least one publication each time and all in the end',
    async (rig) => {
      const { epoch } = await rig.store.follow('/topic/a');
      const texts = Array.from({ length: 10 }, (_, index) => `${index}`.repeat(500));
      for (const text of texts) await rig.append('/topic/a', text);
      const read: string[] = [];
      for (let partCount = 0; read.length < texts.length; partCount++) {
        expect(partCount < texts.length, 'a part was empty before the end');
        const part = await rig.store.read('/topic/a', { epoch, offset: read.length }, 1);
        const got = textsOf(part);
        expect(typeof got !== 'string' && got.length > 0, 'a part is empty or unrecoverable');
        read.push(...got);
      }
      expectEqual(read, texts, 'the parts together');
    },
  );
  add('[S6] what is not all there any more is unrecoverable', async (rig) => {
    const { epoch } = await rig.store.follow('/topic/a');
    const retention = { historySize: 2, historyTtlMs: Infinity };
    for (const text of ['a', 'b', 'c', 'd']) {
      await rig.append('/topic/a', text, { ...KEEP, retention });
    }
    const after = async (position: StreamPosition): Promise<readonly string[] | string> =>
      textsOf(await rig.store.read('/topic/a', position, 1_000_000));
    expectEqual(await after({ epoch, offset: 2 }), ['c', 'd'], 'after the oldest kept');
    expectEqual(await after({ epoch, offset: 1 }), 'unrecoverable', 'before the oldest kept');
    expectEqual(await after({ epoch, offset: 5 }), 'unrecoverable', 'beyond the end');
    expectEqual(await after({ epoch: 'other', offset: 3 }), 'unrecoverable', 'another epoch');
    const never = await rig.store.read('/topic/never', { epoch, offset: 0 }, 1_000_000);
    expectEqual(textsOf(never), 'unrecoverable', 'a stream that never was');
  });
  add('a stream without history keeps its positions', async (rig) => {
    const { epoch } = await rig.store.follow('/topic/a');
    await rig.append('/topic/a', 'a', FORGET);
    const { offset } = await rig.append('/topic/a', 'b', FORGET);
    expectEqual(offset, 2, 'the second offset');
    const part = await rig.store.read('/topic/a', { epoch, offset: 1 }, 1_000_000);
    expectEqual(textsOf(part), 'unrecoverable', 'what was not kept');
  });
}

function addMessageIds(add: Add): void {
  add(
    '[S8] a repeated message id is answered with the first position and not appended',
    async (rig) => {
      await rig.store.follow('/topic/a');
      const options = { ...FORGET, messageId: 'once' };
      const message = new Message(encodeUtf8('x'), 'text/plain');
      const first = await rig.store.append('/topic/a', message, options);
      const second = await rig.store.append('/topic/a', message, options);
      await rig.settle();
      expectEqual([first.isDuplicate, second.isDuplicate], [false, true], 'isDuplicate');
      expectEqual(second.position, first.position, 'the second position');
      expectEqual(rig.feedOf('/topic/a').length, 1, 'entries in the feed');
      expectEqual((await rig.append('/topic/a', 'y')).offset, 2, 'the next offset');
    },
  );
  add('[S8] message ids of different streams have nothing to do with each other', async (rig) => {
    const options = { ...KEEP, messageId: 'once' };
    await rig.append('/topic/a', 'x', options);
    const message = new Message(encodeUtf8('x'), 'text/plain');
    const other = await rig.store.append('/topic/b', message, options);
    expectEqual(other.isDuplicate, false, 'isDuplicate in another stream');
  });
  add("[S8] a message id is its owner's: the same of another is another", async (rig) => {
    const message = new Message(encodeUtf8('x'), 'text/plain');
    const of = async (owner: Owner | undefined): Promise<boolean> =>
      (await rig.store.append('/topic/a', message, { ...KEEP, messageId: 'once', owner }))
        .isDuplicate;
    const [ada, bob] = [
      { id: 'ada', share: 'address' },
      { id: 'bob', share: 'address' },
    ];
    const answers = [await of(ada), await of(bob), await of(undefined), await of({ ...ada })];
    expectEqual(answers, [false, false, false, true], 'isDuplicate');
  });
  add('[Q1] whose a publication is comes back with it, in the feed and in history', async (rig) => {
    const owner: Owner = { id: 'ada', share: 'address' };
    const { epoch } = await rig.store.follow('/topic/a');
    await rig.append('/topic/a', 'x', { ...KEEP, owner });
    await rig.settle();
    const read = await rig.store.read('/topic/a', { epoch, offset: 0 }, 1e6);
    const kept = read.kind === 'publications' ? read.publications[0] : undefined;
    for (const publication of [rig.feedOf('/topic/a')[0]?.publication, kept]) {
      const { id, share } = publication?.owner ?? { id: '', share: '' };
      expectEqual([id, share], ['ada', 'address'], 'the owner');
    }
  });
}

/** What a store does that has no room left: the case for stores with a bound. Follows streams until one is refused. */
export function fullStoreCase(
  makeStore: () => StoreUnderTest | Promise<StoreUnderTest>,
  maxStreamCount: number,
): ContractCase {
  const run = async (): Promise<void> => {
    const rig = new Rig(await makeStore());
    try {
      for (let index = 0; index < maxStreamCount; index++) {
        await rig.store.follow(`/topic/${index}`);
        await rig.append(`/topic/${index}`, 'x');
      }
      await expectRejection(rig.append('/topic/more', 'x'), 'stream/unavailable', 'one too many');
      expectEqual((await rig.append('/topic/0', 'y')).offset, 2, 'a stream that exists');
    } finally {
      await rig.dispose();
    }
  };
  return { name: 'a full store refuses new streams and goes on with those it has', run };
}
