/** Proves the opening handshake of RFC 6455 §4 for both roles, and that its parsers are total. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseExtensions } from './header-grammar.js';
import {
  acceptKey,
  checkUpgradeRequest,
  checkUpgradeResponse,
  collectHeaders,
  type AcceptedUpgrade,
  type RefusedUpgrade,
} from './opening-handshake.js';

const sha1 = (text: string): string => createHash('sha1').update(text).digest('base64');
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

const GOOD: readonly (readonly [string, string])[] = [
  ['Host', 'server.example.com'],
  ['Upgrade', 'websocket'],
  ['Connection', 'Upgrade'],
  ['Sec-WebSocket-Key', KEY],
  ['Sec-WebSocket-Version', '13'],
];

type Fields = Readonly<Record<string, string | readonly string[]>>;

/** Judges the good request with some fields changed; an empty list leaves one out. */
function judge(changes: Fields = {}, method = 'GET', minor = 1): AcceptedUpgrade | RefusedUpgrade {
  const fields = new Map<string, readonly string[]>(GOOD.map(([name, value]) => [name, [value]]));
  for (const [name, value] of Object.entries(changes)) {
    fields.set(name, typeof value === 'string' ? [value] : value);
  }
  const raw = [...fields].flatMap(([name, values]) => values.flatMap((value) => [name, value]));
  const headers = collectHeaders(raw);
  return checkUpgradeRequest({ method, httpVersionMajor: 1, httpVersionMinor: minor, headers });
}

function statusOf(changes: Fields, method?: string, minor?: number): number {
  const judged = judge(changes, method, minor);
  return judged.isAccepted ? 101 : judged.status;
}

