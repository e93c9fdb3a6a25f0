/** Proves with the page's own DOM that a chat loses and doubles nothing when connections are cut, and says what it does not know. */
import assert from 'node:assert/strict';
import { after, before, test, type TestContext } from 'node:test';
import type { Browser } from 'playwright-core';
import { startChromium, withoutChromium } from './chromium.js';
import { CuttableLink } from './cuttable-link.js';
import { ShowcasePage, startShowcase, Witness, type StartedShowcase } from './showcase.js';

const skip = withoutChromium;
let browser: Browser;

before(async () => {
  if (skip === false) browser = await startChromium();
});
after(() => browser?.close());

/** A showcase with one link for each page. */
async function startLinked(
  t: TestContext,
  linkCount: number,
): Promise<{ links: CuttableLink[]; showcase: StartedShowcase }> {
  const links = await Promise.all(Array.from({ length: linkCount }, () => CuttableLink.listen()));
  const showcase = await startShowcase(t, { links });
  for (const link of links) t.after(() => link.close());
  return { links, showcase };
}

function countOf<T>(values: readonly T[], value: T): number {
  return values.filter((other) => other === value).length;
}

test('two pages, a ws client and a bare console talk to each other', { skip }, async (t) => {
  const { port, origin } = await startShowcase(t);
  const witness = await Witness.join(t, port);
  const [ada, grace] = await Promise.all([
    ShowcasePage.open(t, browser, origin),
    ShowcasePage.open(t, browser, origin),
  ]);
  await ada.say('Ada', 'hello from a page');
  await grace.waitForMessage('hello from a page');
  await grace.say('Grace', 'hello <b>from</b> "another" & ünïcødé 🌊');
  await ada.waitForMessage('hello <b>from</b> "another" & ünïcødé 🌊');
  await witness.say('Witness', 'hello from ws');
  await ada.waitForMessage('hello from ws');

  // What the page tells its visitors to paste into the console, word by word.
  const console = await openConsole(ada);
  await console.paste('snippet-listen');
  await console.waitFor('subscribed');
  await console.paste('snippet-say');
  await console.waitFor('publication');
  await grace.waitForMessage('Hello from the console');
  await witness.waitFor('Hello from the console');

  const expected = witness.seen;
  assert.equal(expected.length, 4);
  assert.deepEqual(await ada.messages(), expected);
  assert.deepEqual(await grace.messages(), expected);
  assert.deepEqual(await ada.notices(), []);
});

test(
  'cuts in the midst of a flood lose, double and reorder nothing on either page',
  { skip },
  async (t) => {
    const { links, showcase } = await startLinked(t, 2);
    const [linkOfAda, linkOfGrace] = links as [CuttableLink, CuttableLink];
    const witness = await Witness.join(t, showcase.port);
    const [ada, grace] = await Promise.all([
      ShowcasePage.open(t, browser, linkOfAda.origin),
      ShowcasePage.open(t, browser, linkOfGrace.origin),
    ]);
    let publishedCount = 0;
    const flood = async (count: number): Promise<void> => {
      for (let index = 0; index < count; index += 1) {
        publishedCount += 1;
        await witness.say('Witness', `flood ${publishedCount}`);
      }
    };

    // Ada's connection ends after so many octets of deliveries, which is in the midst of a frame.
    for (const byteCount of [1, 130, 1_777, 2_500]) {
      const isCut = linkOfAda.cutAfter(byteCount);
      const flooded = flood(40);
      await isCut;
      await ada.waitUntilCut();
      await grace.say('Grace', `while Ada is away ${byteCount}`);
      await flooded;
      linkOfAda.restore();
      await ada.waitForState('connected');
      await ada.say('Ada', `back after ${byteCount}`);
      await grace.waitForMessage(`back after ${byteCount}`);
    }

    // Both at once, and again before they have caught up.
    const flooded = flood(60);
    for (let round = 0; round < 3; round += 1) {
      for (const link of links) link.cut();
      await Promise.all([ada.waitUntilCut(), grace.waitUntilCut()]);
      for (const link of links) link.restore();
      await Promise.all([ada.waitForState('connected'), grace.waitForState('connected')]);
    }
    await flooded;

    await witness.say('Witness', 'the last');
    await Promise.all([ada.waitForMessage('the last'), grace.waitForMessage('the last')]);
    const expected = witness.seen;
    assert.equal(expected.length, publishedCount + 9, 'the witness was never cut');
    assert.deepEqual(await ada.messages(), expected);
    assert.deepEqual(await grace.messages(), expected);
    const [ofAda, ofGrace] = [await ada.notices(), await grace.notices()];
    assert.equal(countOf(ofAda, 'connection-cut'), 7);
    // A connection that is cut before it has subscribed anew recovers nothing yet.
    assert.ok(countOf(ofAda, 'recovered') >= 5 && countOf(ofGrace, 'recovered') >= 1);
    assert.equal(countOf([...ofAda, ...ofGrace], 'not-recovered'), 0);
    assert.ok(linkOfAda.lostBytes > 0, 'octets were lost under way');
  },
);

