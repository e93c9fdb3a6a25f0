/** Proves the frame parser by the rules of RFC 6455 §5, and that how the octets are cut changes nothing. */
import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { FrameParser } from './frame-parser.js';
import type { FrameSink } from './frame-sink.js';
import { frameHeaderBytes, writeFrameHeader } from './frame-writer.js';
import { Masker } from './masking.js';
import type { Role } from './closing-handshake.js';

type Told = readonly (string | number | boolean)[];

const LIMITS = { maxMessageBytes: 1000, maxFragmentCount: 4 };

/** Writes down what a parser tells. */
class Recorder implements FrameSink {
  readonly told: Told[] = [];
  onTold: () => void = () => {};

  #tell(...told: Told): void {
    this.told.push(told);
    this.onTold();
  }
  onText(octets: Uint8Array, start: number, end: number, isAscii: boolean): void {
    const text = Buffer.from(octets.subarray(start, end)).toString();
    this.#tell('text', text, isAscii);
  }
  onBinary(octets: Uint8Array, start: number, end: number): void {
    this.#tell('binary', hex(octets.subarray(start, end)));
  }
  onPing(octets: Uint8Array, start: number, end: number): void {
    this.#tell('ping', hex(octets.subarray(start, end)));
  }
  onPong(octets: Uint8Array, start: number, end: number): void {
    this.#tell('pong', hex(octets.subarray(start, end)));
  }
  onClose(closeCode: number, octets: Uint8Array, start: number, end: number): void {
    this.#tell('close', closeCode, Buffer.from(octets.subarray(start, end)).toString());
  }
  onViolation(violation: { closeCode: number; code: string }): void {
    this.#tell('violation', violation.closeCode, violation.code);
  }
}

function hex(octets: Uint8Array): string {
  return Buffer.from(octets).toString('hex');
}

interface FrameShape {
  readonly first: number;
  readonly payload: Uint8Array;
  readonly mask?: number;
}

function frame({ first, payload, mask }: FrameShape): Buffer {
  const bytes = Buffer.alloc(frameHeaderBytes(payload.length, mask !== undefined) + payload.length);
  const at = writeFrameHeader(bytes, 0, first, payload.length, mask);
  bytes.set(payload, at);
  if (mask !== undefined) new Masker().apply(bytes, at, bytes.length, mask);
  return bytes;
}

const MASK = 0x7a11c3f5;

function fromClient(first: number, payload: string | Uint8Array = ''): Buffer {
  return frame({ first, payload: Buffer.from(payload), mask: MASK });
}

/** Parses octets cut at the given offsets; each piece is a copy, because a parser unmasks in place. */
function parse(bytes: Uint8Array, cuts: readonly number[], role: Role = 'server'): Told[] {
  const recorder = new Recorder();
  const parser = new FrameParser(recorder, { role, ...LIMITS });
  let start = 0;
  for (const cut of [...cuts, bytes.length]) {
    parser.parse(Buffer.from(bytes.subarray(start, cut)));
    start = cut;
  }
  return recorder.told;
}

const everyOffset = (bytes: Uint8Array): number[] => Array.from(bytes, (_, index) => index);

/** The same told whole and octet by octet. */
function told(bytes: Uint8Array, role: Role = 'server'): Told[] {
  const whole = parse(bytes, [], role);
  assert.deepEqual(parse(bytes, everyOffset(bytes), role), whole, 'cut at every octet');
  return whole;
}

test('§5.6: text and binary messages are told with their payload', () => {
  const bytes = Buffer.concat([fromClient(0x81, 'héllo'), fromClient(0x82, 'abc')]);
  assert.deepEqual(told(bytes), [
    ['text', 'héllo', false],
    ['binary', '616263'],
  ]);
});

test('§5.2: lengths of 125, 126, 65,535 and 65,536 octets are read', () => {
  for (const length of [0, 1, 125, 126, 65_535, 65_536]) {
    const recorder = new Recorder();
    const parser = new FrameParser(recorder, {
      role: 'client',
      maxMessageBytes: 1 << 20,
      maxFragmentCount: 1,
    });
    parser.parse(frame({ first: 0x81, payload: Buffer.alloc(length, 'a') }));
    assert.deepEqual(recorder.told, [['text', 'a'.repeat(length), true]], `${length} octets`);
  }
});

