// Owns `npm run bench:micro`: parser, masking, writer and streams on a null transport, to see what a change to one of them does.
import process from 'node:process';
import { Bench } from 'tinybench';
import {
  FrameParser,
  Masker,
  OPCODE_BINARY,
  OPCODE_TEXT,
  encodeFrame,
  frameHeaderBytes,
  writeFrameHeader,
} from '../dist/protocol/websocket/index.js';
import { NO_METRICS, TurnBudget } from '../dist/foundation/index.js';
import { DestinationPattern, Message } from '../dist/message/index.js';
import { MemoryStreamStore, Streams } from '../dist/streams/index.js';
import { SeededRandom, VirtualTime } from '../dist/testing/index.js';
import { FrameBelt } from '../dist/cli/load/frame-belt.js';

const CHUNK_BYTES = 65_536;
const MASK = 0x1337c0de;
const filter = process.argv[2] ?? '';
const bench = new Bench({ time: 500, warmupTime: 200, retainSamples: true });
/** Octets of payload that one call of each task moves. */
const bytesOf = new Map();

function add(name, payloadBytes, task) {
  if (!name.includes(filter)) return;
  bytesOf.set(name, payloadBytes);
  bench.add(name, task);
}

for (const [size, kind, opcode] of [
  [64, 'text', OPCODE_TEXT],
  [64, 'binary', OPCODE_BINARY],
  [1024, 'text', OPCODE_TEXT],
  [16_384, 'binary', OPCODE_BINARY],
]) {
  const count = Math.max(1, Math.floor(CHUNK_BYTES / (size + 8)));
  const name = `parse a chunk of ${count} × ${size} B ${kind}`;
  addParser(name, frames(opcode, Buffer.alloc(size, 'a'), count), count * size);
}
const greek = Buffer.from('αβγδεζηθ'.repeat(4));
addParser(
  'parse a chunk of 900 × 64 B text that is not ASCII',
  frames(OPCODE_TEXT, greek, 900),
  57_600,
);
addParser('parse one 64 B text', frames(OPCODE_TEXT, Buffer.alloc(64, 'a'), 1), 64);
addCutMessage(CHUNK_BYTES * 4);

for (const size of [16, 64, 1024, 65_536]) {
  const octets = Buffer.alloc(size + 1, 'a');
  const masker = new Masker();
  add(`mask ${size} B`, size, () => masker.apply(octets, 0, size, MASK));
  // A payload rarely begins where a machine word does.
  add(`mask ${size} B, unaligned`, size, () => masker.apply(octets, 1, size + 1, MASK));
}

for (const size of [64, 1024]) {
  const payload = Buffer.alloc(size, 'a');
  const text = payload.toString();
  const target = Buffer.alloc(size + 14);
  const start = frameHeaderBytes(size, false);
  add(`write a frame of ${size} B`, size, () => {
    target.set(payload, writeFrameHeader(target, 0, 0x82, size));
  });
  add(`write a frame of ${size} B text`, size, () => {
    writeFrameHeader(target, 0, 0x81, size);
    target.write(text, start, size, 'utf8');
  });
  add(`encode a frame of ${size} B for many`, size, () => encodeFrame(OPCODE_BINARY, payload));
}

for (const isHeld of [false, true]) {
  const who = isHeld ? 'each read by one' : 'read by nobody';
  await addPublishing(`publish to 100,000 streams, ${who}`, isHeld, 0);
  await addPublishing(`publish to them beside 10,000 patterns of none, ${who}`, isHeld, 10_000);
}

await bench.run();
console.table(
  bench.tasks.map(({ name, result }) => {
    // The median: what else the machine does must not count.
    const seconds = result.latency.p50 / 1000;
    return {
      task: name,
      'ns per call': Math.round(seconds * 1e9),
      '± %': Number(result.latency.rme.toFixed(1)),
      'GB/s': Number((bytesOf.get(name) / seconds / 1e9).toFixed(2)),
    };
  }),
);

/** Streams without sessions: what a publication costs them, and what patterns that match nothing add to it. */
async function addPublishing(name, isHeld, patternCount) {
  if (!name.includes(filter)) return;
  const streamCount = 100_000;
  const message = new Message(Buffer.alloc(100, 'a'), 'text/plain');
  const time = new VirtualTime();
  const store = new MemoryStreamStore(time, new SeededRandom(1), { maxStreamCount: streamCount });
  const streams = new Streams(store, time, NO_METRICS, {
    turns: new TurnBudget(time),
    liveRingBytes: () => 1_000,
  });
  const retention = { historySize: 0, historyTtlMs: Infinity };
  const options = { key: undefined, messageId: undefined, retention };
  // Read back from JSON: one flat string each, as those of frames are.
  const destinations = JSON.parse(
    JSON.stringify(Array.from({ length: streamCount }, (_, index) => `/topic/room/${index}/heat`)),
  );
  if (isHeld) for (const one of destinations) await read((sink) => streams.open(one, sink));
  const before = streams.retainedBytes;
  for (let index = 0; index < patternCount; index++) {
    const pattern = DestinationPattern.parse(`/topic/room/*/none${index}`);
    await read((sink) => streams.openPattern(pattern, sink));
  }
  let count = 0;
  const publish = () => {
    const destination = destinations[(count++ * 7_919) % streamCount];
    void streams.publish(destination, message, options);
    if (count % 16 === 0) time.advance(0);
  };
  for (let index = 0; index < streamCount; index++) publish();
  if (patternCount > 0) {
    const perStream = (streams.retainedBytes - before) / streamCount;
    console.log(
      `${name}: ${Math.round(perStream)} octets for each stream, its publication included`,
    );
  }
  add(name, 100, publish);
}

/** A reader that takes what there is at once. */
async function read(open) {
  let source;
  const sink = {
    ready: () => {
      for (let next = source?.pull(65_536); next !== undefined; next = source.pull(65_536)) {
        if (next.isLast) return;
      }
    },
  };
  ({ source } = await open(sink));
}

function frames(opcode, payload, count) {
  return new FrameBelt(opcode, payload, count).take(count);
}

/** A sink that looks at nothing. What is parsed is unmasked in place, so each turn parses a fresh copy. */
function addParser(name, octets, payloadBytes) {
  let messageCount = 0;
  const parser = newParser(() => (messageCount += 1));
  const chunk = Buffer.allocUnsafeSlow(octets.length);
  add(name, payloadBytes, () => {
    chunk.set(octets);
    parser.parse(chunk);
  });
}

/** A large message as it comes: in chunks of what one read brings. */
function addCutMessage(size) {
  const octets = frames(OPCODE_BINARY, Buffer.alloc(size, 'a'), 1);
  const parser = newParser(() => {});
  const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  add(`parse ${size / 1024} KiB binary in chunks of 64 KiB`, size, () => {
    for (let at = 0; at < octets.length; at += CHUNK_BYTES) {
      const length = Math.min(CHUNK_BYTES, octets.length - at);
      octets.copy(chunk, 0, at, at + length);
      parser.parse(chunk.subarray(0, length));
    }
  });
}

function newParser(counted) {
  const fail = (what) => {
    throw new Error(`the parser saw ${what}`);
  };
  const sink = {
    onText: counted,
    onBinary: counted,
    onPing: () => fail('a Ping'),
    onPong: () => fail('a Pong'),
    onClose: () => fail('a Close'),
    onViolation: ({ message }) => fail(message),
  };
  return new FrameParser(sink, {
    role: 'server',
    maxMessageBytes: 16_777_216,
    maxFragmentCount: 1000,
    allocate: (byteLength) => Buffer.allocUnsafeSlow(byteLength),
  });
}
