/** Proves the codec of STOMP: total on any octets in any pieces, and no header can become another. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { concatOctets, decodeUtf8, encodeUtf8, type Octets } from '../../foundation/index.js';
import {
  CLIENT_COMMANDS,
  encodeStompFrame,
  heartbeatIntervalMs,
  negotiatedVersion,
  parseHeartbeatOffer,
  SERVER_COMMANDS,
  STOMP_VERSIONS,
  StompParser,
  unescaped,
  type StompFrame,
  type StompLimits,
  type StompVersion,
  type StompViolation,
} from './index.js';

const LIMITS: StompLimits = {
  maxStompHeaderCount: 20,
  maxStompHeaderLineBytes: 400,
  maxStompHeadersBytes: 1_000,
  maxMessageBytes: 5_000,
};
const COMMANDS: readonly string[] = [...CLIENT_COMMANDS, ...SERVER_COMMANDS];

/** What a parser made of octets, told in a form that can be compared. */
class Reader {
  readonly frames: StompFrame[] = [];
  readonly violations: StompViolation[] = [];
  readonly parser: StompParser<string>;

  constructor(version: StompVersion = '1.2', limits: Partial<StompLimits> = {}) {
    this.parser = new StompParser(COMMANDS, { ...LIMITS, ...limits }, this);
    this.parser.version = version;
  }

  frameReceived(frame: StompFrame): void {
    assert.equal(this.violations.length, 0, 'nothing follows a violation');
    this.frames.push(frame);
  }

  violated(violation: StompViolation): void {
    assert.ok(violation.message.length < 300, 'an error does not echo what it was given');
    this.violations.push(violation);
    assert.equal(this.violations.length, 1, 'there is one violation at most');
  }

  get told(): unknown[] {
    return [
      ...this.frames.map(({ command, headers, body }) => [command, [...headers], [...body]]),
      ...this.violations.map(({ message, limit }) => ({ message, limit })),
    ];
  }

  get violation(): string {
    return this.violations.map(({ message }) => message).join();
  }
}

function read(input: string | Octets, version?: StompVersion, limits?: Partial<StompLimits>) {
  const reader = new Reader(version, limits);
  reader.parser.receive(typeof input === 'string' ? encodeUtf8(input) : input);
  return reader;
}

const CONVERSATION = concatOctets([
  encodeUtf8('\n\r\nCONNECT\naccept-version:1.0,1.1,1.2\nhost:a:b\npasscode:a\\nb\n\n\0\n'),
  encodeUtf8('SUBSCRIBE\r\nid:0\r\ndestination:/topic/\\cä\\\\\r\nack:client\r\n\r\n\0\r\n\r\n'),
  encodeUtf8('SEND\ndestination:/topic/a\ncontent-length:5\n\n'),
  Uint8Array.of(0, 1, 0, 0xff, 10, 0),
  encodeUtf8(
    '\nSEND\ndestination:/topic/a\na:1\na:2\nempty:\n\nbödy\n\0DISCONNECT\nreceipt:77\n\n\0',
  ),
]);

test('frames are read: line ends, escapes, repeated headers, bodies counted or ended by NUL', () => {
  const { frames, violations } = read(CONVERSATION);
  assert.deepEqual(violations, []);
  assert.deepEqual(
    frames.map(({ command, headers, body }) => [command, Object.fromEntries(headers), body.length]),
    [
      ['CONNECT', { 'accept-version': '1.0,1.1,1.2', host: 'a:b', passcode: 'a\\nb' }, 0],
      ['SUBSCRIBE', { id: '0', destination: '/topic/:ä\\', ack: 'client' }, 0],
      ['SEND', { destination: '/topic/a', 'content-length': '5' }, 5],
      ['SEND', { destination: '/topic/a', a: '1', empty: '' }, 6],
      ['DISCONNECT', { receipt: '77' }, 0],
    ],
  );
  assert.deepEqual([...(frames[2]?.body ?? [])], [0, 1, 0, 0xff, 10]);
});

test('nothing is trimmed', () => {
  const { frames } = read('SEND\n a : b \n\n x \0');
  assert.deepEqual([...(frames[0]?.headers ?? [])], [[' a ', ' b ']]);
  assert.equal(decodeUtf8(frames[0]?.body ?? new Uint8Array(0)), ' x ');
});

test('every split of a conversation is told the same', () => {
  const whole = read(CONVERSATION).told;
  for (let at = 0; at <= CONVERSATION.length; at++) {
    const reader = new Reader();
    reader.parser.receive(CONVERSATION.slice(0, at));
    reader.parser.receive(CONVERSATION.slice(at));
    assert.deepEqual(reader.told, whole, `split at ${at}`);
  }
  const single = new Reader();
  for (const octet of CONVERSATION) single.parser.receive(Uint8Array.of(octet));
  assert.deepEqual(single.told, whole);
});

test('every truncation gives the frames before it and nothing else', () => {
  const whole = read(CONVERSATION).told;
  for (let length = 0; length < CONVERSATION.length; length++) {
    const { told, violations } = read(CONVERSATION.slice(0, length));
    assert.deepEqual(violations, [], `cut at ${length}`);
    assert.deepEqual(told, whole.slice(0, told.length));
  }
});