test('the cut button of the page loses nothing either', { skip }, async (t) => {
  const { port, origin } = await startShowcase(t);
  const witness = await Witness.join(t, port);
  const ada = await ShowcasePage.open(t, browser, origin);
  // The five seconds of the button pass at once.
  await ada.page.clock.install();
  await ada.page.getByTestId('cut-button').click();
  await ada.waitUntilCut();
  await witness.say('Witness', 'while it is cut');
  assert.deepEqual(await ada.messages(), []);
  await ada.page.clock.fastForward(6_000);
  await ada.waitForMessage('while it is cut');
  assert.deepEqual(await ada.messages(), witness.seen);
  assert.deepEqual(await ada.notices(), ['connection-cut', 'connection-back', 'recovered']);
});

test(
  'a send whose answer was cut off is shown as unknown, and not repeated',
  { skip },
  async (t) => {
    const { links, showcase } = await startLinked(t, 1);
    const [link] = links as [CuttableLink];
    const witness = await Witness.join(t, showcase.port);
    const ada = await ShowcasePage.open(t, browser, link.origin);

    link.loseAnswers();
    await ada.say('Ada', 'did this arrive?');
    await witness.waitFor('did this arrive?');
    link.cut();
    await ada.outgoing.and(ada.page.locator('[data-state=unknown]')).waitFor();
    link.restore();
    await ada.waitForMessage('did this arrive?');

    // This one does not even reach the server, which the page cannot know.
    link.loseRequests();
    await ada.say('Ada', 'this did not');
    await ada.outgoing.nth(1).waitFor();
    link.cut();
    await ada.outgoing.and(ada.page.locator('[data-state=unknown]')).nth(1).waitFor();
    link.restore();
    await ada.waitForState('connected');

    await ada.say('Ada', 'after it');
    await ada.waitForMessage('after it');
    await witness.waitFor('after it');
    const texts = witness.seen.map(({ text }) => text);
    assert.deepEqual(texts, ['did this arrive?', 'after it'], 'nothing was sent twice');
    assert.deepEqual(await ada.messages(), witness.seen);
    const unknown = await ada.outgoing.allTextContents();
    assert.equal(unknown.length, 2);
    assert.match(unknown[0] ?? '', /did this arrive\?.*Unknown – not repeated/);
    assert.match(unknown[1] ?? '', /this did not.*Unknown – not repeated/);
  },
);

test('a restarted server with an empty memory makes the page say so', { skip }, async (t) => {
  const first = await startShowcase(t);
  const ada = await ShowcasePage.open(t, browser, first.origin);
  const grace = await ShowcasePage.open(t, browser, first.origin);
  await ada.say('Ada', 'before the restart');
  await grace.waitForMessage('before the restart');
  await first.server.close();
  await Promise.all([ada.waitUntilCut(), grace.waitUntilCut()]);

  const second = await startShowcase(t, { port: first.port });
  const witness = await Witness.join(t, second.port);
  await witness.say('Witness', 'nobody hears this');
  await Promise.all([ada.waitForNotice('not-recovered'), grace.waitForNotice('not-recovered')]);
  await grace.say('Grace', 'after the restart');
  await ada.waitForMessage('after the restart');
  for (const page of [ada, grace]) {
    assert.equal(countOf(await page.notices(), 'recovered'), 0);
    const texts = (await page.messages()).map(({ text }) => text);
    assert.equal(countOf(texts, 'before the restart'), 1);
    assert.equal(countOf(texts, 'after the restart'), 1);
  }
});

test('a page that was away for longer than the history says so too', { skip }, async (t) => {
  const { links, showcase } = await startLinked(t, 1);
  const [link] = links as [CuttableLink];
  const witness = await Witness.join(t, showcase.port);
  const ada = await ShowcasePage.open(t, browser, link.origin);
  link.cut();
  await ada.waitUntilCut();
  // The topic keeps 200 publications, and a ring of a mebibyte for those who are live.
  const long = 'x'.repeat(3_000);
  for (let index = 0; index < 400; index += 1) await witness.say('Witness', `${long}${index}`);
  link.restore();
  await ada.waitForNotice('not-recovered');
  await witness.say('Witness', 'from here on');
  await ada.waitForMessage('from here on');
  assert.deepEqual(
    (await ada.messages()).map(({ text }) => text),
    ['from here on'],
  );
});

interface PageConsole {
  paste(snippetId: string): Promise<void>;
  waitFor(type: string): Promise<void>;
}

/** The console of a page's developer tools: it may evaluate what the page itself may not. */
async function openConsole({ page }: ShowcasePage): Promise<PageConsole> {
  const tools = await page.context().newCDPSession(page);
  const heard: string[] = [];
  page.on('console', (message) => heard.push(message.text()));
  return {
    paste: async (snippetId) => {
      const expression = (await page.locator(`#${snippetId}`).textContent()) ?? '';
      const answer = await tools.send('Runtime.evaluate', { expression, replMode: true });
      assert.equal(answer.exceptionDetails, undefined, snippetId);
    },
    waitFor: async (type) => {
      const isIt = (text: string): boolean => text.includes(`"type":"${type}"`);
      if (heard.some(isIt)) return;
      await page.waitForEvent('console', (message) => isIt(message.text()));
    },
  };
}