test('§1.3: the accept value of the example key is that of the RFC', () => {
  assert.equal(acceptKey(KEY, sha1), 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
});

test('§4.2.1: a good request is accepted, names and tokens in any case', () => {
  assert.equal(statusOf({}), 101);
  assert.equal(statusOf({ Upgrade: 'WebSocket', Connection: 'keep-alive, UPGRADE' }), 101);
  assert.equal(statusOf({ Connection: ['keep-alive', 'upgrade'] }), 101);
});

test('§4.2.1: what a request must have is refused when it is missing, wrong or repeated', () => {
  assert.equal(statusOf({}, 'POST'), 405);
  assert.equal(statusOf({}, 'GET', 0), 400);
  const refused: readonly Fields[] = [
    { Host: [] },
    { Host: ['a', 'b'] },
    { Upgrade: [] },
    { Upgrade: 'WebSocket, foo' },
    { Upgrade: 'h2c' },
    { Connection: [] },
    { Connection: 'keep-alive' },
    { 'Sec-WebSocket-Key': [] },
    { 'Sec-WebSocket-Key': [KEY, KEY] },
    { 'Sec-WebSocket-Key': '' },
    { 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ' },
    { 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ=A' },
    { 'Sec-WebSocket-Key': 'dGhlIHNhbXBs*SBub25jZQ==' },
    { 'Sec-WebSocket-Version': ['13', '13'] },
    { Origin: ['http://a', 'http://b'] },
    { 'Content-Length': '3' },
    { 'Transfer-Encoding': 'chunked' },
  ];
  for (const changes of refused) assert.equal(statusOf(changes), 400, JSON.stringify(changes));
});

test('§4.4: another version is answered with 426 and the version that is spoken', () => {
  for (const version of ['8', '14', '', '013', '13.0', []]) {
    const judged = judge({ 'Sec-WebSocket-Version': version });
    assert.ok(!judged.isAccepted);
    assert.equal(judged.status, 426);
    assert.equal(judged.headers['Sec-WebSocket-Version'], '13');
  }
});

test('§4.1: subprotocols keep the order of the client; malformed and repeated ones are refused', () => {
  const judged = judge({ 'Sec-WebSocket-Protocol': ['b, a', '__proto__'] });
  assert.ok(judged.isAccepted);
  assert.deepEqual(judged.subprotocols, ['b', 'a', '__proto__']);
  for (const header of ['', ',', 'a,', 'a,,b', 'a b', 'a, a', 'é', '"a"']) {
    assert.equal(statusOf({ 'Sec-WebSocket-Protocol': header }), 400, header);
  }
});

test('§9.1: the extension grammar is read whole, quoted strings and hostile names included', () => {
  assert.deepEqual(parseExtensions('a; x=1; x="2"; y , __proto__;__proto__="q\\r"'), [
    {
      name: 'a',
      parameters: new Map<string, (string | true)[]>([
        ['x', ['1', '2']],
        ['y', [true]],
      ]),
    },
    { name: '__proto__', parameters: new Map([['__proto__', ['qr']]]) },
  ]);
  assert.equal(({} as Record<string, unknown>)['q'], undefined);
  for (const header of [
    '',
    ',',
    'a,',
    'a;',
    'a; x=',
    'a; x="',
    'a; x="\\',
    'a; x=""',
    'a b',
    'a; x="b c"',
    'a=1',
  ]) {
    assert.equal(parseExtensions(header), undefined, header);
    assert.equal(statusOf({ 'Sec-WebSocket-Extensions': header }), 400, header);
  }
});

test('no header makes the handshake throw, and what is accepted is a list of tokens', () => {
  const value = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.string({
      unit: fc.constantFrom('a', ',', ';', ' ', '=', '"', '\\', '\t', '1'),
      maxLength: 30,
    }),
  );
  const names = fc.constantFrom(
    'Host',
    'Upgrade',
    'Connection',
    'Sec-WebSocket-Key',
    'Sec-WebSocket-Version',
    'Sec-WebSocket-Protocol',
    'Sec-WebSocket-Extensions',
    '__proto__',
  );
  fc.assert(
    fc.property(
      fc.dictionary(names, fc.oneof(value, fc.array(value)), { maxKeys: 3 }),
      (changes) => {
        const judged = judge(changes);
        if (judged.isAccepted)
          assert.ok(judged.subprotocols.every((name) => /^[^\s,;"]+$/.test(name)));
        else assert.ok([400, 426].includes(judged.status) && judged.message.length > 0);
      },
    ),
    { numRuns: 300 },
  );
});

const ACCEPT = acceptKey(KEY, sha1);

function agree(changes: Record<string, string | string[]>, subprotocols: string[] = []): string {
  const fields: Record<string, string | string[]> = {
    Upgrade: 'WebSocket',
    Connection: 'upgrade',
    'Sec-WebSocket-Accept': ACCEPT,
    ...changes,
  };
  const raw = Object.entries(fields).flatMap(([name, values]) =>
    [values].flat().flatMap((value) => [name, value]),
  );
  const judged = checkUpgradeResponse(collectHeaders(raw), {
    accept: ACCEPT,
    subprotocols,
    extensionNames: [],
  });
  return judged.isAgreed ? `agreed ${judged.subprotocol}` : judged.message;
}

test('§4.1: a client fails an answer that breaks a rule, and takes one that keeps them', () => {
  assert.equal(agree({}), 'agreed ');
  assert.equal(agree({ 'Sec-WebSocket-Protocol': 'b' }, ['a', 'b']), 'agreed b');
  assert.equal(agree({ Upgrade: 'foo' }), 'Invalid Upgrade header');
  assert.equal(agree({ Upgrade: [] }), 'Invalid Upgrade header');
  assert.equal(agree({ Connection: 'close' }), 'Invalid Connection header');
  assert.equal(agree({ 'Sec-WebSocket-Accept': 'x' }), 'Invalid Sec-WebSocket-Accept header');
  assert.equal(agree({ 'Sec-WebSocket-Accept': [] }), 'Invalid Sec-WebSocket-Accept header');
  const protocol = 'Sec-WebSocket-Protocol';
  assert.equal(agree({}, ['a']), 'Server sent no subprotocol');
  assert.equal(agree({ [protocol]: 'a' }), 'Server sent a subprotocol but none was requested');
  assert.equal(agree({ [protocol]: 'c' }, ['a']), 'Server sent an invalid subprotocol');
  assert.equal(agree({ [protocol]: ['a', 'a'] }, ['a']), 'Server sent an invalid subprotocol');
  assert.match(agree({ 'Sec-WebSocket-Extensions': 'foo' }), /no extension was requested/);
});