test('§5.1: a server refuses an unmasked frame and a client a masked one', () => {
  assert.deepEqual(told(frame({ first: 0x81, payload: Buffer.from('a') })), [
    ['violation', 1002, 'WS_ERR_EXPECTED_MASK'],
  ]);
  assert.deepEqual(told(fromClient(0x81, 'a'), 'client'), [
    ['violation', 1002, 'WS_ERR_UNEXPECTED_MASK'],
  ]);
});

test('§5.2: a reserved bit or opcode is refused with 1002', () => {
  const refused = [0xc1, 0xa1, 0x91, 0x83, 0x84, 0x85, 0x86, 0x87, 0x8b, 0x8c, 0x8d, 0x8e, 0x8f];
  for (const first of refused) {
    const [only, ...more] = told(fromClient(first));
    assert.equal(only?.[0], 'violation', `first octet ${first.toString(16)}`);
    assert.equal(only[1], 1002);
    assert.deepEqual(more, []);
  }
});

test('§5.5: a control frame with 126 octets or without FIN is refused with 1002', () => {
  for (const first of [0x88, 0x89, 0x8a]) {
    assert.deepEqual(told(fromClient(first, 'a'.repeat(126))), [
      ['violation', 1002, 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH'],
    ]);
    assert.deepEqual(told(fromClient(first & 0x7f, 'a')), [
      ['violation', 1002, 'WS_ERR_EXPECTED_FIN'],
    ]);
  }
});

test('§5.4: fragments make one message, and control frames may stand between them', () => {
  const bytes = Buffer.concat([
    fromClient(0x01, 'a'),
    fromClient(0x89, 'ping'),
    fromClient(0x00, ''),
    fromClient(0x80, 'b'),
    fromClient(0x81, 'next'),
  ]);
  assert.deepEqual(told(bytes), [
    ['ping', '70696e67'],
    ['text', 'ab', true],
    ['text', 'next', true],
  ]);
});

test('§5.4: a continuation without a start and a start inside a message are refused', () => {
  assert.deepEqual(told(fromClient(0x80, 'a')), [['violation', 1002, 'WS_ERR_INVALID_OPCODE']]);
  const nested = Buffer.concat([fromClient(0x01, 'a'), fromClient(0x81, 'b')]);
  assert.deepEqual(told(nested), [['violation', 1002, 'WS_ERR_INVALID_OPCODE']]);
});

test('§5.2: a length that is not encoded in the fewest octets is refused with 1002', () => {
  const in16 = Buffer.from([0x82, 0xfe, 0, 125, 0, 0, 0, 0]);
  const in64 = Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0]);
  for (const bytes of [in16, in64]) {
    assert.deepEqual(told(bytes), [['violation', 1002, 'WS_ERR_INVALID_LENGTH_ENCODING']]);
  }
});

