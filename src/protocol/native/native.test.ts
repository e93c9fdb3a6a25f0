/** Proves the codec of the native dialect: total on any input, and bodies carried octet by octet. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeUtf8, encodeUtf8, RequestError } from '../../foundation/index.js';
import {
  decodeClientBinary,
  decodeClientText,
  encodeBinaryBody,
  encodeInlineBody,
  splitBinary,
  type ClientFrame,
  type InvalidFrame,
} from './index.js';

const VALID: readonly string[] = [
  '{"type":"connect","token":"t","heartbeatIntervalMs":1000,"resume":{"sessionId":"s","resumeToken":"r","received":3}}',
  '{"type":"authenticate","id":1,"token":"t"}',
  '{"type":"subscribe","id":2,"destination":"/topic/a","cursor":"e:1","policy":"all","headers":{"a":"b"}}',
  '{"type":"subscribe","destination":"/work/a","acknowledge":true,"maxUnacknowledged":5}',
  '{"type":"acknowledge","id":5,"destination":"/work/a","epoch":"e","offset":7}',
  '{"type":"reject","destination":"/topic/a","subscription":"/topic/*","epoch":"e","offset":7,"cumulative":true}',
  '{"type":"unsubscribe","destination":"/topic/a"}',
  '{"type":"send","id":3,"destination":"/topic/a","body":{"a":[1,2,{"b":null}]},"key":"k","messageId":"m","headers":[["a","b"],["a","c"]]}',
  '{"type":"request","id":4,"destination":"/app/a","contentType":"application/json","body":"\\u00e9\\ud83c\\udf0a"}',
  '{"type":"cancel","id":4}',
  '{"type":"ack","received":10}',
  '{"type":"heartbeat"}',
  '{"type":"disconnect"}',
];

function check(frame: ClientFrame | InvalidFrame): void {
  assert.equal(typeof frame.type, 'string');
  if (frame.type !== 'invalid') return;
  assert.ok(frame.error instanceof RequestError);
  assert.ok(frame.error.message.length < 1_000, 'an error does not echo what it was given');
}

test('every frame of the specification is read', () => {
  for (const text of VALID) {
    const { type } = JSON.parse(text) as { type: string };
    assert.equal(decodeClientText(text).type, type);
    assert.equal(decodeClientBinary(encodeUtf8(`${text}\n`)).type, type);
  }
});

test('decoding never throws: any text, any octets', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.json()), (text) =>
      check(decodeClientText(text)),
    ),
    { numRuns: 1_000 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (octets) => check(decodeClientBinary(octets))),
    { numRuns: 1_000 },
  );
});

test('decoding never throws: valid frames with parts changed, cut out or doubled', () => {
  const mutation = fc.record({
    frame: fc.constantFrom(...VALID),
    at: fc.nat(200),
    cut: fc.nat(12),
    insert: fc.oneof(
      fc.string({ maxLength: 4 }),
      fc.constantFrom('"', '{', '[', '\\', '\n', ',"id":', ':null', '1e999', '-1'),
    ),
  });
  fc.assert(
    fc.property(mutation, ({ frame, at, cut, insert }) => {
      const text = frame.slice(0, at) + insert + frame.slice(at + cut);
      check(decodeClientText(text));
      check(decodeClientBinary(encodeUtf8(text)));
      check(decodeClientBinary(encodeUtf8(`${text}\n${insert}`)));
    }),
    { numRuns: 3_000 },
  );
});

test('decoding never throws: every member of every frame replaced by every kind of value', () => {
  const values = [
    'null',
    'true',
    '0',
    '-1',
    '1.5',
    '1e400',
    '"x"',
    '""',
    '[]',
    '{}',
    '[["a"]]',
    '[["a","b","c"]]',
    '{"a":1}',
    '{"":"x"}',
    `"${'x'.repeat(70_000)}"`,
  ];
  for (const text of VALID) {
    const members = JSON.parse(text) as Record<string, unknown>;
    for (const name of [...Object.keys(members), 'headers', 'key', 'resume']) {
      for (const value of values) {
        const others = Object.entries(members).filter(([one]) => one !== name);
        const written = others.map(([one, its]) => `${JSON.stringify(one)}:${JSON.stringify(its)}`);
        check(decodeClientText(`{${[...written, `${JSON.stringify(name)}:${value}`].join(',')}}`));
      }
    }
  }
});

test('a word about a publication names it whole, whatever its members are', () => {
  const word = fc.record({
    type: fc.constantFrom('acknowledge' as const, 'reject' as const),
    id: fc.option(fc.nat(), { nil: undefined }),
    destination: fc.string(),
    subscription: fc.option(fc.string(), { nil: undefined }),
    epoch: fc.string(),
    offset: fc.maxSafeNat(),
    cumulative: fc.boolean(),
  });
  fc.assert(
    fc.property(word, (frame) => {
      assert.deepEqual(decodeClientText(JSON.stringify(frame)), { ...frame });
    }),
  );
});

test('a window is a whole number from 1, and belongs to a subscription that acknowledges', () => {
  const subscribe = (more: object) =>
    decodeClientText(JSON.stringify({ type: 'subscribe', destination: '/work/a', ...more }));
  const frame = subscribe({ acknowledge: true, maxUnacknowledged: 1 });
  assert.ok(frame.type === 'subscribe' && frame.acknowledge && frame.maxUnacknowledged === 1);
  const plain = subscribe({ acknowledge: false, maxUnacknowledged: null });
  assert.ok(plain.type === 'subscribe' && !plain.acknowledge);
  for (const more of [
    { acknowledge: true, maxUnacknowledged: 0 },
    { acknowledge: true, maxUnacknowledged: 1.5 },
    { acknowledge: false, maxUnacknowledged: 5 },
    { maxUnacknowledged: 5 },
    { acknowledge: 'true' },
  ]) {
    const invalid = subscribe(more);
    assert.ok(invalid.type === 'invalid', JSON.stringify(more));
    assert.equal(invalid.error.code, 'frame/invalid-field');
  }
});

test('the id of a broken frame is told where it can be read', () => {
  const frame = decodeClientText('{"id":7,"type":"subscribe"}');
  assert.ok(frame.type === 'invalid' && frame.id === 7);
  const none = decodeClientText('{"id":"7","type":"subscribe"}');
  assert.ok(none.type === 'invalid' && none.id === undefined);
});

test('[M4] the octets of a JSON body are read as they were written', () => {
  const written = fc.tuple(
    fc.json(),
    fc.string({ unit: fc.constantFrom(' ', '\n', '\t'), maxLength: 3 }),
  );
  fc.assert(
    fc.property(written, fc.boolean(), ([body, space], isFirst) => {
      const member = `"body"${space}:${space}${body}${space}`;
      const rest = '"type":"send","destination":"/topic/a"';
      const frame = decodeClientText(`{${isFirst ? `${member},${rest}` : `${rest},${member}`}}`);
      assert.ok(frame.type === 'send');
      assert.equal(decodeUtf8(frame.body.octets), body.trim());
      assert.deepEqual(frame.body.takeJson(), JSON.parse(body));
      assert.equal(frame.body.takeJson(), undefined, 'taken once');
      assert.equal(frame.body.isInline, true);
    }),
  );
  const none = decodeClientText('{"type":"send","destination":"/topic/a"}');
  assert.ok(none.type === 'send' && decodeUtf8(none.body.octets) === 'null');
});

test('[M4] any octets are carried in a binary message, line feeds and nothing among them', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.string(), (body, key) => {
      const header = encodeUtf8(
        `${JSON.stringify({ type: 'send', destination: '/topic/a', key })}\n`,
      );
      const frame = decodeClientBinary(Uint8Array.from([...header, ...body]));
      assert.ok(frame.type === 'send');
      assert.deepEqual([...frame.body.octets], [...body]);
      assert.deepEqual(
        [frame.body.isInline, frame.body.contentType],
        [false, 'application/octet-stream'],
      );
      const written = splitBinary(encodeBinaryBody({ type: 'publication', key }, body));
      assert.deepEqual([...(written?.body ?? [])], [...body]);
      assert.deepEqual(JSON.parse(decodeUtf8(written?.header ?? body)), {
        type: 'publication',
        key,
      });
    }),
  );
});

test('[M4] a spliced body stands in a frame as it is, and the frame is JSON', () => {
  fc.assert(
    fc.property(fc.json(), fc.string(), (body, key) => {
      const text = decodeUtf8(
        encodeInlineBody({ type: 'publication', key, none: undefined }, encodeUtf8(body)),
      );
      assert.ok(text.endsWith(`"body":${body}}`));
      assert.deepEqual(JSON.parse(text), { type: 'publication', key, body: JSON.parse(body) });
    }),
  );
});
