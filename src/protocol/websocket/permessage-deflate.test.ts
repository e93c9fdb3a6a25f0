/** Proves the negotiation of permessage-deflate and the rules of RSV1. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Octets } from '../../foundation/index.js';
import {
  FrameParser,
  acceptDeflateOffer,
  checkDeflateAnswer,
  deflateDirections,
  deflateOffer,
  formatDeflateParameters,
  parseExtensions,
  type DeflatePreferences,
  type FrameSink,
} from './index.js';

const ANYTHING: DeflatePreferences = {
  serverNoContextTakeover: undefined,
  clientNoContextTakeover: undefined,
  serverMaxWindowBits: undefined,
  clientMaxWindowBits: undefined,
};

function answerTo(header: string, preferences: Partial<DeflatePreferences> = {}): string {
  const offers = parseExtensions(header);
  assert.ok(offers !== undefined, header);
  const verdict = acceptDeflateOffer(offers, { ...ANYTHING, ...preferences });
  return verdict.kind === 'agreed' ? formatDeflateParameters(verdict.parameters) : verdict.kind;
}

test('RFC 7692 §7.1: a server answers each parameter that it was offered', () => {
  for (const [header, answer] of [
    ['permessage-deflate', 'permessage-deflate'],
    ['permessage-deflate; client_max_window_bits', 'permessage-deflate'],
    [
      'permessage-deflate; client_max_window_bits=10',
      'permessage-deflate; client_max_window_bits=10',
    ],
    [
      'permessage-deflate; client_max_window_bits="10"',
      'permessage-deflate; client_max_window_bits=10',
    ],
    [
      'permessage-deflate; server_no_context_takeover; client_no_context_takeover; ' +
        'server_max_window_bits=8; client_max_window_bits=15',
      'permessage-deflate; server_no_context_takeover; client_no_context_takeover; ' +
        'server_max_window_bits=8; client_max_window_bits=15',
    ],
    ['x-other; a=1', 'absent'],
    ['x-other, permessage-deflate', 'permessage-deflate'],
  ] as const) {
    assert.equal(answerTo(header), answer, header);
  }
});

const MALFORMED = [
  'server_max_window_bits',
  'server_max_window_bits=7',
  'server_max_window_bits=16',
  'server_max_window_bits=08',
  'server_max_window_bits=1e1',
  'server_max_window_bits=0xa',
  'server_max_window_bits=999999999999999999999',
  'client_max_window_bits=7',
  'client_max_window_bits=16',
  'client_max_window_bits=',
  'server_no_context_takeover=1',
  'client_no_context_takeover=true',
  'server_no_context_takeover; server_no_context_takeover',
  'client_max_window_bits=9; client_max_window_bits=9',
  'unknown',
  '__proto__=8',
  'constructor',
  'SERVER_NO_CONTEXT_TAKEOVER',
];

test('[hardening 12] an offer with an unknown, repeated or invalid parameter is not accepted', () => {
  for (const parameters of MALFORMED) {
    const header = `permessage-deflate; ${parameters}`;
    if (parseExtensions(header) === undefined) continue;
    assert.equal(answerTo(header), 'malformed', header);
    // RFC 7692 §5.1: that offer is declined, another one may still be accepted.
    assert.equal(answerTo(`${header}, permessage-deflate`), 'permessage-deflate', header);
  }
});

test('of several offers the first that the preferences allow is accepted', () => {
  const offers =
    'permessage-deflate; server_max_window_bits=9, permessage-deflate; client_max_window_bits';
  assert.equal(answerTo(offers), 'permessage-deflate; server_max_window_bits=9');
  assert.equal(
    answerTo(offers, { serverMaxWindowBits: 12 }),
    'permessage-deflate; server_max_window_bits=12',
  );
  assert.equal(answerTo(offers, { serverMaxWindowBits: false }), 'permessage-deflate');
});

test('a server with preferences adds them, and declines what contradicts them', () => {
  for (const [header, preferences, answer] of [
    [
      '',
      { serverNoContextTakeover: true, clientNoContextTakeover: true },
      '; server_no_context_takeover; client_no_context_takeover',
    ],
    ['; server_no_context_takeover', { serverNoContextTakeover: false }, 'declined'],
    ['', { serverMaxWindowBits: 10 }, '; server_max_window_bits=10'],
    ['; server_max_window_bits=12', { serverMaxWindowBits: 10 }, '; server_max_window_bits=10'],
    ['; server_max_window_bits=9', { serverMaxWindowBits: 10 }, 'declined'],
    ['; client_max_window_bits', { clientMaxWindowBits: 9 }, '; client_max_window_bits=9'],
    ['; client_max_window_bits=8', { clientMaxWindowBits: 9 }, 'declined'],
    // RFC 7692 §7.1.2.2: a client that does not offer it MUST NOT be told a size.
    ['', { clientMaxWindowBits: 9 }, 'declined'],
    ['; client_max_window_bits=9', { clientMaxWindowBits: false }, ''],
  ] as const) {
    const expected = answer === 'declined' ? answer : `permessage-deflate${answer}`;
    assert.equal(answerTo(`permessage-deflate${header}`, preferences), expected, header);
  }
});

function judged(header: string, preferences: Partial<DeflatePreferences> = {}): string {
  const extensions = parseExtensions(header);
  assert.ok(extensions !== undefined, header);
  const parameters = checkDeflateAnswer(extensions, { ...ANYTHING, ...preferences });
  return parameters === undefined ? 'failed' : formatDeflateParameters(parameters);
}

test('[hardening 12] a client fails on an answer that RFC 7692 §7.1 does not allow', () => {
  for (const parameters of [...MALFORMED, 'client_max_window_bits']) {
    const header = `permessage-deflate; ${parameters}`;
    if (parseExtensions(header) !== undefined) assert.equal(judged(header), 'failed', header);
  }
  for (const [header, preferences] of [
    ['permessage-deflate, permessage-deflate', {}],
    ['permessage-deflate; client_max_window_bits=9', { clientMaxWindowBits: false }],
    ['permessage-deflate; client_max_window_bits=12', { clientMaxWindowBits: 11 }],
    ['permessage-deflate; server_max_window_bits=12', { serverMaxWindowBits: 11 }],
    ['permessage-deflate', { serverMaxWindowBits: 11 }],
    ['permessage-deflate; client_no_context_takeover', { clientNoContextTakeover: false }],
  ] as const) {
    assert.equal(judged(header, preferences), 'failed', header);
  }
});

test('a client keeps what it announced, whether or not the server repeats it', () => {
  assert.equal(
    judged('permessage-deflate', { clientNoContextTakeover: true, clientMaxWindowBits: 10 }),
    'permessage-deflate; client_no_context_takeover; client_max_window_bits=10',
  );
  assert.equal(
    judged('permessage-deflate; client_max_window_bits=8', { clientMaxWindowBits: 10 }),
    'permessage-deflate; client_max_window_bits=8',
  );
});

test('what a client offers, a server accepts, and the client accepts the answer: both see the same', () => {
  const bits = fc.option(fc.integer({ min: 8, max: 15 }), { nil: undefined });
  const flag = fc.constantFrom(true, undefined);
  const preferences = fc.record({
    serverNoContextTakeover: flag,
    clientNoContextTakeover: flag,
    serverMaxWindowBits: bits,
    clientMaxWindowBits: bits,
  });
  fc.assert(
    fc.property(preferences, preferences, (client, server) => {
      const offers = parseExtensions(formatDeflateParameters(deflateOffer(client)))!;
      const verdict = acceptDeflateOffer(offers, server);
      if (verdict.kind !== 'agreed') {
        assert.equal(verdict.kind, 'declined');
        return;
      }
      const answer = parseExtensions(formatDeflateParameters(verdict.parameters))!;
      const agreed = checkDeflateAnswer(answer, client);
      assert.ok(agreed !== undefined);
      const atClient = deflateDirections(agreed, 'client');
      const atServer = deflateDirections(verdict.parameters, 'server');
      assert.deepEqual(atClient.incoming, atServer.outgoing);
      // A client may do with less than it was allowed, never with more.
      assert.ok(atClient.outgoing.windowBits <= atServer.incoming.windowBits);
      assert.ok(!atClient.outgoing.keepsContext || atServer.incoming.keepsContext);
    }),
  );
});

/** A client's parser and what it tells. */
function parserOf(acceptsCompressed: boolean): { parser: FrameParser; lines: string[] } {
  const lines: string[] = [];
  const tell =
    (what: string) =>
    (octets: Octets, start: number, end: number): void => {
      lines.push(`${what} ${octets.subarray(start, end).join(',')}`);
    };
  const sink: FrameSink = {
    onText: tell('text'),
    onBinary: tell('binary'),
    onCompressed: (octets, start, end, isText) =>
      tell(isText ? 'compressed text' : 'compressed binary')(octets, start, end),
    onPing: tell('ping'),
    onPong: tell('pong'),
    onClose: () => lines.push('close'),
    onViolation: ({ closeCode, code }) => lines.push(`${closeCode} ${code}`),
  };
  const options = { role: 'client', maxMessageBytes: 100, maxFragmentCount: 10 } as const;
  return { parser: new FrameParser(sink, { ...options, acceptsCompressed }), lines };
}

