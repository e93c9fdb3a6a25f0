/** Proves messages, publications and cursors. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeUtf8, RequestError } from '../foundation/index.js';
import { formatCursor, isJsonContentType, Message, parseCursor, Publication } from './index.js';

const hasCode = (code: string) => (error: unknown) =>
  error instanceof RequestError && error.code === code;

test('[M1] JSON is parsed lazily, and only when the content type says so', () => {
  const message = new Message(encodeUtf8('{"a":[1]}'), 'application/json; charset=utf-8');
  assert.deepEqual(message.json(), { a: [1] });
  assert.equal(message.json(), message.json(), 'parsed once');
  assert.throws(
    () => new Message(encodeUtf8('1'), 'text/plain').json(),
    hasCode('message/invalid'),
  );
  assert.throws(
    () => new Message(encodeUtf8('{'), 'application/json').json(),
    hasCode('json/invalid'),
  );
  assert.throws(
    () => new Message(Uint8Array.of(0xff), 'application/json').json(),
    hasCode('message/invalid'),
  );
});

test('a body is valid JSON only when type and octets agree', () => {
  const cases: readonly (readonly [text: string, type: string, isValid: boolean])[] = [
    ['1', 'application/json', true],
    ['null', 'application/json', true],
    ['1}', 'application/json', false],
    ['', 'application/json', false],
    ['\ufeff1', 'application/json', false],
    ['1', 'text/plain', false],
    ['['.repeat(200) + ']'.repeat(200), 'application/json', false],
  ];
  for (const [text, type, isValid] of cases) {
    const message = new Message(encodeUtf8(text), type);
    const publication = new Publication(message, { destination: '/topic/a', publishedAtMs: 0 });
    assert.equal(message.isValidJson, isValid, text);
    assert.equal(publication.isValidJson, isValid, text);
  }
});

test('undefined becomes null, and what JSON cannot say is not sent', () => {
  assert.equal(Message.fromJson(undefined).text(), 'null');
  assert.equal(Message.fromJson({ a: undefined, b: NaN }).text(), '{"b":null}');
});

test('of repeated headers the first counts, names as they stand', () => {
  const message = new Message(encodeUtf8(''), 'text/plain', [
    ['a', '1'],
    ['a', '2'],
    ['A', '3'],
  ]);
  assert.equal(message.header('a'), '1');
  assert.equal(message.header('A'), '3');
  assert.equal(message.header('b'), undefined);
});

test('content types of JSON', () => {
  for (const type of ['application/json', 'Application/JSON', 'application/json;charset=utf-8']) {
    assert.ok(isJsonContentType(type));
  }
  for (const type of ['application/json5', 'text/json', 'application/ld+json', '']) {
    assert.ok(!isJsonContentType(type));
  }
});

test('a publication counts all that keeping it costs, its words included', () => {
  const cost = (message: Message, extra: { key?: string; messageId?: string } = {}): number =>
    new Publication(message, { destination: '/topic/a', publishedAtMs: 0, ...extra }).retainedBytes;
  const plain = cost(new Message(encodeUtf8('1'), 'application/json'));
  const long = 'x'.repeat(50_000);
  assert.ok(plain > 200);
  assert.ok(cost(new Message(encodeUtf8('1'), long)) >= plain + long.length);
  assert.ok(cost(new Message(encodeUtf8('1'), 'application/json', [['a', long]])) > plain + 50_000);
  const short = new Message(encodeUtf8('1'), 'application/json');
  assert.ok(cost(short, { key: 'k'.repeat(255), messageId: 'm'.repeat(255) }) >= plain + 510);
});

test('a publication does not keep what its message was parsed to', () => {
  const tree = { large: [] };
  const message = new Message(encodeUtf8('{"large":[]}'), 'application/json', [], tree);
  const publication = new Publication(message, { destination: '/topic/a', publishedAtMs: 0 });
  assert.ok(publication.isValidJson);
  assert.notEqual(publication.json(), tree);
  assert.deepEqual(publication.json(), tree);
});

test('a changed publication differs in what was changed only', () => {
  const fields = {
    destination: '/a',
    epoch: 'e',
    offset: 3,
    publishedAtMs: 9,
    key: 'k',
    messageId: 'm',
  };
  const publication = new Publication(Message.fromJson([1], [['h', 'v']]), fields);
  const moved = Publication.changed(publication, { destination: '/b' });
  const { destination, epoch, offset, publishedAtMs, key, messageId } = moved;
  assert.deepEqual(
    { destination, epoch, offset, publishedAtMs, key, messageId },
    { ...fields, destination: '/b' },
  );
  assert.equal(moved.body, publication.body);
  assert.deepEqual(moved.headers, publication.headers);
});

test('[S5] a cursor reads back; any other text is none and nothing throws', () => {
  const epoch = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/);
  fc.assert(
    fc.property(epoch, fc.maxSafeNat(), (text, offset) => {
      const position = { epoch: text, offset };
      assert.deepEqual(parseCursor(formatCursor(position)), position);
    }),
  );
  const none = [
    '',
    ':',
    'a',
    'a:',
    ':1',
    'a:-1',
    'a:01',
    'a:1.0',
    'a:1e3',
    'a: 1',
    'a:1 ',
    'a:1:2',
    'a b:1',
    'é:1',
    'a:9007199254740992',
    'a:99999999999999999',
    `${'a'.repeat(65)}:1`,
    `a:${'1'.repeat(5_000)}`,
    'a:1\n',
  ];
  for (const text of none) assert.equal(parseCursor(text), undefined, JSON.stringify(text));
  fc.assert(
    fc.property(fc.string(), (text) => {
      const position = parseCursor(text);
      if (position !== undefined) assert.equal(formatCursor(position), text);
    }),
  );
});

test('[M1] a message lets go of what it was parsed to, and stays valid', () => {
  const message = new Message(encodeUtf8('{"a":[1]}'), 'application/json');
  const parsed = message.json();
  message.forgetParsed();
  assert.equal(message.isValidJson, true);
  assert.notEqual(message.json(), parsed);
  assert.deepEqual(message.json(), { a: [1] });
});

test('[E2] what a peer sent is parsed within its bound alone, also where it is published or given other headers', () => {
  const peer = (maxCount: number, known?: { json: undefined }): Message =>
    Message.fromPeer(encodeUtf8('[1,2,3]'), 'application/json', [], maxCount, known);
  const fields = { destination: '/topic/a', publishedAtMs: 0 };
  const tooMany = { code: 'json/too-many-values' };
  for (const message of [
    peer(3),
    peer(3).withHeaders([['a', 'b']]),
    new Publication(peer(3), fields),
  ]) {
    assert.equal(message.isValidJson, false);
    assert.throws(() => message.json(), tooMany);
  }
  for (const message of [peer(4), peer(4).withHeaders([]), new Publication(peer(4), fields)]) {
    assert.equal(message.isValidJson, true);
    assert.deepEqual(message.json(), [1, 2, 3]);
  }
  assert.equal(peer(3, { json: undefined }).isValidJson, true, 'as its sender knows');
});
