/** Proves that what a visitor sends while the connection is cut is kept, said so, and sent once when it is back. */
import assert from 'node:assert/strict';
import { after, before, test, type TestContext } from 'node:test';
import type { Browser, Locator } from 'playwright-core';
import { openPage, startChromium, withoutChromium } from './chromium.js';
import { CuttableLink } from './cuttable-link.js';
import { ShowcasePage, startShowcase, Witness, type StartedShowcase } from './showcase.js';

const skip = withoutChromium;
let browser: Browser;

before(async () => {
  if (skip === false) browser = await startChromium();
});
after(() => browser?.close());

interface Stage {
  readonly showcase: StartedShowcase;
  readonly link: CuttableLink;
  readonly witness: Witness;
  readonly ada: ShowcasePage;
  readonly words: Locator;
}

async function openStage(t: TestContext): Promise<Stage> {
  const link = await CuttableLink.listen();
  const showcase = await startShowcase(t, { links: [link] });
  t.after(() => link.close());
  const witness = await Witness.join(t, showcase.port);
  const ada = await ShowcasePage.open(t, browser, link.origin);
  return { showcase, link, witness, ada, words: ada.page.getByTestId('chat-kept') };
}

async function cut({ link, ada }: Stage): Promise<void> {
  link.cut();
  await ada.waitUntilCut();
}

async function restore({ link, ada }: Stage): Promise<void> {
  link.restore();
  await ada.waitForState('connected');
}

function textsOf({ witness }: Stage): string[] {
  return witness.seen.map(({ text }) => text);
}

test(
  'what is sent while the connection is cut arrives when it is back, in order, once',
  { skip },
  async (t) => {
    const stage = await openStage(t);
    const { ada, witness, words } = stage;
    assert.equal(await words.textContent(), '');
    await cut(stage);
    await words
      .filter({ hasText: /^No connection\. What you send now is kept, and sent when/ })
      .waitFor();
    await ada.say('Ada', 'one');
    await ada.say('Ada', 'two');
    await ada.page.getByTestId('chat-text').fill('three');
    await ada.page.getByTestId('chat-send').click();
    await words
      .filter({ hasText: '3 messages kept (at most 20); sent when the connection is back.' })
      .waitFor();
    assert.equal(await ada.outgoing.and(ada.page.locator('[data-state=kept]')).count(), 3);
    const gap = await ada.page.evaluate(() => {
      const topOf = (id: string): DOMRect => document.getElementById(id)!.getBoundingClientRect();
      return topOf('chat-outgoing').top - topOf('chat-scroll').bottom;
    });
    assert.ok(gap >= 8, `what is kept stands apart from the chat: ${gap}`);
    await ada.page.getByTestId('chat-text').fill('a draft');

    await restore(stage);
    await witness.waitFor('three');
    await ada.waitForMessage('three');
    await ada.say('Ada', 'four');
    await witness.waitFor('four');
    assert.deepEqual(textsOf(stage), ['one', 'two', 'three', 'four']);
    assert.deepEqual(await ada.messages(), witness.seen);
    await words.filter({ hasText: /^$/ }).waitFor({ state: 'attached' });
    await ada.outgoing.first().waitFor({ state: 'detached' });
  },
);

test('what is typed and not sent stays in the field through a cut', { skip }, async (t) => {
  const stage = await openStage(t);
  const field = stage.ada.page.getByTestId('chat-text');
  await field.fill('half a sen');
  await cut(stage);
  await restore(stage);
  assert.equal(await field.inputValue(), 'half a sen');
});

test('what is kept can be discarded, one or all', { skip }, async (t) => {
  const stage = await openStage(t);
  const { ada, witness, words } = stage;
  await cut(stage);
  for (const text of ['one', 'two', 'three']) await ada.say('Ada', text);
  await ada.outgoing.filter({ hasText: 'two' }).getByRole('button', { name: 'Discard' }).click();
  await words.filter({ hasText: /^2 messages kept/ }).waitFor();
  await restore(stage);
  await witness.waitFor('three');
  await cut(stage);
  await ada.say('Ada', 'four');
  await ada.say('Ada', 'five');
  await ada.page.getByTestId('chat-discard').click();
  await words.filter({ hasText: /^No connection/ }).waitFor();
  await restore(stage);
  await ada.say('Ada', 'six');
  await witness.waitFor('six');
  assert.deepEqual(textsOf(stage), ['one', 'three', 'six']);
});

test('who leaves the page while something is kept is asked first', { skip }, async (t) => {
  const stage = await openStage(t);
  const { page } = stage.ada;
  await cut(stage);
  await stage.ada.say('Ada', 'one');
  await stage.words.filter({ hasText: /^1 message kept/ }).waitFor();
  const asked = page.waitForEvent('dialog');
  await page.close({ runBeforeUnload: true });
  const dialog = await asked;
  assert.equal(dialog.type(), 'beforeunload');
  await dialog.dismiss();
  await restore(stage);
  await stage.witness.waitFor('one');
});