/** What is told of frames, which is the same when they come octet by octet. */
function told(frames: readonly number[], acceptsCompressed = true): string[] {
  const whole = parserOf(acceptsCompressed);
  whole.parser.parse(Uint8Array.from(frames));
  const byOctet = parserOf(acceptsCompressed);
  for (const octet of frames) byOctet.parser.parse(Uint8Array.of(octet));
  assert.deepEqual(byOctet.lines, whole.lines);
  return whole.lines;
}

test('RFC 7692 §6: RSV1 in the first frame makes a compressed message, whole or in fragments', () => {
  assert.deepEqual(told([0xc1, 1, 7, 0x81, 1, 65]), ['compressed text 7', 'text 65']);
  assert.deepEqual(told([0xc2, 0, 0x82, 1, 8]), ['compressed binary ', 'binary 8']);
  assert.deepEqual(told([0x41, 1, 1, 0x89, 1, 9, 0x00, 0, 0x80, 2, 2, 3, 0x81, 1, 66]), [
    'ping 9',
    'compressed text 1,2,3',
    'text 66',
  ]);
});

test('[hardening 12] RSV1 in a continuation, in a control frame or without an agreement is 1002', () => {
  const refused = '1002 WS_ERR_UNEXPECTED_RSV_1';
  for (const first of [0xc8, 0xc9, 0xca]) assert.deepEqual(told([first, 0]), [refused]);
  assert.deepEqual(told([0x41, 1, 1, 0xc0, 1, 2]), [refused]);
  assert.deepEqual(told([0x01, 1, 65, 0xc0, 1, 2]), [refused]);
  assert.deepEqual(told([0xc1, 1, 7], false), [refused]);
  assert.deepEqual(told([0xe1, 1, 7]), ['1002 WS_ERR_UNEXPECTED_RSV_2_3']);
  assert.deepEqual(told([0x41, 1, 1, 0xc1, 1, 2]), ['1002 WS_ERR_INVALID_OPCODE']);
});

test('compressed text is not taken for text before it is inflated', () => {
  assert.deepEqual(told([0x41, 1, 0xff, 0x80, 1, 0xfe]), ['compressed text 255,254']);
});
