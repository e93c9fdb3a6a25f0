/** Proves the guide from Spring: its programs run as written, against the client that Spring's pages use, and it leaves nothing out. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Client, type IFrame, type IStompSocket } from '@stomp/stompjs';
import { SignJWT } from 'jose';
import { createServer, DEFAULT_LIMITS, Message } from 'tideway';
import { WebSocket } from 'tideway/websocket';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const guide = readFileSync(join(root, 'docs/guides/from-spring.md'), 'utf8');
const SECRET = 'a secret of the tests, thirty-two octets or more';

/** The programs of the guide, in a folder below the repository, so that `tideway` is the repository itself. */
function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(root, 'build', 'from-spring-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const [, text = '', name = ''] of guide.matchAll(/```[jt]s\n(\/\/ (\S+)\n[\s\S]*?)```/g)) {
    writeFileSync(join(folder, name), text);
  }
  mkdirSync(join(folder, 'public'));
  writeFileSync(join(folder, 'public/index.html'), '<title>the page</title>');
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  return folder;
}

/** Runs a program of the guide and answers where it listens. */
async function start(t: TestContext, folder: string, file: string): Promise<string> {
  const child = spawn(process.execPath, [file], {
    cwd: folder,
    env: { ...process.env, PORT: '0', TOKEN_SECRET: SECRET },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(async () => {
    if (child.exitCode === null) child.kill('SIGTERM');
    const exitCode: unknown = child.exitCode ?? (await once(child, 'exit'))[0];
    assert.equal(exitCode, 0, 'it ends when it is told to');
  });
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  const url = /^listening at (http:\S+)$/.exec(line)?.[1];
  assert.ok(url !== undefined, line);
  return url;
}

/** stompjs as a page has it, and what it was told by destination. */
class Page {
  readonly client: Client;
  readonly error: Promise<IFrame>;
  readonly #heard = new Map<string, unknown[]>();
  #changed = (): void => {};
  #receiptCount = 0;

  private constructor(brokerURL: string, token: string | undefined) {
    this.client = new Client({
      webSocketFactory: () =>
        new WebSocket(brokerURL, ['v12.stomp', 'v11.stomp']) as unknown as IStompSocket,
      connectHeaders: {
        // Pages that were made for Spring Security send it.
        'X-CSRF-TOKEN': 'of no meaning here',
        ...(token !== undefined && { Authorization: `Bearer ${token}` }),
      },
      reconnectDelay: 0,
    });
    this.error = new Promise((resolve) => (this.client.onStompError = resolve));
  }

  static async open(t: TestContext, url: string, path: string, token?: string): Promise<Page> {
    const page = new Page(`${url.replace('http', 'ws')}${path}`, token);
    t.after(() => page.client.deactivate({ force: true }));
    await new Promise<void>((resolve) => {
      page.client.onConnect = () => resolve();
      page.client.activate();
    });
    return page;
  }

  /** Resolves when the subscription is live. */
  subscribe(...destinations: readonly string[]): Promise<unknown> {
    return Promise.all(
      destinations.map((destination) =>
        this.#receipt((receipt) => {
          const heard: unknown[] = [];
          this.#heard.set(destination, heard);
          const take = ({ body }: { body: string }): void => {
            heard.push(JSON.parse(body));
            this.#changed();
          };
          this.client.subscribe(destination, take, { receipt });
        }),
      ),
    );
  }

  publish(destination: string, body: unknown, headers: Record<string, string> = {}): void {
    this.client.publish({ destination, body: JSON.stringify(body), headers });
  }

  /** Resolves when the handler has settled. */
  settled(destination: string, body: unknown, headers: Record<string, string> = {}): Promise<void> {
    return this.#receipt((receipt) => this.publish(destination, body, { ...headers, receipt }));
  }

  async heard(destination: string, count: number): Promise<unknown[]> {
    const heard = this.#heard.get(destination) ?? [];
    while (heard.length < count) await new Promise<void>((resolve) => (this.#changed = resolve));
    return heard;
  }

  #receipt(ask: (receipt: string) => void): Promise<void> {
    const receipt = `receipt ${++this.#receiptCount}`;
    return new Promise((resolve) => {
      this.client.watchForReceipt(receipt, () => resolve());
      ask(receipt);
    });
  }
}

/** What the greeting does, whoever wrote its back end. */
async function greet(t: TestContext, url: string, name: string): Promise<unknown> {
  const page = await Page.open(t, url, '/gs-guide-websocket');
  await page.subscribe('/topic/greetings');
  const startedAtMs = performance.now();
  page.publish('/app/hello', { name });
  const [greeting] = await page.heard('/topic/greetings', 1);
  assert.ok(performance.now() - startedAtMs >= 990, 'the handler works for a second');
  return greeting;
}

test('the greeting of the guide serves its page and greets, with the name escaped', async (t) => {
  const url = await start(t, folderOf(t), 'server.js');
  const page = await fetch(`${url}/`);
  assert.equal(await page.text(), '<title>the page</title>');
  assert.match(page.headers.get('content-security-policy') ?? '', /jsdelivr/);
  assert.deepEqual(await greet(t, url, '<Ada>'), { content: 'Hello, &#60;Ada&#62;!' });
});

test('the controller of the guide compiles as it stands, and greets', async (t) => {
  const folder = folderOf(t);
  const flags = ['--ignoreConfig', '--target', 'es2022', '--module', 'nodenext', '--strict'];
  flags.push('--types', 'node', '--skipLibCheck');
  const compiled = spawnSync(
    process.execPath,
    [join(root, 'node_modules/typescript/bin/tsc'), ...flags, join(folder, 'greeting.ts')],
    { encoding: 'utf8' },
  );
  assert.equal(compiled.stdout, '');
  const url = await start(t, folder, 'greeting.js');
  assert.deepEqual(await greet(t, url, 'Ada'), { content: 'Hello, Ada!' });
});

function tokenFor(name: string, ...roles: string[]): Promise<string> {
  return new SignJWT({ roles })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(name)
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(SECRET));
}

