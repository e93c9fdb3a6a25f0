/** Proves compression and inflating by the vectors of RFC 7692, against zlib's own streams, and at the limits. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { constants, createDeflateRaw, createInflateRaw, deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import type { Violation } from '../../../protocol/websocket/index.js';
import { resolveCompression, type PerMessageDeflateOptions } from './compression-options.js';
import { MessageDeflater } from './message-deflater.js';
import {
  FREE_INFLATE_BYTES,
  MAX_INFLATE_CHUNK_BYTES,
  MessageInflater,
  isInflated,
  type Inflated,
} from './message-inflater.js';
import { SlidingWindow } from './sliding-window.js';
import { ZlibJobs } from './zlib-jobs.js';

const MIB = 1_048_576;

interface Setup {
  readonly windowBits?: number;
  readonly keepsContext?: boolean;
  readonly maxMessageBytes?: number;
  readonly options?: PerMessageDeflateOptions;
  readonly jobs?: ZlibJobs;
}

function pair(setup: Setup = {}): { deflater: MessageDeflater; inflater: MessageInflater } {
  const { windowBits = 15, keepsContext = false, maxMessageBytes = MIB, options = {} } = setup;
  const settings = resolveCompression(options, 'server', setup.jobs ?? new ZlibJobs())!;
  const direction = { windowBits, keepsContext };
  return {
    deflater: new MessageDeflater(settings, direction),
    inflater: new MessageInflater(settings, direction, maxMessageBytes),
  };
}

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

/** Inflates wherever the inflater wants to. */
function inflate(inflater: MessageInflater, octets: Uint8Array): Promise<Inflated> {
  const now = inflater.inflateNow(octets, 0, octets.length);
  if (now !== undefined) return Promise.resolve(now);
  return later(inflater, octets);
}

function later(inflater: MessageInflater, octets: Uint8Array): Promise<Inflated> {
  return new Promise((resolve) => {
    inflater.inflateLater(octets, 0, octets.length, () => true, resolve);
  });
}

function text(inflated: Inflated | undefined): string {
  assert.ok(inflated !== undefined && isInflated(inflated), JSON.stringify(inflated));
  return inflated.toString();
}

function violation(inflated: Inflated | undefined): Violation {
  assert.ok(inflated !== undefined && !isInflated(inflated));
  return inflated;
}

test('RFC 7692 §7.2.3: the examples inflate to what they are examples of', async () => {
  for (const [name, payload, expected] of [
    ['7.2.3.1 one compressed block', 'f2 48 cd c9 c9 07 00', 'Hello'],
    ['7.2.3.3 a block without compression', '00 05 00 fa ff 48 65 6c 6c 6f 00', 'Hello'],
    ['7.2.3.4 a final block', 'f3 48 cd c9 c9 07 00 00', 'Hello'],
    ['7.2.3.5 two blocks', 'f2 48 05 00 00 00 ff ff ca c9 c9 07 00', 'Hello'],
    ['7.2.3.6 an empty message', '00', ''],
    ['no octet at all', '', ''],
  ] as const) {
    const { inflater } = pair();
    assert.equal(text(inflater.inflateNow(hex(payload), 0, hex(payload).length)), expected, name);
    if (payload !== '') assert.equal(text(await later(pair().inflater, hex(payload))), expected);
  }
});

test('RFC 7692 §7.2.3.2: the second example refers to the first, so it needs a window that is kept', () => {
  const first = hex('f2 48 cd c9 c9 07 00');
  const second = hex('f2 00 11 00 00');
  const { inflater } = pair({ keepsContext: true });
  assert.equal(text(inflater.inflateNow(first, 0, first.length)), 'Hello');
  assert.equal(text(inflater.inflateNow(second, 0, second.length)), 'Hello');
  const forgetful = pair().inflater;
  assert.equal(text(forgetful.inflateNow(first, 0, first.length)), 'Hello');
  const refused = violation(forgetful.inflateNow(second, 0, second.length));
  assert.deepEqual([refused.closeCode, refused.code], [1007, 'Z_DATA_ERROR']);
});

test('RFC 7692 §7.2.3: we write what the examples write', () => {
  const hello = Buffer.from('Hello');
  const { deflater } = pair({ keepsContext: true });
  assert.equal(Buffer.from(deflater.deflateNow(hello, true)).toString('hex'), 'f248cdc9c90700');
  assert.equal(Buffer.from(deflater.deflateNow(hello, true)).toString('hex'), 'f200110000');
  const empty = Buffer.alloc(0);
  assert.equal(Buffer.from(deflater.deflateNow(empty, true)).toString('hex'), '00');
});