test('§5.2 and §10.4: a 64-bit length is judged by its header alone', () => {
  const header = (...length: number[]): Buffer => Buffer.from([0x82, 0xff, ...length, 0, 0, 0, 0]);
  assert.deepEqual(told(header(0x80, 0, 0, 0, 0, 0, 0, 0)), [
    ['violation', 1002, 'WS_ERR_INVALID_LENGTH_ENCODING'],
  ]);
  const beyondExactNumbers = [
    [0x7f, 255, 255, 255, 255, 255, 255, 255],
    [0, 0x20, 0, 0, 0, 0, 0, 0],
  ];
  for (const length of beyondExactNumbers) {
    assert.deepEqual(told(header(...length)), [
      ['violation', 1009, 'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH'],
    ]);
  }
  assert.deepEqual(told(header(0, 0, 0, 0, 0, 1, 0, 0)), [
    ['violation', 1009, 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'],
  ]);
});

test('the octets of a message are limited over all its fragments', () => {
  assert.deepEqual(told(fromClient(0x82, Buffer.alloc(1000))).length, 1);
  assert.deepEqual(told(fromClient(0x82, Buffer.alloc(1001))), [
    ['violation', 1009, 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'],
  ]);
  const fragments = [fromClient(0x02, Buffer.alloc(600)), fromClient(0x80, Buffer.alloc(401))];
  assert.deepEqual(told(Buffer.concat(fragments)), [
    ['violation', 1009, 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'],
  ]);
});

test('the fragments of a message are limited, and empty ones count', () => {
  const enough = [fromClient(0x01), ...Array.from({ length: 2 }, () => fromClient(0x00))];
  assert.deepEqual(told(Buffer.concat([...enough, fromClient(0x80)])), [['text', '', true]]);
  assert.deepEqual(told(Buffer.concat([...enough, fromClient(0x00), fromClient(0x80)])), [
    ['violation', 1008, 'WS_ERR_TOO_MANY_BUFFERED_PARTS'],
  ]);
});

test('§8.1: invalid UTF-8 fails at its first octet, inside a fragment and inside a cut frame', () => {
  const early = Buffer.concat([fromClient(0x01, 'ok'), fromClient(0x00, Buffer.from([0xff]))]);
  assert.deepEqual(told(early), [['violation', 1007, 'WS_ERR_INVALID_UTF8']]);
  const long = fromClient(0x81, Buffer.concat([Buffer.from([0xc0, 0xaf]), Buffer.alloc(900, 'a')]));
  const recorder = new Recorder();
  const parser = new FrameParser(recorder, { role: 'server', ...LIMITS });
  parser.parse(long.subarray(0, 9));
  assert.deepEqual(recorder.told, [['violation', 1007, 'WS_ERR_INVALID_UTF8']]);
});

test('§5.6: a character may be cut by fragments, but the message must end with a whole one', () => {
  const euro = Buffer.from('€');
  const cut = [fromClient(0x01, euro.subarray(0, 1)), fromClient(0x80, euro.subarray(1))];
  assert.deepEqual(told(Buffer.concat(cut)), [['text', '€', false]]);
  const short = [fromClient(0x01, 'a'), fromClient(0x80, euro.subarray(0, 2))];
  assert.deepEqual(told(Buffer.concat(short)), [['violation', 1007, 'WS_ERR_INVALID_UTF8']]);
});

test('§5.5.1 and §7.4: of Close frames only the valid ones are told', () => {
  const closing = (code: number, reason = ''): Buffer => {
    const payload = Buffer.from(`\0\0${reason}`);
    payload.writeUInt16BE(code);
    return fromClient(0x88, payload);
  };
  assert.deepEqual(told(fromClient(0x88)), [['close', 1005, '']]);
  assert.deepEqual(told(fromClient(0x88, 'a')), [
    ['violation', 1002, 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH'],
  ]);
  for (const code of [1000, 1001, 1002, 1003, 1007, 1011, 1014, 3000, 4999]) {
    assert.deepEqual(told(closing(code, 'why')), [['close', code, 'why']]);
  }
  for (const code of [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535]) {
    assert.deepEqual(told(closing(code)), [['violation', 1002, 'WS_ERR_INVALID_CLOSE_CODE']]);
  }
  const badReason = Buffer.concat([Buffer.from([0x03, 0xe8]), Buffer.from([0xff])]);
  assert.deepEqual(told(fromClient(0x88, badReason)), [['violation', 1007, 'WS_ERR_INVALID_UTF8']]);
});

test('§1.4: what follows a Close frame or a violation is not looked at', () => {
  const after = Buffer.concat([
    fromClient(0x88),
    fromClient(0x81, 'late'),
    Buffer.from([0xff, 0xff]),
  ]);
  assert.deepEqual(told(after), [['close', 1005, '']]);
  const broken = Buffer.concat([fromClient(0xf1), fromClient(0x81, 'late')]);
  assert.equal(told(broken).length, 1);
});

test('a hostile length reserves little until octets arrive, and the payload comes out exact', () => {
  const sizes: number[] = [];
  const recorder = new Recorder();
  const parser = new FrameParser(recorder, {
    role: 'server',
    maxMessageBytes: 1 << 30,
    maxFragmentCount: 8,
    allocate: (byteLength) => {
      sizes.push(byteLength);
      return new Uint8Array(byteLength);
    },
  });
  parser.parse(Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0x30, 0, 0, 0, 1, 2, 3, 4, 9, 9]));
  assert.ok(Math.max(...sizes) <= 65_536, `reserved ${Math.max(...sizes)} octets`);

  const payload = Buffer.alloc(200_000, 'x');
  const whole = fromClient(0x82, payload);
  const second = new FrameParser(recorder, { role: 'server', ...LIMITS, maxMessageBytes: 1 << 20 });
  for (let at = 0; at < whole.length; at += 30_000) {
    second.parse(whole.subarray(at, at + 30_000));
  }
  assert.deepEqual(recorder.told, [['binary', payload.toString('hex')]]);
});

test('a parser paused by its sink stops between two frames and goes on where it stopped', () => {
  const recorder = new Recorder();
  const parser = new FrameParser(recorder, { role: 'server', ...LIMITS });
  recorder.onTold = () => parser.pause();
  parser.parse(Buffer.concat(['a', 'b', 'c'].map((text) => fromClient(0x81, text))));
  assert.deepEqual(recorder.told, [['text', 'a', true]]);
  parser.parse(fromClient(0x81, 'd'));
  assert.deepEqual(recorder.told, [['text', 'a', true]]);
  parser.resume();
  assert.equal(recorder.told.length, 2);
  recorder.onTold = () => {};
  parser.resume();
  assert.deepEqual(
    recorder.told.map(([, text]) => text),
    ['a', 'b', 'c', 'd'],
  );
});

const anyPayload = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.string({ unit: 'grapheme', maxLength: 40 }).map((text) => Buffer.from(text)),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 140 }) },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 100, max: 1100 }).map((size) => Buffer.alloc(size, 'é')),
  },
  { weight: 1, arbitrary: fc.constant(Buffer.from([0x03, 0xe8])) },
);