test('every octet flipped ends in frames or in one violation, the same in one piece and in many', () => {
  for (let at = 0; at < CONVERSATION.length; at++) {
    for (const flip of [0x01, 0x20, 0x3a, 0x80, 0xff, CONVERSATION[at] ?? 0]) {
      const octets = CONVERSATION.slice();
      octets[at] = (octets[at] ?? 0) ^ flip;
      const { told } = read(octets);
      const pieces = new Reader();
      for (const octet of octets) pieces.parser.receive(Uint8Array.of(octet));
      assert.deepEqual(pieces.told, told, `octet ${at} with ${flip}`);
    }
  }
});

test('random octets and random lines never throw', () => {
  const line = fc.constantFrom(...COMMANDS, 'a:b', 'content-length:3', '', ':', 'a:\\t', '\0', 'x');
  const text = fc.array(line, { maxLength: 12 }).map((lines) => encodeUtf8(lines.join('\n')));
  fc.assert(
    fc.property(
      fc.oneof(fc.uint8Array({ maxLength: 300 }), text),
      fc.constantFrom(...STOMP_VERSIONS),
      fc.nat(),
      (octets, version, cut) => {
        const { told } = read(octets, version);
        const pieces = new Reader(version);
        const at = cut % (octets.length + 1);
        pieces.parser.receive(octets.slice(0, at));
        pieces.parser.receive(octets.slice(at));
        assert.deepEqual(pieces.told, told);
      },
    ),
    { numRuns: 2_000 },
  );
});

