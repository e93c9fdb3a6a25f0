/** Proves that a mapping whose handler is an HTTP back end behaves as any other, and that the guide to it is true. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { buffer } from 'node:stream/consumers';
import { test, type TestContext } from 'node:test';
import { createServer, type ForwardOptions, type TidewayServer } from 'tideway';
import { Client } from 'tideway/client';
import { folderWith, root, run, serve, start } from './cli-program.js';
import { NativePeer } from './native-peer.js';
import { StompPeer } from './stomp-peer.js';

/** A request that has arrived whole, and how to answer it. */
interface Arrived {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly body: Buffer;
}

/** A back end that answers when the test says so. */
class BackEnd {
  readonly url: string;
  readonly #arrived: Arrived[] = [];
  readonly #waiting: ((arrived: Arrived) => void)[] = [];

  private constructor(url: string) {
    this.url = url;
  }

  static async start(t: TestContext): Promise<BackEnd> {
    const server = createHttpServer((request, response) => {
      void buffer(request).then((body) => backEnd.#take({ request, response, body }));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => {
      server.close();
      server.closeAllConnections();
    });
    const backEnd = new BackEnd(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    return backEnd;
  }

  get arrivedCount(): number {
    return this.#arrived.length;
  }

  next(): Promise<Arrived> {
    const arrived = this.#arrived.shift();
    if (arrived !== undefined) return Promise.resolve(arrived);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #take(arrived: Arrived): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#arrived.push(arrived);
    else waiting(arrived);
  }
}

async function forwarding(
  t: TestContext,
  options: Partial<ForwardOptions> = {},
): Promise<{ server: TidewayServer; peer: NativePeer; backEnd: BackEnd }> {
  const backEnd = await BackEnd.start(t);
  const to: ForwardOptions = { url: backEnd.url, allowPrivate: true, ...options };
  const server = createServer({
    log: false,
    app: { '/orders/{id}': to },
    authenticate: () => Promise.resolve({ name: 'ada', claims: {}, expiresAtMs: undefined }),
  });
  t.after(() => server.close());
  await server.listen({ port: 0 });
  return { server, peer: await NativePeer.open(server.url), backEnd };
}

function json(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
}

test('a request is answered by the back end, which is told who asks, where, and with what', async (t) => {
  const { peer, backEnd, server } = await forwarding(t);
  server.app.map('/orders/{id}', () => assert.fail('the forward comes first'));
  peer.send({
    type: 'request',
    id: 1,
    destination: '/app/orders/17',
    headers: { priority: '9' },
    body: { amount: 1.0 },
  });
  const { request, response, body } = await backEnd.next();
  assert.equal(String(body), '{"amount":1}');
  const { headers } = request;
  assert.equal(headers['content-type'], 'application/json');
  assert.equal(headers['tideway-operation'], 'request');
  assert.equal(headers['tideway-destination'], '/app/orders/17');
  assert.equal(headers['tideway-variables'], 'id=17');
  assert.equal(headers['tideway-user'], 'ada');
  assert.equal(headers['tideway-headers'], 'priority=9');
  assert.equal(headers['tideway-session-id'], (await peer.frame('connected'))['sessionId']);
  response.setHeader('content-type', 'application/json');
  response.end('{"price":1.50}');
  await peer.frame('reply', { id: 1 });
  assert.ok(
    peer.texts.some((text) => text.includes('"body":{"price":1.50}')),
    peer.texts.join(),
  );
});

test('[M3] octets go to the back end and come back unchanged', async (t) => {
  const { server, backEnd } = await forwarding(t);
  const client = new Client({ url: `${server.url?.replace('http', 'ws')}/ws` });
  t.after(() => client.close());
  await client.connect();
  const octets = Uint8Array.from({ length: 256 }, (_, index) => index);
  const reply = client.request('/app/orders/1', octets, { contentType: 'image/x-any' });
  const { request, response, body } = await backEnd.next();
  assert.equal(request.headers['content-type'], 'image/x-any');
  assert.deepEqual(Uint8Array.from(body), octets);
  response.setHeader('content-type', 'image/x-other');
  response.end(body.toReversed());
  const message = await reply;
  assert.equal(message.contentType, 'image/x-other');
  assert.deepEqual(message.body, octets.toReversed());
});

test('[O3] messages of one session come one after another, those of others beside them', async (t) => {
  const { server, peer, backEnd } = await forwarding(t);
  for (const id of [1, 2]) peer.send({ type: 'send', id, destination: `/app/orders/${id}` });
  const first = await backEnd.next();
  assert.equal(first.request.headers['tideway-destination'], '/app/orders/1');
  const other = await NativePeer.open(server.url);
  other.send({ type: 'request', id: 1, destination: '/app/orders/3' });
  const beside = await backEnd.next();
  assert.equal(beside.request.headers['tideway-destination'], '/app/orders/3');
  beside.response.end();
  // An empty answer is nothing.
  assert.equal((await other.frame('reply', { id: 1 }))['body'], null);
  assert.equal(backEnd.arrivedCount, 0);
  first.response.end();
  await peer.frame('receipt', { id: 1 });
  const second = await backEnd.next();
  second.response.statusCode = 204;
  second.response.end();
  await peer.frame('receipt', { id: 2 });
});

test('with parallel concurrency a message does not wait for the one before it', async (t) => {
  const { peer, backEnd } = await forwarding(t, { concurrency: 'parallel' });
  for (const id of [1, 2]) peer.send({ type: 'request', id, destination: `/app/orders/${id}` });
  const both = [await backEnd.next(), await backEnd.next()];
  for (const { response } of both) response.end();
  await Promise.all([peer.frame('reply', { id: 1 }), peer.frame('reply', { id: 2 })]);
});

test('a subscription gets the one answer, and then its end', async (t) => {
  const { peer, backEnd } = await forwarding(t);
  peer.send({ type: 'subscribe', id: 1, destination: '/app/orders/9' });
  const { request, response, body } = await backEnd.next();
  assert.equal(request.headers['tideway-operation'], 'subscribe');
  assert.equal(body.length, 0);
  json(response, 200, { state: 'sent' });
  const message = await peer.frame('publication', { destination: '/app/orders/9' });
  assert.deepEqual(message['body'], { state: 'sent' });
  await peer.frame('ended');
});

test('the answer to a send goes to the topic of the same path, or where the entry says; an empty one nowhere', async (t) => {
  const { server, peer, backEnd } = await forwarding(t);
  server.forward('/carts/{id}', {
    url: backEnd.url,
    allowPrivate: true,
    sendTo: '/topic/all-carts/{id}',
  });
  peer.send({ type: 'subscribe', id: 1, destination: '/topic/**' });
  await peer.frame('subscribed', { id: 1 });
  const send = async (id: number, destination: string, value: unknown) => {
    peer.send({ type: 'send', id, destination });
    const { response } = await backEnd.next();
    if (value === undefined) response.end();
    else json(response, 200, value);
    await peer.frame('receipt', { id });
  };
  await send(2, '/app/orders/7', undefined);
  await send(3, '/app/orders/8', { state: 'sent' });
  await send(4, '/app/carts/9', [1]);
  const second = await peer.frame('publication', { destination: '/topic/all-carts/9' });
  assert.deepEqual(second['body'], [1]);
  const first = await peer.frame('publication', { destination: '/topic/orders/8' });
  assert.deepEqual(first['body'], { state: 'sent' });
  assert.ok(!peer.frames.some(({ destination }) => destination === '/topic/orders/7'));
});

test('errors of the back end reach the caller by their code, failures by no more than that', async (t) => {
  const { peer, backEnd } = await forwarding(t);
  const ask = async (id: number, answer: (response: ServerResponse) => void) => {
    peer.send({ type: 'request', id, destination: '/app/orders/1' });
    answer((await backEnd.next()).response);
    const { code, number, message } = await peer.frame('error', { id });
    return { code, number, message };
  };
  const soldOut = { error: { code: 'orders/sold-out', message: 'none left' } };
  assert.deepEqual(await ask(1, (response) => json(response, 409, soldOut)), {
    code: 'orders/sold-out',
    number: 499,
    message: 'none left',
  });
  const failed = { code: 'forward/failed', number: 520 };
  const words = 'the back end of this destination failed; try again';
  const traced = await ask(2, (response) => json(response, 500, { trace: 'at secret.py:3' }));
  assert.deepEqual(traced, { ...failed, message: words });
  const cut = await ask(3, (response) => response.socket?.destroy());
  assert.deepEqual(cut, { ...failed, message: words });
});

test('a request that is cancelled ends its exchange, also when its session ends; a send goes on', async (t) => {
  const { server, peer, backEnd } = await forwarding(t);
  peer.send({ type: 'request', id: 1, destination: '/app/orders/1' });
  const cancelled = await backEnd.next();
  const hungUp = once(cancelled.response, 'close');
  peer.send({ type: 'cancel', id: 1 });
  assert.equal((await peer.frame('error', { id: 1 }))['code'], 'request/cancelled');
  await hungUp;

  const leaver = await NativePeer.open(server.url);
  leaver.send({ type: 'request', id: 1, destination: '/app/orders/2' });
  const left = await backEnd.next();
  const closed = once(left.response, 'close');
  leaver.socket.terminate();
  await closed;
  assert.equal(left.response.writableFinished, false);

  const sender = await NativePeer.open(server.url);
  sender.send({ type: 'send', id: 1, destination: '/app/orders/3' });
  const sent = await backEnd.next();
  const gone = once(sender.socket, 'close');
  sender.socket.terminate();
  await gone;
  // The server has seen the end when its session is gone: another one's answer comes after that.
  peer.send({ type: 'request', id: 2, destination: '/app/orders/4' });
  (await backEnd.next()).response.end();
  await peer.frame('reply', { id: 2 });
  assert.equal(server.sessionCount, 1);
  const finished = once(sent.response, 'finish');
  sent.response.end();
  await finished;
});

test('who unsubscribes before the back end has answered ends the exchange, and goes on', async (t) => {
  const { server, peer, backEnd } = await forwarding(t);
  peer.send({ type: 'subscribe', id: 1, destination: '/app/orders/1' });
  const cancelled = await backEnd.next();
  const hungUp = once(cancelled.response, 'close');
  peer.send({ type: 'unsubscribe', id: 2, destination: '/app/orders/1' });
  await hungUp;
  assert.equal((await peer.frame('error', { id: 1 }))['code'], 'subscription/ended');

  const stomp = await StompPeer.open(server.url);
  t.after(() => stomp.close());
  stomp.say('SUBSCRIBE', { id: 's', destination: '/app/orders/2' });
  const left = await backEnd.next();
  const closed = once(left.response, 'close');
  stomp.say('UNSUBSCRIBE', { id: 's', receipt: 'gone' });
  await stomp.frame('RECEIPT', { 'receipt-id': 'gone' });
  await closed;
  await stomp.settled();
});

test('a server that closes waits for no back end', async (t) => {
  const { server, peer, backEnd } = await forwarding(t);
  peer.send({ type: 'send', id: 1, destination: '/app/orders/1' });
  const { response } = await backEnd.next();
  const hungUp = once(response, 'close');
  await Promise.all([server.close(), hungUp]);
});

test('forwards that cannot be meant end the command with their place, or throw where they are made', async (t) => {
  const files = {
    'address.yaml': 'port: 1\napp:\n  /orders/**: { url: "http://127.1/" }\n',
    'pattern.yaml': 'app:\n  orders: { url: "https://example.com/" }\n',
    'header.yaml': 'app: { /a: { url: "https://example.com/", headers: { Host: hunter2 } } }\n',
  };
  const folder = folderWith(t, files);
  const told = async (file: string): Promise<string> => {
    const { code, stderr } = await run(t, ['serve', '--config', file], { cwd: folder });
    assert.equal(code, 2, stderr);
    return stderr;
  };
  const [ofAddress = '', ofPattern = '', ofHeader = ''] = await Promise.all(
    Object.keys(files).map(told),
  );
  assert.match(ofAddress, /address\.yaml:3: app\."\/orders\/\*\*": url: .*allowPrivate/);
  assert.match(ofPattern, /pattern\.yaml:2: app\.orders: .*is not a pattern/);
  assert.match(ofHeader, /header\.yaml:1: app\."\/a": the header Host is the forwarder's own/);
  assert.doesNotMatch(ofHeader, /hunter2/);
  assert.throws(() => createServer({ app: { '/a': { url: 'http://[::1]/' } } }), /allowPrivate/);
  assert.throws(() => createServer().forward('/a*', { url: 'https://example.com/' }), {
    code: 'destination/invalid',
  });
});

test('a module and forwards stand beside each other', async (t) => {
  const backEnd = await BackEnd.start(t);
  const folder = folderWith(t, {
    'app.js': `export const configure = ({ app }) => app.map('/here', () => 'here');`,
    'tideway.yaml': `app:\n  module: ./app.js\n  /there: { url: "${backEnd.url}", allowPrivate: true }\n`,
  });
  const server = await serve(t, ['--config', join(folder, 'tideway.yaml')]);
  assert.match(server.stdout.text, /App +\S*app\.js\n +Forward +\/app\/there → http:\/\/127/);
  const here = await run(t, ['request', '/app/here', 'null', '--url', server.url]);
  assert.equal(here.stdout, '"here"');
  const asking = start(t, ['request', '/app/there', 'null', '--url', server.url]);
  json((await backEnd.next()).response, 200, 'there');
  assert.equal((await asking.ended).stdout, '"there"');
});

const GUIDE = readFileSync(join(root, 'docs/guides/handlers-elsewhere.md'), 'utf8');

/** The programs of the guide by the name in their first line. */
const programs = new Map(
  [...GUIDE.matchAll(/```\w+\n((?:#|\/\/) (\S+)\n[\s\S]*?)```/g)].map(
    ([, text = '', name = '']) => [name, text] as const,
  ),
);
const hasPython = spawnSync('python3', ['--version']).status === 0;

for (const [name, command] of [
  ['orders.py', 'python3'],
  ['orders.js', process.execPath],
] as const) {
  const skip = name === 'orders.py' && !hasPython ? 'python3 is not installed' : false;

  test(`the guide's ${name} does what the guide says`, { skip }, async (t) => {
    const config = programs.get('tideway.yaml') ?? assert.fail();
    const folder = folderWith(t, {
      [name]: programs.get(name) ?? assert.fail(),
      'forward-secret.txt': `${'s'.repeat(64)}\n`,
    });
    const child = spawn(command, [name], {
      cwd: folder,
      env: { ...process.env, PORT: '0' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    t.after(async () => {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    });
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
    const [, port = ''] = /^listening on (\d+)$/.exec(line) ?? assert.fail(line);
    const settings = folderWith(t, {
      'tideway.yaml': config.replace(':9000/', `:${port}/`),
      'forward-secret.txt': 's'.repeat(64),
    });
    const { url } = await serve(t, ['--config', join(settings, 'tideway.yaml')]);
    const ask = (destination: string) =>
      run(t, ['request', destination, '{"amount":2}', '--url', url]);
    const first = await ask('/app/orders/apples');
    assert.deepEqual(JSON.parse(first.stdout), { product: 'apples', left: 1, for: 'somebody' });
    assert.ok(GUIDE.includes(`prints \`${first.stdout}\``), first.stdout);
    const second = await ask('/app/orders/apples');
    assert.equal(second.stderr, 'error: only 1 left (orders/sold-out)');
    assert.ok(GUIDE.includes(`ends with \`${second.stderr}\``));
    const forged = await fetch(`http://127.0.0.1:${port}/orders`, {
      method: 'POST',
      headers: {
        'tideway-timestamp': String(Math.floor(Date.now() / 1000)),
        'tideway-variables': 'product=apples',
        'tideway-signature': `v1=${'0'.repeat(64)}`,
      },
      body: '{"amount":1}',
    });
    assert.equal(forged.status, 401);
  });
}

test('the embedded example of the guide runs as written', async (t) => {
  const program = [...GUIDE.matchAll(/```js\n([\s\S]*?)```/g)].at(-1)?.[1] ?? assert.fail();
  const folder = folderWith(t, { 'embedded.js': `${program}\nconsole.log(server.address);\n` });
  const child = spawn(process.execPath, [join(folder, 'embedded.js')], {
    env: { ...process.env, SECRET: 's'.repeat(32) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [said, [code]] = await Promise.all([buffer(child.stdout), once(child, 'exit')]);
  assert.deepEqual([String(said), code], ['undefined\n', 0]);
});