test('data goes on behind a final block, but not behind one after another without end', () => {
  const final = deflateRawSync('one');
  const more = hex('f2 48 cd c9 c9 07 00');
  const both = Buffer.concat([final, more]);
  assert.equal(text(pair().inflater.inflateNow(both, 0, both.length)), 'oneHello');
  const many = Buffer.concat(Array<Buffer>(5_000).fill(hex('03 00')));
  assert.equal(violation(pair().inflater.inflateNow(many, 0, many.length)).closeCode, 1007);
});

test('[hardening 12] garbage and data that is cut are 1007, and nothing throws', async () => {
  const payload = deflateRawSync('some text that is compressed, some text, compressed', {
    finishFlush: constants.Z_SYNC_FLUSH,
  }).subarray(0, -4);
  for (let length = 1; length < payload.length - 1; length++) {
    const cut = payload.subarray(0, length);
    const now = pair().inflater.inflateNow(cut, 0, cut.length);
    // A cut may by chance end where a block may end; then only what came is told.
    if (now !== undefined && isInflated(now)) assert.ok(now.length < 51, `${length}`);
    else assert.equal(violation(now).closeCode, 1007);
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (octets) => {
      const outcome = pair({ maxMessageBytes: 1000 }).inflater.inflateNow(octets, 0, octets.length);
      assert.ok(outcome !== undefined);
      if (isInflated(outcome)) assert.ok(outcome.length <= 1000);
      else assert.ok(outcome.closeCode === 1007 || outcome.closeCode === 1009);
    }),
    { numRuns: 300 },
  );
  assert.equal(violation(await later(pair().inflater, Buffer.alloc(40_000, 0xff))).closeCode, 1007);
});

const parts = fc.array(
  fc.record({
    // Few distinct octets, so that there is something to compress.
    octets: fc
      .tuple(
        fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 300 }),
        fc.integer({ min: 1, max: 40 }),
      )
      .map(([unit, times]) => Buffer.concat(Array<Buffer>(times).fill(Buffer.from(unit)))),
    isLast: fc.boolean(),
  }),
  { maxLength: 12 },
);

test('whatever is compressed in whatever pieces, zlib and our inflater give it back', async () => {
  await fc.assert(
    fc.asyncProperty(
      parts,
      fc.integer({ min: 8, max: 15 }),
      fc.boolean(),
      fc.boolean(),
      async (pieces, windowBits, keepsContext, isLater) => {
        const { deflater, inflater } = pair({ windowBits, keepsContext });
        let plain: Buffer[] = [];
        let compressed: Uint8Array[] = [];
        for (const { octets, isLast } of [...pieces, { octets: Buffer.alloc(0), isLast: true }]) {
          plain.push(octets);
          compressed.push(
            isLater
              ? await new Promise<Uint8Array>((resolve) => {
                  deflater.deflateLater(octets, isLast, () => true, resolve);
                })
              : deflater.deflateNow(octets, isLast),
          );
          if (!isLast) continue;
          const inflated = await inflate(inflater, Buffer.concat(compressed));
          assert.ok(isInflated(inflated));
          assert.equal(Buffer.compare(inflated, Buffer.concat(plain)), 0);
          plain = [];
          compressed = [];
        }
      },
    ),
    { numRuns: 60 },
  );
});

test('messages that zlib compresses with one open stream inflate, and the other way round', async () => {
  const messages = Array.from({ length: 60 }, (_, index) =>
    Buffer.from(`message ${index % 7}: ${'abcdefghij'.repeat((index * 37) % 90)} ${index * 7919}`),
  );
  for (const windowBits of [9, 11, 15]) {
    const { deflater, inflater } = pair({ windowBits, keepsContext: true });
    const open = createDeflateRaw({ windowBits });
    const openInflate = createInflateRaw({ windowBits });
    for (const message of messages) {
      const compressed = await flushed(open, message);
      assert.equal(text(await inflate(inflater, compressed.subarray(0, -4))), message.toString());
      const ours = Buffer.concat([deflater.deflateNow(message, true), hex('0000ffff')]);
      assert.equal((await flushed(openInflate, ours)).toString(), message.toString());
    }
    open.close();
    openInflate.close();
  }
});