const frameWith = (first: fc.Arbitrary<number>): fc.Arbitrary<Required<FrameShape>> =>
  fc.record({ first, payload: anyPayload, mask: fc.integer() });

const anyControl = frameWith(fc.constantFrom(0x89, 0x8a));

/** A message in up to six frames, with a control frame in its middle now and then. */
const fragmented = fc
  .record({
    start: frameWith(fc.constantFrom(0x01, 0x02)),
    middle: fc.array(fc.oneof(frameWith(fc.constant(0x00)), anyControl), { maxLength: 4 }),
    end: frameWith(fc.constant(0x80)),
  })
  .map(({ start, middle, end }) => [start, ...middle, end]);

const one = (first: fc.Arbitrary<number>): fc.Arbitrary<Required<FrameShape>[]> =>
  frameWith(first).map((only) => [only]);

const anyFrames = fc
  .array(
    fc.oneof(
      { weight: 4, arbitrary: one(fc.constantFrom(0x81, 0x82)) },
      { weight: 4, arbitrary: fragmented },
      { weight: 2, arbitrary: anyControl.map((only) => [only]) },
      { weight: 1, arbitrary: one(fc.constantFrom(0x88, 0x00, 0x80, 0x01)) },
      { weight: 1, arbitrary: one(fc.integer({ min: 0, max: 255 })) },
    ),
    { minLength: 1, maxLength: 6 },
  )
  .map((groups) => groups.flat());

const anySequence = fc.record({
  role: fc.constantFrom<Role>('server', 'client'),
  frames: anyFrames,
  tail: fc.oneof(fc.constant(new Uint8Array(0)), fc.uint8Array({ maxLength: 20 })),
  cuts: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 20 }),
});

test('every split of every frame sequence is told the same, and nothing throws', () => {
  const codes = new Set<unknown>();
  fc.assert(
    fc.property(anySequence, ({ role, frames, tail, cuts }) => {
      const parts = frames.map(({ first, payload, mask }) =>
        frame(role === 'server' ? { first, payload, mask } : { first, payload }),
      );
      const bytes = Buffer.concat([...parts, tail]);
      const whole = parse(bytes, [], role);
      assert.deepEqual(parse(bytes, everyOffset(bytes), role), whole);
      const offsets = cuts.map((cut) => Math.floor(cut * bytes.length)).sort((a, b) => a - b);
      assert.deepEqual(parse(bytes, offsets, role), whole);
      assert.deepEqual(whole, expectedOf(bytes, role), 'as the plain reading of the RFC has it');
      const last = whole.at(-1);
      if (last?.[0] === 'violation') codes.add(last[1]);
    }),
    { numRuns: 400 },
  );
  // A run that never met a violation would prove nothing about them.
  for (const code of [1002, 1007, 1008, 1009]) assert.ok(codes.has(code), `${code} never met`);
});