test('beyond the limit a message stays in the field, and the page says so', { skip }, async (t) => {
  const stage = await openStage(t);
  const { ada, witness, words } = stage;
  await cut(stage);
  for (let number = 1; number <= 21; number += 1) await ada.say('Ada', `message ${number}`);
  await words
    .filter({ hasText: '20 messages kept, and no room for more: this one was not taken.' })
    .waitFor();
  assert.equal(await ada.page.getByTestId('chat-text').inputValue(), 'message 21');
  await restore(stage);
  await witness.waitFor('message 20');
  await ada.page.getByTestId('chat-text').press('Enter');
  await witness.waitFor('message 21');
  assert.deepEqual(
    textsOf(stage),
    Array.from({ length: 21 }, (_, index) => `message ${index + 1}`),
  );
});

test(
  'a cut in the midst of sending what was kept doubles nothing: one is unknown, the others are kept on',
  { skip },
  async (t) => {
    const stage = await openStage(t);
    const { ada, link, witness, words } = stage;
    await cut(stage);
    for (const text of ['one', 'two', 'three']) await ada.say('Ada', text);
    // The page learns that it is connected, and nothing of what became of its first message.
    link.loseAnswersFrom('"receipt"');
    await restore(stage);
    await witness.waitFor('one');
    await cut(stage);
    await ada.outgoing.and(ada.page.locator('[data-state=unknown]')).waitFor();
    await words.filter({ hasText: /^2 messages kept/ }).waitFor();
    await restore(stage);
    await witness.waitFor('three');
    await ada.waitForMessage('three');
    assert.deepEqual(textsOf(stage), ['one', 'two', 'three']);
    assert.equal(await ada.outgoing.count(), 1);
  },
);

test(
  'a message that a closing server does not take is kept for the next one',
  { skip },
  async (t) => {
    const first = await startShowcase(t);
    const ada = await ShowcasePage.open(t, browser, first.origin);
    // A greeting takes a second of a handler, and for so long the server is closing.
    await ada.page.getByTestId('greeting-name').fill('Grace');
    await ada.page.getByTestId('greeting-send').click();
    await ada.page.getByText('The handler is taking its second').waitFor();
    const closed = first.server.close();
    await ada.say('Ada', 'while it closes');
    await ada.page
      .getByTestId('chat-kept')
      .filter({ hasText: /^1 message kept/ })
      .waitFor();
    await closed;
    const second = await startShowcase(t, { port: first.port });
    await ada.waitForMessage('while it closes');
    const witness = await Witness.join(t, second.port);
    await ada.say('Ada', 'after it');
    await witness.waitFor('after it');
    const texts = (await ada.messages()).map(({ text }) => text);
    assert.deepEqual(texts, ['while it closes', 'after it']);
  },
);

test('a name to greet is kept and greeted once, natively and over STOMP', { skip }, async (t) => {
  const stage = await openStage(t);
  const { page } = stage.ada;
  await page.getByTestId('stomp-name').fill('Joan');
  await page.getByTestId('stomp-send').click();
  await page
    .getByTestId('stomp-kept')
    .filter({ hasText: '1 name kept (at most 5); sent when STOMP is connected.' })
    .waitFor();
  await page.getByTestId('stomp-connect').click();
  await page.getByTestId('stomp-greeting').filter({ hasText: 'Hello, Joan!' }).waitFor();
  await cut(stage);
  await page.getByTestId('greeting-name').fill('Grace');
  await page.getByTestId('greeting-name').press('Enter');
  await page.getByTestId('greeting-kept').filter({ hasText: '1 name kept (at most 5)' }).waitFor();
  assert.equal(await page.getByTestId('greeting-name').inputValue(), '');
  await restore(stage);
  await page.getByTestId('greeting').filter({ hasText: 'Hello, Grace!' }).waitFor();
  assert.equal(await page.getByTestId('greeting').filter({ hasText: 'Grace' }).count(), 1);
});

test(
  'a page that the server refuses says that it never came in, and where the reason stands',
  { skip },
  async (t) => {
    const link = await CuttableLink.listen();
    t.after(() => link.close());
    const { port } = await startShowcase(t);
    link.leadTo(port);
    const { page } = await openPage(t, browser);
    await page.goto(`${link.origin}/`);
    const hint = page.locator('#link-hint');
    await hint.filter({ hasText: "If it is refused, the server's terminal says why." }).waitFor();
    assert.equal(await page.locator('#connection-words').textContent(), 'Connecting');
  },
);
