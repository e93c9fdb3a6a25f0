/** Hardening test 26: pages of strangers are refused at the WebSocket door and at the HTTP API. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { createServer } from 'tideway';
import { handshake } from './native-peer.js';

const ALLOWED = 'https://example.com';
const server = createServer({ apiKeys: ['a-key-for-these-tests'], allowedOrigins: [ALLOWED] });
await server.listen({ port: 0 });
const port = server.address?.port ?? 0;
after(() => server.close());

const FOREIGN: readonly (readonly [why: string, origin: string])[] = [
  ['foreign', 'https://evil.example'],
  ['null', 'null'],
  ['empty', ''],
  ['a suffix look-alike', 'https://example.com.evil.example'],
  ['a prefix look-alike', 'https://notexample.com'],
  ['a subdomain', 'https://a.example.com'],
  ['another scheme', 'http://example.com'],
  ['another port', 'https://example.com:8443'],
  ['the default port spelled out', 'https://example.com:443'],
  ['another case', 'https://Example.com'],
  ['a trailing slash', 'https://example.com/'],
  ['with user information', 'https://example.com@evil.example'],
  ['two origins', 'https://example.com, https://evil.example'],
  ['a star', '*'],
  ['its own port, another host', `http://evil.example:${port}`],
  ['loopback, another port', `http://localhost:${port === 1 ? 2 : 1}`],
  ['its own look-alike', `http://localhost:${port}.evil.example`],
];

const OWN: readonly (readonly [why: string, origin: string])[] = [
  ['an allowed origin', ALLOWED],
  ['its own page by name', `http://localhost:${port}`],
  ['its own page by address', `http://127.0.0.1:${port}`],
];

async function post(headers: Readonly<Record<string, string>>): Promise<Response> {
  return fetch(`${server.url}/api/publish`, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Authorization: 'Bearer a-key-for-these-tests',
      ...headers,
    },
    body: '{"destination":"/topic/a"}',
  });
}

for (const [why, origin] of FOREIGN) {
  test(`[hardening 26] [A4] an Origin is refused with 403 at both doors: ${why}`, async () => {
    const { status, text } = await handshake(server.url, { Origin: origin });
    assert.equal(status, 403);
    assert.match(text, /allowedOrigins/);
    const response = await post({ Origin: origin });
    assert.equal(response.status, 403);
    const { error } = (await response.json()) as { error: { code: string } };
    assert.equal(error.code, 'access/denied');
    assert.equal(response.headers.get('access-control-allow-origin'), null);
  });
}

for (const [why, origin] of OWN) {
  test(`[hardening 26] [A4] an Origin passes both doors: ${why}`, async () => {
    assert.equal((await handshake(server.url, { Origin: origin, Cookie: 'a=b' })).status, 101);
    assert.equal((await post({ Origin: origin })).status, 200);
  });
}

test('[hardening 26] [A4] without Origin a request passes, with cookies it does not', async () => {
  assert.equal((await handshake(server.url, {})).status, 101);
  assert.equal((await post({})).status, 200);
  const { status, text } = await handshake(server.url, { Cookie: 'session=1' });
  assert.equal(status, 403);
  assert.match(text, /Origin/);
  assert.equal((await post({ Cookie: 'session=1' })).status, 403);
});

test('[hardening 26] [A4] on loopback a Host header proves nothing', async () => {
  const headers = { Host: 'evil.example', Origin: 'http://evil.example' };
  assert.equal((await handshake(server.url, headers)).status, 403);
});

test('[hardening 26] [A4] a refusal is counted', () => {
  const metrics = server.metrics as unknown as { value(name: string, labels: object): number };
  assert.ok(metrics.value('websocket_handshakes_refused', { code: '403' }) >= FOREIGN.length);
});
