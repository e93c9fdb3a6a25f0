/** Owns the showcase as the tests see it: its server, its page by test ids, and participants without the page. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { TestContext } from 'node:test';
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { createServer, type TidewayServer } from 'tideway';
import { WebSocket } from 'ws';
import { openPage } from './chromium.js';
import type { CuttableLink } from './cuttable-link.js';

const root = new URL('../../../', import.meta.url);
const { configure } = (await import(new URL('web/showcase/app.js', root).href)) as {
  configure: (server: TidewayServer) => void;
};

export interface StartedShowcase {
  readonly server: TidewayServer;
  readonly port: number;
  readonly origin: string;
}

/** A server with the showcase, on a port of the system's choice; it is closed when the test ends. */
export async function startShowcase(
  test: TestContext,
  { links = [], port = 0 }: { links?: readonly CuttableLink[]; port?: number } = {},
): Promise<StartedShowcase> {
  const server = createServer({
    staticDirectory: fileURLToPath(new URL('dist/showcase', root)),
    allowedOrigins: links.map(({ origin }) => origin),
    // As in the showcase's tideway.yaml.
    endpoints: [{ path: '/ws' }, { path: '/gs-guide-websocket', dialects: ['stomp'] }],
  });
  configure(server);
  const bound = await server.listen({ port });
  test.after(() => server.close());
  for (const link of links) link.leadTo(bound.port);
  return { server, port: bound.port, origin: `http://127.0.0.1:${bound.port}` };
}

/** A message of the chat as the page's own DOM has it. */
export interface ShownMessage {
  readonly position: string;
  readonly name: string;
  readonly text: string;
}

export class ShowcasePage {
  readonly page: Page;
  readonly complaints: string[];
  readonly outgoing: Locator;

  private constructor(page: Page, complaints: string[]) {
    this.page = page;
    this.complaints = complaints;
    this.outgoing = page.getByTestId('chat-outgoing');
  }

  /** Opens the page and waits until it is connected and its chat is live. */
  static async open(
    test: TestContext,
    browser: Browser,
    origin: string,
    options?: BrowserContextOptions,
  ): Promise<ShowcasePage> {
    const { page, complaints } = await openPage(test, browser, options);
    // The pauses before a reconnect are random up to a bound: here always a hundredth of it.
    await page.addInitScript('Math.random = () => 0.01');
    await page.goto(`${origin}/`);
    const showcase = new ShowcasePage(page, complaints);
    await showcase.waitForState('connected');
    return showcase;
  }

  async waitForState(state: 'connected' | 'connecting' | 'disconnected'): Promise<void> {
    await this.page.locator(`[data-testid=connection-state][data-state=${state}]`).waitFor();
  }

  async waitUntilCut(): Promise<void> {
    await this.page
      .locator('[data-testid=connection-state]:not([data-state=connected])')
      .waitFor({ timeout: 5_000 });
  }

  /** Types and presses Enter, as a visitor does. */
  async say(name: string, text: string): Promise<void> {
    await this.page.getByTestId('chat-name').fill(name);
    const field = this.page.getByTestId('chat-text');
    await field.fill(text);
    await field.press('Enter');
  }

  /** Waits until a message with this text is shown. */
  async waitForMessage(text: string): Promise<void> {
    await this.page
      .locator(`[data-testid=chat-message][data-text=${JSON.stringify(text)}]`)
      .first()
      .waitFor();
  }

  /** Every message that is shown, from the oldest on. */
  messages(): Promise<ShownMessage[]> {
    return this.page.getByTestId('chat-message').evaluateAll((items) =>
      items.map(({ dataset }) => ({
        position: dataset['position'] ?? '',
        name: dataset['name'] ?? '',
        text: dataset['text'] ?? '',
      })),
    );
  }

  /** The codes of the notices between the messages, in order. */
  notices(): Promise<string[]> {
    return this.page
      .getByTestId('notice')
      .evaluateAll((items) => items.map(({ dataset }) => dataset['code'] ?? ''));
  }

  async waitForNotice(code: string, count = 1): Promise<void> {
    await this.page
      .locator(`[data-testid=notice][data-code=${code}]`)
      .nth(count - 1)
      .waitFor({ state: 'attached' });
  }
}

/** A participant that has no page and no library of ours: a bare `ws` client. */
export class Witness {
  readonly seen: ShownMessage[] = [];
  readonly #socket: WebSocket;
  readonly #wakes = new Set<() => void>();
  #lastId = 0;
  readonly #receipts = new Map<number, () => void>();

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data, isBinary) => {
      assert.equal(isBinary, false);
      this.#received(JSON.parse((data as Buffer).toString()) as Record<string, unknown>);
    });
  }

  /** Joins the chat; what is published after that is in `seen`. */
  static async join(test: TestContext, port: number): Promise<Witness> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`);
    test.after(() => socket.terminate());
    await once(socket, 'open');
    const witness = new Witness(socket);
    await witness.#ask({ type: 'subscribe', destination: '/topic/chat' });
    return witness;
  }

  /** Resolves when the server has said that it took the message. */
  say(name: string, text: string): Promise<void> {
    return this.#ask({ type: 'send', destination: '/topic/chat', body: { name, text } });
  }

  async waitFor(text: string): Promise<void> {
    while (!this.seen.some((message) => message.text === text)) {
      await new Promise<void>((resolve) => this.#wakes.add(resolve));
    }
  }

  #ask(frame: object): Promise<void> {
    const id = (this.#lastId += 1);
    this.#socket.send(JSON.stringify({ ...frame, id }));
    return new Promise((resolve) => this.#receipts.set(id, resolve));
  }

  #received(frame: Record<string, unknown>): void {
    if (frame['type'] === 'receipt' || frame['type'] === 'subscribed') {
      this.#receipts.get(Number(frame['id']))?.();
      return;
    }
    // Its server is closed at the end of a test.
    if (frame['type'] === 'disconnect') return;
    assert.equal(frame['type'], 'publication', JSON.stringify(frame));
    const { name, text } = frame['body'] as { name: string; text: string };
    const position = `${String(frame['epoch'])}:${String(frame['offset'])}`;
    this.seen.push({ position, name, text });
    for (const wake of this.#wakes) wake();
    this.#wakes.clear();
  }
}
