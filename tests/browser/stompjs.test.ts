/** Proves that stompjs lives its whole life against the server in Chromium, with heartbeats, acknowledgements, errors and a cut. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { after, before, test, type TestContext } from 'node:test';
import type { Client, IFrame, IMessage } from '@stomp/stompjs';
import type { Browser, Page } from 'playwright-core';
import { createServer, type TidewayServer } from 'tideway';
import { openPage, startChromium, withoutChromium } from './chromium.js';
import { CuttableLink } from './cuttable-link.js';

const skip = withoutChromium;
const BUNDLE = createRequire(import.meta.url).resolve('@stomp/stompjs');
let browser: Browser;

before(async () => {
  if (skip === false) browser = await startChromium();
});
after(() => browser?.close());

/** What the page has: the bundle as a script puts it there. */
interface StompWindow {
  readonly StompJs: { readonly Client: new (config: object) => Client };
  /** The client of a test, while it lives. */
  client: Client;
  readonly heard: string[];
  cursor: string | undefined;
}

/** An empty page with stompjs, behind a link that a test may cut. */
async function openBench(
  t: TestContext,
): Promise<{ page: Page; server: TidewayServer; link: CuttableLink; complaints: string[] }> {
  const link = await CuttableLink.listen();
  t.after(() => link.close());
  const http = createHttpServer((_, response) => {
    response.setHeader('Content-Type', 'text/html').end('<!doctype html><title>bench</title>');
  });
  const topics = { '/topic/**': { historySize: 100 } };
  const server = createServer({ server: http, allowedOrigins: [link.origin], topics });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  t.after(async () => {
    await server.close();
    http.close();
    http.closeAllConnections();
  });
  link.leadTo((http.address() as AddressInfo).port);
  const { page, complaints } = await openPage(t, browser);
  await page.goto(`${link.origin}/`);
  const umd = BUNDLE.replace(/(?:bundles|esm6)[/\\][^/\\]+$/, 'bundles/stomp.umd.js');
  await page.addScriptTag({ content: readFileSync(umd, 'utf8') });
  return { page, server, link, complaints };
}

test(
  'stompjs in Chromium: subscribe, send, acknowledge, transactions, receipts, errors',
  { skip },
  async (t) => {
    const { page, server, complaints } = await openBench(t);
    const outcome = await page.evaluate(async () => {
      const { StompJs } = window as unknown as StompWindow;
      const client = new StompJs.Client({
        brokerURL: `ws://${location.host}/ws`,
        reconnectDelay: 0,
        heartbeatIncoming: 1_000,
        heartbeatOutgoing: 1_000,
      });
      await new Promise<void>((resolve) => {
        client.onConnect = () => resolve();
        client.activate();
      });
      const version = client.connectedVersion;
      const taken: string[] = [];
      let changed = (): void => {};
      const until = async (count: number): Promise<void> => {
        while (taken.length < count) await new Promise<void>((resolve) => (changed = resolve));
      };
      const receipt = (id: string): Promise<IFrame> =>
        new Promise((resolve) => client.watchForReceipt(id, resolve));
      const live = receipt('live');
      const take = (message: IMessage): void => {
        taken.push(`${message.body} ${message.headers['shade'] ?? ''}`.trim());
        message.ack();
        changed();
      };
      const options = { ack: 'client', 'prefetch-count': '1', receipt: 'live' };
      client.subscribe('/topic/a', take, options);
      await live;
      const destination = '/topic/a';
      client.publish({ destination, body: 'größe', headers: { shade: 'a:b\n' } });
      client.publish({ destination, binaryBody: new TextEncoder().encode('octets') });
      const transaction = client.begin();
      const headers = { transaction: transaction.id };
      client.publish({ destination, body: 'third', headers });
      transaction.commit();
      await until(3);
      const beat = new Promise<void>((resolve) => {
        client.onHeartbeatReceived = () => resolve();
      });
      await beat;
      const error = new Promise<IFrame>((resolve) => (client.onStompError = resolve));
      const closed = new Promise<CloseEvent>((resolve) => (client.onWebSocketClose = resolve));
      client.publish({ destination: '/nowhere', body: '' });
      return {
        version,
        taken,
        code: (await error).headers['tideway-code'],
        closeCode: (await closed).code,
      };
    });
    assert.deepEqual(outcome, {
      version: '1.2',
      taken: ['größe a:b', 'octets', 'third'],
      code: 'destination/unknown',
      closeCode: 4506,
    });
    assert.deepEqual(complaints, []);
    assert.equal(server.sessionCount, 0);
  },
);

test(
  'stompjs in Chromium: after a cut it comes back with its cursor and misses nothing',
  { skip },
  async (t) => {
    const { page, server, link } = await openBench(t);
    await page.evaluate(async () => {
      const own = window as unknown as StompWindow;
      Object.assign(own, { heard: [] });
      own.client = new own.StompJs.Client({
        brokerURL: `ws://${location.host}/ws`,
        reconnectDelay: 20,
      });
      await new Promise<void>((resolve) => {
        own.client.onConnect = () => {
          own.client.watchForReceipt('r', (frame) => {
            const recovered = frame.headers['tideway-recovered'];
            if (recovered !== undefined) own.heard.push(`recovered ${recovered}`);
            resolve();
          });
          const headers = {
            receipt: 'r',
            ...(own.cursor !== undefined && { 'tideway-cursor': own.cursor }),
          };
          const take = (message: IMessage): void => {
            own.heard.push(message.body);
            own.cursor = message.headers['tideway-cursor'];
          };
          own.client.subscribe('/topic/a', take, headers);
        };
        own.client.activate();
      });
    });
    const heardAll = (count: number): Promise<unknown> =>
      page.waitForFunction(
        (wanted) => (window as unknown as StompWindow).heard.length >= wanted,
        count,
      );
    await server.publish('/topic/a', 1);
    await heardAll(1);
    link.cut();
    await server.publish('/topic/a', 2);
    await server.publish('/topic/a', 3);
    link.restore();
    await heardAll(4);
    await server.publish('/topic/a', 4);
    await heardAll(5);
    const heard = await page.evaluate(() => (window as unknown as StompWindow).heard);
    assert.deepEqual(heard, ['1', 'recovered true', '2', '3', '4']);
    await page.evaluate(() => (window as unknown as StompWindow).client.deactivate());
  },
);