for (const [words, input, expected, version] of [
  ['an unknown command', 'HELLO\n\n\0', /"HELLO" is no command/],
  ['a command in small letters', 'send\n\n\0', /no command/],
  ['an HTTP request', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', /no command/],
  ['a command without an end', 'A'.repeat(17), /begins with a command/],
  ['NUL in a command', 'SEND\0', /begins with a command/],
  ['a header without a colon', 'SEND\nabc\n\n\0', /name, a colon and a value/],
  ['a header without a name', 'SEND\n:abc\n\n\0', /name, a colon and a value/],
  ['NUL in a header', 'SEND\na:b\0c\n\n\0', /NUL in a header/],
  ['NUL instead of the blank line', 'DISCONNECT\nreceipt:1\n\0', /NUL in a header/],
  ['a carriage return in a header', 'SEND\na:b\rc:d\n\n\0', /carriage return/],
  [
    'a header that is not UTF-8',
    Uint8Array.of(0x41, 0x43, 0x4b, 10, 0x61, 0x3a, 0xff, 10),
    /UTF-8/,
  ],
  ['an escape that there is not', 'SEND\na:\\t\n\n\0', /escape/],
  ['an escape at the end', 'SEND\na:b\\\n\n\0', /escape/],
  ['the escape of CR in 1.1', 'SEND\na:\\r\n\n\0', /STOMP 1\.1 does not know/, '1.1'],
  ['a content-length that is no number', 'SEND\ncontent-length:abc\n\n\0', /content-length is not/],
  ['a negative content-length', 'SEND\ncontent-length:-1\n\n\0', /content-length is not/],
  ['a content-length with a sign', 'SEND\ncontent-length:+1\n\na\0', /content-length is not/],
  ['an empty content-length', 'SEND\ncontent-length:\n\na\0', /content-length is not/],
  ['a content-length too short', 'SEND\ncontent-length:2\n\nabc\0', /not the length of the body/],
  ['a content-length of 0 with a body', 'SEND\ncontent-length:0\n\nabc\0', /not the length/],
  [
    'a content-length too long',
    'SEND\ncontent-length:4\n\nabc\0\n\n',
    /not the length of the body/,
  ],
] as const) {
  test(`${words} is fatal`, () => {
    const reader = read(input, version);
    assert.match(reader.violation, expected);
    reader.parser.receive(encodeUtf8('\nSEND\ndestination:/topic/a\n\n\0'));
    assert.deepEqual(reader.frames, []);
  });
}

test('1.0 escapes nothing; 1.1 and 1.2 take a colon in a value, as clients that never escape write it', () => {
  assert.deepEqual(
    [...(read('SEND\na:\\n:\\x\n\n\0', '1.0').frames[0]?.headers ?? [])],
    [['a', '\\n:\\x']],
  );
  for (const version of ['1.1', '1.2'] as const) {
    const { headers } = read('SEND\na:b:\\c:\n\n\0', version).frames[0] ?? {};
    assert.deepEqual([...(headers ?? [])], [['a', 'b:::']]);
  }
});

test('each limit is checked by its name, and before the octets that exceed it are kept', () => {
  const cases = [
    ['maxStompHeaderCount', `SEND\n${'a:b\n'.repeat(21)}\n\0`],
    ['maxStompHeaderLineBytes', `SEND\na:${'b'.repeat(399)}`],
    ['maxStompHeadersBytes', `SEND\n${`a:${'b'.repeat(300)}\n`.repeat(4)}`],
    ['maxMessageBytes', 'SEND\ncontent-length:5001\n\n'],
    ['maxMessageBytes', 'SEND\ncontent-length:999999999999999\n\n'],
    ['maxMessageBytes', `SEND\n\n${'x'.repeat(5_001)}`],
  ] as const;
  for (const [limit, input] of cases) {
    assert.deepEqual(
      read(input).violations.map((violation) => violation.limit),
      [limit],
      input.slice(0, 40),
    );
    const pieces = new Reader();
    for (const octet of encodeUtf8(input)) pieces.parser.receive(Uint8Array.of(octet));
    assert.deepEqual(pieces.violations[0]?.limit, limit);
  }
  const within = `SEND\n${`a:${'b'.repeat(300)}\n`.repeat(3)}\n${'x'.repeat(5_000)}\0`;
  assert.equal(read(within).frames[0]?.body.length, 5_000);
});

test('a body keeps no more alive than itself', () => {
  const many = encodeUtf8(`SEND\na:${'b'.repeat(300)}\n\nxy\0`.repeat(50));
  for (const { body } of read(many).frames) assert.ok(body.buffer.byteLength <= 8);
});

const headerText = fc.string({ unit: 'binary', maxLength: 12 });
const spiteful = fc
  .array(
    fc.oneof(headerText, fc.constantFrom('\n', '\r\n', ':', '\0', '\\', '\\n', '\ninjected:yes')),
    { maxLength: 5 },
  )
  .map((parts) => parts.join(''));

test('what is encoded is read back in each version, whatever stands in it', () => {
  const headers = fc.array(fc.tuple(spiteful, spiteful), { maxLength: 6 });
  fc.assert(
    fc.property(
      fc.constantFrom(...COMMANDS),
      headers,
      fc.uint8Array({ maxLength: 50 }),
      fc.constantFrom(...STOMP_VERSIONS),
      (command, given, body, version) => {
        const own: [string, string][] = [['content-length', String(body.length)]];
        const all = [...own, ...given];
        const limits = { maxStompHeaderLineBytes: 10_000, maxStompHeadersBytes: 100_000 };
        const reader = read(encodeStompFrame(version, command, all, body), version, limits);
        assert.equal(reader.violation, '');
        assert.equal(reader.frames.length, 1);
        const [frame] = reader.frames;
        assert.deepEqual([...(frame?.body ?? [])], [...body]);
        for (const [name, value] of frame?.headers ?? []) {
          const first = all.find(
            ([candidate, text]) =>
              candidate === name && isSayable(version, command, candidate, text),
          );
          assert.deepEqual([name, value], first, 'each header was given, as it is');
        }
        const sayable = all.filter(([name, value]) => isSayable(version, command, name, value));
        assert.equal(frame?.headers.size, new Set(sayable.map(([name]) => name)).size);
      },
    ),
    { numRuns: 2_000 },
  );
});

/** What a version can say at all, written down anew. */
function isSayable(version: string, command: string, name: string, value: string): boolean {
  if (name === '' || /\0/.test(name + value)) return false;
  const isPlain = version === '1.0' || ['CONNECT', 'STOMP', 'CONNECTED'].includes(command);
  if (isPlain) return !/[\r\n:]/.test(name) && !/[\r\n]/.test(value);
  return version === '1.2' || !/\r/.test(name + value);
}

test('escapes: each has its meaning, and no other is known', () => {
  assert.equal(unescaped('a\\nb\\cc\\\\d\\r', '1.2'), 'a\nb:c\\d\r');
  assert.equal(unescaped('\\\\n', '1.1'), '\\n');
  for (const text of ['\\r', '\\t', '\\', 'a\\', '\\N', '\\\n']) {
    assert.equal(unescaped(text, '1.1'), undefined, text);
  }
});

test('the highest version in common is spoken', () => {
  assert.equal(negotiatedVersion(undefined), '1.0');
  assert.equal(negotiatedVersion('1.0,1.1,2.0'), '1.1');
  assert.equal(negotiatedVersion('1.2'), '1.2');
  assert.equal(negotiatedVersion('1.1, 1.2'), '1.2');
  for (const none of ['', '2.0', '1', '1.25', ','])
    assert.equal(negotiatedVersion(none), undefined);
});

test('heartbeats: 0 on either side means none, else the longer of the two', () => {
  const offer = (header?: string) => {
    const parsed = parseHeartbeatOffer(header);
    assert.ok(parsed !== undefined);
    return parsed;
  };
  assert.equal(heartbeatIntervalMs(offer('1000,0'), offer('0,4000')), 4000);
  assert.equal(heartbeatIntervalMs(offer('5000,0'), offer('0,4000')), 5000);
  assert.equal(heartbeatIntervalMs(offer('0,9'), offer('9,9')), 0);
  assert.equal(heartbeatIntervalMs(offer('9,9'), offer('9,0')), 0);
  assert.equal(heartbeatIntervalMs(offer(), offer('9,9')), 0);
  for (const bad of ['', '1', '1,', 'a,b', '-1,0', '1,2,3', '1.5,2', '9'.repeat(20) + ',1']) {
    assert.equal(parseHeartbeatOffer(bad), undefined, bad);
  }
});