function flushed(
  stream: ReturnType<typeof createDeflateRaw> | ReturnType<typeof createInflateRaw>,
  octets: Buffer,
): Promise<Buffer> {
  return new Promise((resolve) => {
    const out: Buffer[] = [];
    const keep = (chunk: Buffer): void => void out.push(chunk);
    stream.on('data', keep);
    stream.write(octets);
    stream.flush(constants.Z_SYNC_FLUSH, () => {
      stream.off('data', keep);
      resolve(Buffer.concat(out));
    });
  });
}

test('[hardening 13] output ends one chunk behind the limit, at once and off the thread', async () => {
  const bomb = deflateRawSync(Buffer.alloc(64 * MIB), { finishFlush: constants.Z_SYNC_FLUSH });
  const payload = bomb.subarray(0, -4);
  assert.ok(payload.length > 32_768 && payload.length < 70_000);
  for (const maxMessageBytes of [0, 1, 1000, MIB]) {
    const { inflater } = pair({ maxMessageBytes });
    assert.equal(violation(await inflate(inflater, payload)).closeCode, 1009);
    const small = payload.subarray(0, 4_000);
    assert.equal(violation(await inflate(inflater, small)).closeCode, 1009);
  }
  assert.ok(MAX_INFLATE_CHUNK_BYTES <= 65_536);
});

test('a message of exactly the limit inflates, one octet more does not', async () => {
  for (const size of [1, 1000, 100_000, 300_000]) {
    const { inflater, deflater } = pair({ maxMessageBytes: size });
    const exact = deflater.deflateNow(Buffer.alloc(size, 1), true);
    const inflated = await inflate(inflater, exact);
    assert.ok(isInflated(inflated) && inflated.length === size);
    const more = deflater.deflateNow(Buffer.alloc(size + 1, 1), true);
    assert.equal(violation(await inflate(inflater, more)).closeCode, 1009);
  }
});

test('a message that inflates to more than the ratio allows is 1009, but never a small one', async () => {
  const { inflater, deflater } = pair({ options: { maxInflateRatio: 20 } });
  const free = deflater.deflateNow(Buffer.alloc(FREE_INFLATE_BYTES), true);
  assert.ok(isInflated(await inflate(inflater, free)));
  const more = deflater.deflateNow(Buffer.alloc(FREE_INFLATE_BYTES + 1), true);
  const refused = violation(await inflate(inflater, more));
  assert.deepEqual([refused.closeCode, refused.code], [1009, 'WS_ERR_INFLATE_RATIO']);
});

test('a window holds the last octets and no more', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 700 }), { maxLength: 20 }), (pieces) => {
      const window = new SlidingWindow(9);
      let all = Buffer.alloc(0);
      for (const piece of pieces) {
        window.append(piece);
        all = Buffer.concat([all, piece]);
        assert.equal(Buffer.compare(window.octets, all.subarray(-512)), 0);
      }
    }),
  );
});

test('jobs run up to the limit at a time, in the order of their coming', () => {
  const jobs = new ZlibJobs();
  jobs.limitTo(2);
  jobs.limitTo(5);
  const begun: number[] = [];
  const ends: (() => void)[] = [];
  for (let index = 0; index < 5; index++) {
    jobs.run((ended) => {
      begun.push(index);
      ends.push(ended);
    });
  }
  assert.deepEqual([begun, jobs.runningCount, jobs.waitingCount], [[0, 1], 2, 3]);
  ends[0]!();
  ends[0]!();
  assert.deepEqual([begun, jobs.runningCount, jobs.waitingCount], [[0, 1, 2], 2, 2]);
  for (let index = 1; index < 5; index++) ends[index]!();
  assert.deepEqual([begun, jobs.runningCount, jobs.waitingCount], [[0, 1, 2, 3, 4], 0, 0]);
});

test('options that cannot be used are refused at once, with their name', () => {
  for (const [options, words] of [
    [{ serverMaxWindowBits: 7 }, /serverMaxWindowBits/],
    [{ clientMaxWindowBits: 16 }, /clientMaxWindowBits/],
    [{ clientMaxWindowBits: 9.5 }, /clientMaxWindowBits/],
    [{ threshold: -1 }, /threshold/],
    [{ concurrencyLimit: 0 }, /concurrencyLimit/],
    [{ maxInflateRatio: 0 }, /maxInflateRatio/],
    [{ maxContextTakeoverBytes: NaN }, /maxContextTakeoverBytes/],
    [{ zlibDeflateOptions: { level: 11 } }, /level/],
    [{ zlibInflateOptions: { chunkSize: 1 } }, /chunkSize/],
  ] as const) {
    assert.throws(() => resolveCompression(options, 'server', new ZlibJobs()), words);
  }
});