test('the auction of the guide does what its comments say', async (t) => {
  const url = await start(t, folderOf(t), 'auction.js');
  const open = async (name: string, ...roles: string[]): Promise<Page> =>
    Page.open(t, url, '/stomp', await tokenFor(name, ...roles));
  const [ada, bob] = [await open('ada'), await open('bob')];
  const topics = ['/topic/lots/7/bid', '/topic/lots/7/closed', '/topic/left', '/topic/stats'];
  const own = ['/user/queue/outbid', '/user/queue/errors', '/user/queue/bids'];
  await Promise.all([ada.subscribe(...own), bob.subscribe(...topics, ...own)]);

  await ada.settled('/app/lots/7/bid', { amount: 10 }, { note: 'for my aunt' });
  await bob.settled('/app/lots/7/bid', { amount: 20 });
  await bob.settled('/app/lots/7/bid', { amount: 5 });
  assert.deepEqual(await bob.heard('/topic/lots/7/bid', 2), [
    { amount: 10, by: 'ada', note: 'for my aunt' },
    { amount: 20, by: 'bob', note: null },
  ]);
  assert.deepEqual(await ada.heard('/user/queue/outbid', 1), [{ lot: '7' }]);
  assert.deepEqual(await bob.heard('/user/queue/errors', 1), [{ bid: 'more than 20' }]);
  // Refused by the schema, with nobody for that error, and without a receipt: told all the same.
  ada.publish('/app/lots/7/bid', { amount: 'much' });
  ada.publish('/app/nothing', null);
  const told = (await ada.heard('/user/queue/errors', 2)) as { code: string }[];
  const codes = new Set(told.map(({ code }) => code));
  assert.deepEqual(codes, new Set(['app/invalid-payload', 'app/no-handler']));
  await bob.settled('/app/bids', null);
  assert.deepEqual(await bob.heard('/user/queue/bids', 1), [{ count: 1 }]);
  await bob.subscribe('/app/lots/7');
  assert.deepEqual(await bob.heard('/app/lots/7', 1), [{ amount: 20, by: 'bob' }]);

  const auctioneer = await open('eve', 'AUCTIONEER');
  await auctioneer.settled('/app/lots/7/close', null);
  assert.deepEqual(await bob.heard('/topic/lots/7/closed', 1), [{ amount: 20, by: 'bob' }]);
  const [stats] = (await bob.heard('/topic/stats', 1)) as [Record<string, unknown>];
  assert.ok(Number(stats['started']) >= 2);

  for (const [destination, headers, code] of [
    ['/topic/lots/7/bid', {}, 'access/denied'],
    ['/app/lots/7/close', {}, 'access/denied'],
    ['/app/lots/lot-13/bid', { receipt: 'wanted' }, 'auction/no-such-lot'],
  ] as const) {
    const guest = await open('guest');
    guest.publish(destination, { amount: 1 }, headers);
    assert.equal((await guest.error).headers['tideway-code'], code, destination);
  }
  await ada.client.deactivate();
  const left = await bob.heard('/topic/left', 4);
  assert.deepEqual(left.at(-1), { name: 'ada' });
});

