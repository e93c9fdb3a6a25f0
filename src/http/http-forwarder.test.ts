/** Proves what a forwarded message is on the wire, what answers mean, and that time, places and addresses are bounded. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createServer as createTcpServer, type AddressInfo, type Server } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { test, type TestContext } from 'node:test';
import { generate } from 'selfsigned';
import { Cancellation, encodeUtf8, MemoryMetrics, RequestError } from '../foundation/index.js';
import type { Log, LogFields } from '../foundation/index.js';
import { Message } from '../message/index.js';
import type { ForwardedMessage } from '../mounts/app/index.js';
import { VirtualTime } from '../testing/index.js';
import { HttpForwarder, type ForwardEnvironment } from './http-forwarder.js';
import type { ForwardOptions } from './forward-options.js';
import { SIGNED_HEADERS } from './forward-request.js';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const NOW_MS = 1_700_000_000_500;

async function listening(t: TestContext, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => new Promise<void>((resolve) => server.close(() => resolve())));
  return (server.address() as AddressInfo).port;
}

async function backEnd(t: TestContext, answer: Answer): Promise<string> {
  const server = createServer(answer);
  t.after(() => server.closeAllConnections());
  return `http://127.0.0.1:${await listening(t, server)}/hook`;
}

interface Rig {
  readonly forwarder: HttpForwarder;
  readonly time: VirtualTime;
  readonly metrics: MemoryMetrics;
  readonly warnings: LogFields[];
}

function rig(
  t: TestContext,
  options: ForwardOptions,
  environment: Partial<ForwardEnvironment> = {},
): Rig {
  const time = new VirtualTime(NOW_MS);
  const metrics = new MemoryMetrics();
  const warnings: LogFields[] = [];
  const ignore = (): void => {};
  const warn = (_message: string, fields: LogFields = {}): void => void warnings.push(fields);
  const log: Log = { debug: ignore, info: ignore, warn, error: ignore };
  const forwarder = new HttpForwarder(
    { allowPrivate: true, ...options },
    { time, metrics, log, maxMessageBytes: 1_000, ...environment },
  );
  t.after(() => forwarder.close());
  return { forwarder, time, metrics, warnings };
}

function messageOf(fields: Partial<ForwardedMessage> = {}): ForwardedMessage {
  return {
    operation: 'request',
    destination: '/app/orders/17',
    variables: new Map(),
    message: Message.fromJson({ amount: 3 }),
    principalName: undefined,
    sessionId: undefined,
    ...fields,
  };
}

const codeOf = (code: string) => (error: unknown) => {
  assert.ok(error instanceof RequestError, String(error));
  assert.equal(error.code, code);
  return true;
};

test('a message is one POST: the octets as they are, the rest in headers that any language reads', async (t) => {
  const octets = Uint8Array.from({ length: 256 }, (_, index) => index);
  const seen: IncomingMessage[] = [];
  const bodies: Buffer[] = [];
  const url = await backEnd(t, (request, response) => {
    void buffer(request).then((body) => {
      seen.push(request);
      bodies.push(body);
      response.setHeader('content-type', 'image/x-nothing');
      response.end(body);
    });
  });
  const { forwarder, metrics } = rig(t, { url, headers: { authorization: 'Bearer back-end-key' } });
  const answer = await forwarder.forward(
    messageOf({
      destination: '/app/rooms/Bär & Ö/100%',
      variables: new Map([
        ['room', 'Bär & Ö'],
        ['part', '100%'],
      ]),
      message: new Message(octets, 'application/octet-stream', [
        ['priority', '9'],
        ['note', 'a=b&c\r\ntideway-user: root'],
        ['priority', '1'],
      ]),
      principalName: 'ada\r\nx: y',
      sessionId: 's-1',
    }),
    undefined,
  );
  assert.deepEqual(answer?.body, octets);
  assert.equal(answer.contentType, 'image/x-nothing');
  const [request] = seen;
  assert.ok(request !== undefined);
  assert.deepEqual(Uint8Array.from(bodies[0] ?? []), octets);
  const { method, url: path, headers } = request;
  assert.deepEqual([method, path], ['POST', '/hook']);
  assert.equal(headers['content-type'], 'application/octet-stream');
  assert.equal(headers['content-length'], '256');
  assert.equal(headers['authorization'], 'Bearer back-end-key');
  assert.equal(headers['tideway-operation'], 'request');
  assert.equal(headers['tideway-timestamp'], '1700000000');
  assert.equal(headers['tideway-session-id'], 's-1');
  assert.equal(
    decodeURIComponent(String(headers['tideway-destination'])),
    '/app/rooms/Bär & Ö/100%',
  );
  assert.equal(headers['tideway-destination'], '/app/rooms/B%C3%A4r%20%26%20%C3%96/100%25');
  assert.equal(decodeURIComponent(String(headers['tideway-user'])), 'ada\r\nx: y');
  assert.equal(headers['x'], undefined);
  const form = (name: string) => [...new URLSearchParams(String(headers[name]))];
  assert.deepEqual(form('tideway-variables'), [
    ['room', 'Bär & Ö'],
    ['part', '100%'],
  ]);
  assert.deepEqual(form('tideway-headers'), [
    ['priority', '9'],
    ['note', 'a=b&c\r\ntideway-user: root'],
    ['priority', '1'],
  ]);
  assert.equal(metrics.value('forwards', { outcome: 'answered' }), 1);
});

test('what is not known is not sent: no user, no session, no variables, and no body of a subscription', async (t) => {
  const heard: string[][] = [];
  const url = await backEnd(t, (request, response) => {
    heard.push(Object.keys(request.headers));
    response.statusCode = 204;
    response.end();
  });
  const { forwarder } = rig(t, { url });
  assert.equal(
    await forwarder.forward(messageOf({ operation: 'subscribe' }), undefined),
    undefined,
  );
  const names = (heard[0] ?? []).filter((name) => /^tideway-|^content-/.test(name));
  assert.deepEqual(names.toSorted(), [
    'content-length',
    'tideway-destination',
    'tideway-operation',
    'tideway-timestamp',
  ]);
});

test('a signature covers the timestamp, every header that Tideway writes, and the body', async (t) => {
  const secret = 'thirty-two octets or more, surely';
  const signed: { input: string; signature: unknown }[] = [];
  const url = await backEnd(t, (request, response) => {
    void buffer(request).then((body) => {
      const values = SIGNED_HEADERS.map((name) => request.headers[name] ?? '');
      const input = [...values, body.toString('latin1')].join('\n');
      signed.push({ input, signature: request.headers['tideway-signature'] });
      response.end();
    });
  });
  const { forwarder } = rig(t, { url, secret });
  const message = Message.fromJson('é');
  for (const principalName of ['ada', 'bob', undefined]) {
    await forwarder.forward(messageOf({ principalName, message }), undefined);
  }
  for (const { input, signature } of signed) {
    const hmac = createHmac('sha256', secret).update(Buffer.from(input, 'latin1'));
    assert.equal(signature, `v1=${hmac.digest('hex')}`);
  }
  assert.equal(new Set(signed.map(({ signature }) => signature)).size, 3);
});

test('2xx is the value, empty is nothing, 4xx is an error of the caller, everything else is none of its business', async (t) => {
  const refusal = (code: string, message: string) => JSON.stringify({ error: { code, message } });
  const cases: readonly (readonly [status: number, body: string, code: string, words: RegExp])[] = [
    [409, refusal('orders/sold-out', 'no more of these'), 'orders/sold-out', /^no more of these$/],
    [422, refusal('access/denied', 'not yours'), 'access/denied', /^not yours$/],
    [400, refusal('app/failed', 'odd'), 'app/failed', /^odd$/],
    [400, refusal('No Code', 'words alone'), 'forward/refused', /^words alone$/],
    [404, '<html>not found</html>', 'forward/refused', /HTTP 404/],
    [400, '{"error":{"code":17,"message":{}}}', 'forward/refused', /HTTP 400/],
    [400, refusal('a/b', 'x'.repeat(20_000)), 'forward/refused', /HTTP 400/],
    [400, refusal(`a/${'b'.repeat(80)}`, 'y'.repeat(5_000)), 'forward/refused', /^y{1000}$/],
    [429, '', 'app/busy', /no more for now/],
    [302, 'secret words', 'forward/failed', /^the back end of this destination failed; try again$/],
    [500, 'secret words', 'forward/failed', /^the back end of this destination failed; try again$/],
    [503, '', 'forward/failed', /try again$/],
  ];
  let next: (typeof cases)[number] | undefined;
  const url = await backEnd(t, (_request, response) => {
    response.writeHead(next?.[0] ?? 200, { location: 'http://127.0.0.1:1/elsewhere' });
    response.end(next?.[1]);
  });
  const { forwarder } = rig(t, { url });
  for (const entry of cases) {
    next = entry;
    const [status, , code, words] = entry;
    await assert.rejects(forwarder.forward(messageOf(), undefined), (error) => {
      assert.ok(codeOf(code)(error) && error instanceof RequestError);
      assert.match(error.message, words);
      assert.equal(error.number >= 500, status >= 500 || status === 302 || status === 429, code);
      return true;
    });
  }
  next = undefined;
  assert.equal(await forwarder.forward(messageOf(), undefined), undefined);
});

test('an answer is bounded, whether it says its length or not, and nothing is inflated', async (t) => {
  let answer: Answer = () => {};
  const url = await backEnd(t, (request, response) => answer(request, response));
  const { forwarder, warnings } = rig(t, { url });
  const outcome = () => forwarder.forward(messageOf(), undefined);
  answer = (_request, response) => void response.end('x'.repeat(1_000));
  assert.equal((await outcome())?.body.length, 1_000);
  answer = (_request, response) => void response.end('x'.repeat(1_001));
  await assert.rejects(outcome(), codeOf('forward/failed'));
  answer = (_request, response) => {
    // For ever, if nobody hangs up; others get their turn between.
    const more = (): void => {
      if (response.destroyed) return;
      response.write('x'.repeat(400));
      setImmediate(more);
    };
    more();
  };
  await assert.rejects(outcome(), codeOf('forward/failed'));
  assert.match(String(warnings.at(-1)?.['error']), /more than 1000 octets/);
  answer = (_request, response) => {
    response.setHeader('content-encoding', 'gzip');
    response.end('x');
  };
  await assert.rejects(outcome(), codeOf('forward/failed'));
  assert.match(String(warnings.at(-1)?.['error']), /encoded as gzip/);
  answer = (_request, response) => {
    response.setHeader('content-length', 10);
    response.write('half');
    response.socket?.end();
  };
  await assert.rejects(outcome(), codeOf('forward/failed'));
  answer = (_request, response) => {
    response.setHeader('upgrade', 'else');
    response.writeHead(101);
    response.flushHeaders();
  };
  await assert.rejects(outcome(), codeOf('forward/failed'));
});

test('a back end that refuses the connection, or hangs up, has failed; the log knows more than the caller', async (t) => {
  const closed = createTcpServer();
  const port = await listening(t, closed);
  const hangingUp = createTcpServer((socket) => socket.destroy());
  const hangUpPort = await listening(t, hangingUp);
  await new Promise<void>((resolve) => closed.close(() => resolve()));
  for (const [at, why] of [
    [port, /ECONNREFUSED/],
    [hangUpPort, /ECONNRESET|hang up/],
  ] as const) {
    const { forwarder, warnings, metrics } = rig(t, { url: `http://127.0.0.1:${at}/?key=secret` });
    await assert.rejects(forwarder.forward(messageOf(), undefined), (error) => {
      assert.ok(error instanceof RequestError);
      assert.doesNotMatch(error.message, /127|ECONN/);
      return codeOf('forward/failed')(error);
    });
    assert.match(String(warnings[0]?.['error']), why);
    assert.equal(warnings[0]?.['backEnd'], `http://127.0.0.1:${at}/`);
    assert.equal(metrics.value('forwards', { outcome: 'failed' }), 1);
  }
});

test('the time runs from the turn to the last octet, in the line too', async (t) => {
  const seen: ServerResponse[] = [];
  let told = (): void => {};
  const url = await backEnd(t, (_request, response) => {
    response.write('x');
    seen.push(response);
    told();
  });
  const { forwarder, time, metrics } = rig(t, { url, timeoutMs: 500, maxConcurrency: 1 });
  const arrived = new Promise<void>((resolve) => (told = resolve));
  const first = assert.rejects(
    forwarder.forward(messageOf(), undefined),
    codeOf('forward/timeout'),
  );
  await arrived;
  time.advance(499);
  const second = assert.rejects(
    forwarder.forward(messageOf(), undefined),
    codeOf('forward/timeout'),
  );
  const hungUp = once(seen[0] ?? assert.fail(), 'close');
  const next = new Promise<void>((resolve) => (told = resolve));
  time.advance(1);
  await Promise.all([first, hungUp, next]);
  time.advance(499);
  await second;
  assert.equal(metrics.value('forwards', { outcome: 'timeout' }), 2);
  assert.equal(time.pendingTimerCount, 0);
});

test('so many run at a time, so many wait in their order, and one more is refused', async (t) => {
  const waiting: { body: string; response: ServerResponse }[] = [];
  let told = (): void => {};
  const url = await backEnd(t, (request, response) => {
    void buffer(request).then((body) => {
      waiting.push({ body: String(body), response });
      told();
    });
  });
  const { forwarder, metrics } = rig(t, { url, maxConcurrency: 2, maxWaitingCount: 2 });
  const done: number[] = [];
  const send = (number: number, cancellation?: Cancellation) =>
    forwarder
      .forward(messageOf({ message: Message.fromJson(number) }), cancellation)
      .then(() => done.push(number));
  const arrival = () => new Promise<void>((resolve) => (told = resolve));
  const two = (async () => {
    await arrival();
    await arrival();
  })();
  const gone = new Cancellation();
  const sent = [send(1), send(2), send(3, gone), send(4)];
  const cancelled = assert.rejects(sent[2] ?? assert.fail(), codeOf('request/cancelled'));
  await assert.rejects(send(5), codeOf('app/busy'));
  await two;
  assert.deepEqual(waiting.map(({ body }) => body).toSorted(), ['1', '2']);
  gone.cancel();
  await cancelled;
  const last = send(6);
  for (const expected of ['4', '6']) {
    const next = arrival();
    waiting.shift()?.response.end();
    await next;
    assert.equal(waiting.at(-1)?.body, expected);
  }
  for (const { response } of waiting) response.end();
  await Promise.all([sent[0], sent[1], sent[3], last]);
  assert.deepEqual(new Set(done), new Set([1, 2, 4, 6]));
  assert.equal(metrics.value('limit_reached', { limit: 'maxWaitingCount' }), 1);
});

test('when nobody waits any more the exchange ends, and so does every exchange when the server closes', async (t) => {
  let told = (_response: ServerResponse): void => {};
  const url = await backEnd(t, (_request, response) => told(response));
  const { forwarder, time } = rig(t, { url });
  const arrival = () => new Promise<ServerResponse>((resolve) => (told = resolve));
  const cancellation = new Cancellation();
  for (const [signal, end, code] of [
    [cancellation, () => cancellation.cancel(), 'request/cancelled'],
    [undefined, () => forwarder.close(), 'forward/failed'],
  ] as const) {
    const arrived = arrival();
    const refused = assert.rejects(forwarder.forward(messageOf(), signal), codeOf(code));
    const hungUp = once(await arrived, 'close');
    end();
    await Promise.all([refused, hungUp]);
  }
  await assert.rejects(forwarder.forward(messageOf(), undefined), codeOf('forward/failed'));
  assert.equal(time.pendingTimerCount, 0);
});

test('connections are kept for the next message, also after a refusal', async (t) => {
  const ports = new Set<number | undefined>();
  let status = 200;
  const url = await backEnd(t, (request, response) => {
    ports.add(request.socket.remotePort);
    response.statusCode = status;
    response.end('{}');
  });
  const { forwarder } = rig(t, { url });
  for (status of [200, 400, 200, 404, 201]) {
    await forwarder.forward(messageOf(), undefined).catch(() => {});
  }
  assert.equal(ports.size, 1);
});

test('a name is judged by what it resolves to at the moment of connecting, not by what it was', async (t) => {
  let count = 0;
  const url = await backEnd(t, (_request, response) => {
    count += 1;
    response.setHeader('connection', 'close');
    response.end('"reached"');
  });
  const { port } = new URL(url);
  // Rebinding: another address each time somebody asks.
  const answers = ['169.254.169.254', '127.0.0.1', '::ffff:169.254.169.254', '0.0.0.0'];
  const asked: string[] = [];
  const resolve = (hostname: string): Promise<readonly string[]> => {
    asked.push(hostname);
    return Promise.resolve([answers.shift() ?? '240.0.0.1']);
  };
  const named = `http://back.example:${port}/`;
  const { forwarder, warnings, metrics } = rig(t, { url: named }, { resolve });
  const outcome = () => forwarder.forward(messageOf(), undefined);
  await assert.rejects(outcome(), codeOf('forward/refused-address'));
  assert.equal((await outcome())?.text(), '"reached"');
  for (let attempt = 0; attempt < 3; attempt++) {
    await assert.rejects(outcome(), codeOf('forward/refused-address'));
  }
  assert.deepEqual(
    asked,
    Array.from({ length: 5 }, () => 'back.example'),
  );
  assert.equal(count, 1);
  assert.match(String(warnings[0]?.['error']), /169\.254\.169\.254/);
  assert.equal(metrics.value('forwards', { outcome: 'failed' }), 4);

  const strict = rig(
    t,
    { url: named, allowPrivate: false },
    { resolve: () => Promise.resolve(['127.0.0.1']) },
  );
  await assert.rejects(strict.forwarder.forward(messageOf(), undefined), (error) => {
    assert.ok(error instanceof RequestError);
    assert.doesNotMatch(error.message, /127|allowPrivate/);
    return codeOf('forward/refused-address')(error);
  });
  const unknown = rig(t, { url: named }, { resolve: () => Promise.reject(new Error('ENOTFOUND')) });
  await assert.rejects(unknown.forwarder.forward(messageOf(), undefined), codeOf('forward/failed'));
  assert.equal(count, 1);
});

test('a literal address is refused at the start, however it is spelled', (t) => {
  const spelled = [
    'http://127.0.0.1/',
    'http://127.1/',
    'http://0x7f.1/',
    'http://2130706433/',
    'http://017700000001/',
    'http://①②⑦.0.0.1/',
    'http://[::1]/',
    'http://[::ffff:127.0.0.1]/',
    'http://[64:ff9b::7f00:1]/',
    'http://[2002:7f00:1::]/',
    'http://10.0.0.1/',
    'http://[fd00::1]/',
  ];
  for (const url of spelled) {
    assert.throws(() => rig(t, { url, allowPrivate: false }), /allowPrivate: true/, url);
  }
  for (const url of ['http://169.254.169.254/', 'http://0/', 'http://[fe80::1]/', 'http://[::]/']) {
    assert.throws(() => rig(t, { url }), /never forwarded to/, url);
  }
});

test('options that cannot be meant are told by name, and no value of a header is', (t) => {
  const url = 'https://example.com/';
  const cases: readonly (readonly [options: object, words: RegExp])[] = [
    [{ url: 'orders' }, /url is none/],
    [{ url: 'ftp://example.com/' }, /https: or http:, not with ftp:/],
    [{ url: 'https://ada:secret@example.com/' }, /user or a password/],
    [{ url, timeoutMs: 0 }, /timeoutMs must be a whole number from 1/],
    [{ url, timeoutMs: 3e9 }, /timeoutMs/],
    [{ url, maxConcurrency: 0.5 }, /maxConcurrency/],
    [{ url, maxWaitingCount: -1 }, /maxWaitingCount/],
    [{ url, allowPrivate: 'false' }, /allowPrivate is true or false/],
    [{ url, secret: 'short' }, /fewer than 32 octets/],
    [{ url, headers: { Host: 'other' } }, /Host is the forwarder's own/],
    [{ url, headers: { 'Tideway-User': 'root' } }, /Tideway-User is the forwarder's own/],
    [{ url, headers: { 'x y': 'z' } }, /"x y" is no header/],
    [{ url, headers: { x: 'hunter2\r\ny: z' } }, /"x" is no header/],
  ];
  for (const [options, words] of cases) {
    assert.throws(
      () => rig(t, options as ForwardOptions),
      (error) => {
        assert.ok(error instanceof RangeError);
        assert.match(error.message, words);
        return !error.message.includes('hunter2');
      },
    );
  }
});

test('what HTTP cannot carry is refused before anything is sent', async (t) => {
  const url = await backEnd(t, () => assert.fail('it was sent'));
  const { forwarder, metrics } = rig(t, { url });
  const odd = new Message(encodeUtf8('x'), 'text/plain\r\nx: y');
  await assert.rejects(
    forwarder.forward(messageOf({ message: odd }), undefined),
    codeOf('message/invalid'),
  );
  const large = new Message(encodeUtf8('x'), 'text/plain', [['x', 'y'.repeat(8_192)]]);
  await assert.rejects(
    forwarder.forward(messageOf({ message: large }), undefined),
    codeOf('message/too-large'),
  );
  assert.equal(metrics.value('forwards', { outcome: 'refused' }), 2);
});

test('certificates are verified', async (t) => {
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }]);
  const server = createTlsServer({ key, cert }, () => assert.fail('it was sent'));
  const port = await listening(t, server);
  const { forwarder, warnings } = rig(t, { url: `https://localhost:${port}/` });
  await assert.rejects(forwarder.forward(messageOf(), undefined), codeOf('forward/failed'));
  assert.match(String(warnings[0]?.['error']), /self-signed certificate/);
});

test('an answer whose content type no message may have is a failure of the back end', async (t) => {
  const types = [`text/${'x'.repeat(251)}`, 'text/pl\u00e4in'];
  const url = await backEnd(t, (_request, response) => {
    response.setHeader('content-type', types.shift() ?? `text/${'x'.repeat(250)}`);
    response.end('x');
  });
  const { forwarder } = rig(t, { url });
  for (const _ of [1, 2]) {
    await assert.rejects(forwarder.forward(messageOf(), undefined), codeOf('forward/failed'));
  }
  const answer = await forwarder.forward(messageOf(), undefined);
  assert.equal(answer?.contentType.length, 255);
});