/** The slow and plain reading of RFC 6455, to compare with: it sees all octets at once and remembers nothing. */
function expectedOf(bytes: Buffer, role: Role): Told[] {
  const events: Told[] = [];
  let message: { isText: boolean; payload: Buffer; count: number } | undefined;
  let at = 0;
  const fail = (closeCode: number, code: string): Told[] => [
    ...events,
    ['violation', closeCode, code],
  ];
  while (bytes.length - at >= 2) {
    const [first = 0, second = 0] = bytes.subarray(at);
    const opcode = first & 15;
    const isControl = opcode >= 8;
    if ((first & 0x30) !== 0) return fail(1002, 'WS_ERR_UNEXPECTED_RSV_2_3');
    if ((first & 0x40) !== 0) return fail(1002, 'WS_ERR_UNEXPECTED_RSV_1');
    if (![0, 1, 2, 8, 9, 10].includes(opcode)) return fail(1002, 'WS_ERR_INVALID_OPCODE');
    if (isControl && first < 0x80) return fail(1002, 'WS_ERR_EXPECTED_FIN');
    if (isControl && (second & 127) > 125) {
      return fail(1002, 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH');
    }
    if (!isControl && (opcode === 0) !== (message !== undefined)) {
      return fail(1002, 'WS_ERR_INVALID_OPCODE');
    }
    if (role === 'server' && second < 128) return fail(1002, 'WS_ERR_EXPECTED_MASK');
    if (role === 'client' && second > 127) return fail(1002, 'WS_ERR_UNEXPECTED_MASK');
    const field = second & 127;
    const lengthBytes = field === 126 ? 2 : field === 127 ? 8 : 0;
    const start = at + 2 + lengthBytes + (role === 'server' ? 4 : 0);
    if (start > bytes.length) return events;
    let length = BigInt(field);
    if (lengthBytes === 2) length = BigInt(bytes.readUInt16BE(at + 2));
    if (lengthBytes === 8) length = bytes.readBigUInt64BE(at + 2);
    const isMinimal = lengthBytes === 0 || length >= (lengthBytes === 2 ? 126n : 65_536n);
    if (length >= 2n ** 63n || !isMinimal) return fail(1002, 'WS_ERR_INVALID_LENGTH_ENCODING');
    if (!isControl) {
      message ??= { isText: opcode === 1, payload: Buffer.alloc(0), count: 0 };
      if (BigInt(message.payload.length) + length > BigInt(LIMITS.maxMessageBytes)) {
        return fail(1009, 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH');
      }
      message.count += 1;
      if (message.count > LIMITS.maxFragmentCount) {
        return fail(1008, 'WS_ERR_TOO_MANY_BUFFERED_PARTS');
      }
    }
    const end = start + Number(length);
    const payload = Buffer.from(bytes.subarray(start, end));
    if (role === 'server') {
      for (let index = 0; index < payload.length; index++) {
        payload[index] = payload[index]! ^ bytes[start - 4 + (index % 4)]!;
      }
    }
    if (message !== undefined && !isControl) {
      message.payload = Buffer.concat([message.payload, payload]);
      const isEnd = first >= 0x80 && end <= bytes.length;
      if (message.isText && !(isEnd ? isUtf8(message.payload) : isUtf8Prefix(message.payload))) {
        return fail(1007, 'WS_ERR_INVALID_UTF8');
      }
    }
    if (end > bytes.length) return events;
    at = end;
    if (opcode === 9) events.push(['ping', hex(payload)]);
    else if (opcode === 10) events.push(['pong', hex(payload)]);
    else if (opcode === 8) {
      if (payload.length === 0) return [...events, ['close', 1005, '']];
      if (payload.length === 1) return fail(1002, 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH');
      const code = payload.readUInt16BE();
      const isKnown = code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code);
      if (!isKnown && !(code >= 3000 && code <= 4999))
        return fail(1002, 'WS_ERR_INVALID_CLOSE_CODE');
      if (!isUtf8(payload.subarray(2))) return fail(1007, 'WS_ERR_INVALID_UTF8');
      return [...events, ['close', code, payload.subarray(2).toString()]];
    } else if (first >= 0x80 && message !== undefined) {
      const text = message.payload.toString();
      if (message.isText) events.push(['text', text, /^[\0-\x7f]*$/.test(text)]);
      else events.push(['binary', hex(message.payload)]);
      message = undefined;
    }
  }
  return events;
}

/** Whether octets can be continued to valid UTF-8. */
function isUtf8Prefix(octets: Buffer): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(octets, { stream: true });
    return true;
  } catch {
    return false;
  }
}