/** What a Spring application may have, each of which the guide has a word for. */
const OF_SPRING = `
  @EnableWebSocketMessageBroker @Controller @MessageMapping @SubscribeMapping @SendTo
  @SendToUser @Payload @Header @Headers @DestinationVariable @MessageExceptionHandler
  @ControllerAdvice @Scheduled @EnableWebSocket @PreAuthorize @Validated @Async @ServerEndpoint
  WebSocketMessageBrokerConfigurer configureMessageBroker registerStompEndpoints
  configureWebSocketTransport configureClientInboundChannel OutboundChannel
  configureMessageConverters configureBrokerChannel addArgumentResolvers addReturnValueHandlers
  enableSimpleBroker enableStompBrokerRelay setApplicationDestinationPrefixes
  setUserDestinationPrefix setPreservePublishOrder setPreserveReceiveOrder setCacheLimit
  setPathMatcher setHeartbeatValue setSelectorHeaderName setUserDestinationBroadcast
  setUserRegistryBroadcast addEndpoint setAllowedOrigins setAllowedOriginPatterns withSockJS
  setHandshakeHandler HandshakeInterceptor setErrorHandler setMessageSizeLimit
  setSendBufferSizeLimit setSendTimeLimit setTimeToFirstMessage addDecoratorFactory
  ChannelInterceptor taskExecutor SimpMessagingTemplate convertAndSendToUser SimpUserRegistry
  SimpMessageHeaderAccessor Principal getSessionAttributes SessionConnectEvent
  SessionConnectedEvent SessionSubscribeEvent SessionUnsubscribeEvent SessionDisconnectEvent
  BrokerAvailabilityEvent simpDestMatchers simpSubscribeDestMatchers simpMessageDestMatchers
  nullDestMatcher WebSocketStompClient WebSocketMessageBrokerStats TextWebSocketHandler
  AuthorizationManager
`;

test('the guide has a word for each annotation and configurer of Spring', () => {
  const names = OF_SPRING.trim().split(/\s+/);
  assert.ok(names.length > 60);
  assert.deepEqual(
    names.filter((name) => !new RegExp(`${name}\\b`).test(guide)),
    [],
  );
});

test('a string reaches a page in quotes, as the guide says, and a text without', async (t) => {
  const server = createServer({ path: '/ws/websocket' });
  server.app.map('/string', { sendTo: '/topic/a' }, () => 'grüezi');
  server.app.map('/text', { sendTo: '/topic/a' }, () => Message.fromText('grüezi'));
  await server.listen({ port: 0 });
  t.after(() => server.close());
  const page = await Page.open(t, server.url ?? '', '/ws/websocket');
  const bodies: string[] = [];
  page.client.subscribe('/topic/a', ({ body }) => bodies.push(body));
  await page.settled('/app/string', null);
  await page.settled('/app/text', null);
  await page.subscribe('/topic/a');
  await server.publish('/topic/a', 0);
  await page.heard('/topic/a', 1);
  assert.deepEqual(bodies.slice(0, 2), ['"grüezi"', 'grüezi']);
});

test('limits, prefixes and members of the server that the guide names are there', async () => {
  const server = createServer();
  const named = (form: RegExp): string[] => [...guide.matchAll(form)].map(([, name = '']) => name);
  const limits = named(/`limits\.(\w+)/g);
  const members = named(/\bserver\.(\w+)\b(?!\.js)/g).filter((name) => name !== 'js');
  assert.ok(limits.length >= 4 && members.length >= 20);
  assert.deepEqual(
    limits.filter((name) => !Object.hasOwn(DEFAULT_LIMITS, name)),
    [],
  );
  assert.deepEqual(
    members.filter((name) => !(name in server)),
    [],
  );
  for (const name of named(/`prefixes\.(\w+)/g)) assert.ok(name in server.prefixes, name);
  await server.close();
});
