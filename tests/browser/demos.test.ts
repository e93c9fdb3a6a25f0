/** Proves the showcase's other demos, and that the page can be used: by keyboard, on a phone, without a complaint. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { startChromium, withoutChromium } from './chromium.js';
import { ShowcasePage, startShowcase, Witness } from './showcase.js';

const skip = withoutChromium;
/** No narrower one is asked for: 320 CSS pixels, WCAG 1.4.10. */
const PHONE = { viewport: { width: 320, height: 740 }, hasTouch: true, isMobile: true };
let browser: Browser;

before(async () => {
  if (skip === false) browser = await startChromium();
});
after(() => browser?.close());

test('a name is greeted after a second, on every page', { skip }, async (t) => {
  const { origin } = await startShowcase(t);
  const grace = await ShowcasePage.open(t, browser, origin);
  const other = await ShowcasePage.open(t, browser, origin);
  const startedAtMs = performance.now();
  await grace.page.getByTestId('greeting-name').fill('Grace <i>Hopper</i>');
  await grace.page.getByTestId('greeting-send').click();
  assert.match(
    (await grace.page.locator('#greeting-status').textContent()) ?? '',
    /taking its second/,
  );
  for (const { page } of [grace, other]) {
    const greeting = page.getByTestId('greeting').first();
    await greeting.waitFor();
    assert.match((await greeting.textContent()) ?? '', /^Hello, Grace <i>Hopper<\/i>!/);
  }
  const tookMs = performance.now() - startedAtMs;
  assert.ok(tookMs >= 1_000, `the handler waits a second, and the answer came after ${tookMs} ms`);
});

test(
  'stompjs greets and is greeted on the same destinations, and shows its frames',
  { skip },
  async (t) => {
    const { origin } = await startShowcase(t);
    const showcase = await ShowcasePage.open(t, browser, origin);
    const { page, complaints } = showcase;
    const state = (name: string): Promise<void> =>
      page.locator(`[data-testid=stomp-state][data-state=${name}]`).waitFor();
    await state('idle');
    await page.getByTestId('stomp-connect').click();
    await state('connected');
    await page.getByTestId('stomp-name').fill('Joan <i>Clarke</i>');
    await page.getByTestId('stomp-send').click();
    await page.getByTestId('stomp-greeting').first().waitFor();
    const greeted = 'Hello, Joan <i>Clarke</i>!';
    assert.equal(await page.getByTestId('stomp-greeting').first().textContent(), greeted);
    await page.getByTestId('greeting').filter({ hasText: greeted }).waitFor();
    await page.getByTestId('greeting-name').fill('Grace');
    await page.getByTestId('greeting-send').click();
    await page.getByTestId('stomp-greeting').filter({ hasText: 'Hello, Grace!' }).waitFor();

    const field = page.getByTestId('stomp-name');
    await field.evaluate((input) => input.removeAttribute('maxlength'));
    await field.fill('x'.repeat(41));
    await field.press('Enter');
    await page.locator('#stomp-status', { hasText: /Not greeted: .*1 to 40 characters/ }).waitFor();

    await page.getByTestId('stomp-connect').click();
    await state('idle');
    const frames = await page.locator('#stomp-frames strong').allTextContents();
    for (const frame of ['→ CONNECT', '← CONNECTED', '→ SUBSCRIBE', '→ SEND', '← MESSAGE']) {
      assert.ok(frames.includes(frame), `${frame} in ${frames.join()}`);
    }
    assert.deepEqual(complaints, []);
  },
);

test('a name that the handler refuses is answered with its words', { skip }, async (t) => {
  const { origin } = await startShowcase(t);
  const { page } = await ShowcasePage.open(t, browser, origin);
  const field = page.getByTestId('greeting-name');
  await field.evaluate((input) => input.removeAttribute('maxlength'));
  await field.fill('x'.repeat(41));
  await field.press('Enter');
  await page.getByText(/Not greeted: .*1 to 40 characters/).waitFor();
});

test(
  'the chart draws real prices, and its date moves on until it is paused',
  { skip },
  async (t) => {
    const { origin } = await startShowcase(t);
    const { page } = await ShowcasePage.open(t, browser, origin);
    await page.locator('[data-testid=ticker-chart] canvas').waitFor();
    const date = page.getByTestId('ticker-date');
    await page.locator('[data-testid=ticker-date][datetime^="2"]').waitFor();
    const first = (await date.getAttribute('datetime')) ?? '';
    await page.locator(`[data-testid=ticker-date]:not([datetime="${first}"])`).waitFor();
    const second = (await date.getAttribute('datetime')) ?? '';
    assert.ok(second > first, `${second} comes after ${first}`);
    assert.match(first, /^200[78]-\d\d-\d\d$/);
    assert.match(
      (await page.getByTestId('ticker-close').textContent()) ?? '',
      /^1,[345]\d\d\.\d\d$/,
    );
    assert.ok(await isPainted(page), 'something is drawn');

    await page.getByTestId('ticker-pause').click();
    const paused = await date.getAttribute('datetime');
    // Two more trading days pass on another page.
    const other = await ShowcasePage.open(t, browser, origin);
    await other.page
      .locator('#link-received')
      .filter({ hasText: /^[2-9]$/ })
      .waitFor();
    assert.equal(await date.getAttribute('datetime'), paused);
  },
);

test('the page gives the browser nothing to complain about', { skip }, async (t) => {
  const { origin, port } = await startShowcase(t);
  const requested: string[] = [];
  const showcase = await ShowcasePage.open(t, browser, origin);
  const { page, complaints } = showcase;
  page.on('request', (request) => requested.push(request.url()));
  await page.reload();
  await showcase.waitForState('connected');
  await page.locator('[data-testid=ticker-date][datetime^="2"]').waitFor();
  await showcase.say('Ada', '<img src=x onerror="document.title=1">');
  await showcase.waitForMessage('<img src=x onerror="document.title=1">');
  await page.locator('#theme-toggle').click();
  assert.deepEqual(complaints, []);
  assert.notEqual(requested.length, 0);
  assert.deepEqual(
    requested.filter((url) => new URL(url).host !== `127.0.0.1:${port}`),
    [],
    'nothing is loaded from anywhere else',
  );
});

test(
  'an answer of the server carries a policy that a foreign script breaks',
  { skip },
  async (t) => {
    const { origin } = await startShowcase(t);
    const { page, complaints } = await ShowcasePage.open(t, browser, origin);
    await page.evaluate(() => {
      const script = document.createElement('script');
      script.textContent = 'document.title = "injected"';
      document.head.append(script);
    });
    assert.notEqual(await page.title(), 'injected');
    assert.match(complaints.join('\n'), /Content Security Policy/);
  },
);

/** Resolves once no colour is on its way any more. */
async function transitionsFinished(): Promise<void> {
  const transitions = document.getAnimations().filter((one) => one instanceof CSSTransition);
  await Promise.allSettled(transitions.map(({ finished }) => finished));
}

for (const colorScheme of ['light', 'dark'] as const) {
  test(
    `nothing sticks out of a page 320 pixels wide, or is cut, in ${colorScheme}`,
    { skip },
    async (t) => {
      const { origin, port } = await startShowcase(t);
      const witness = await Witness.join(t, port);
      const showcase = await ShowcasePage.open(t, browser, origin, { ...PHONE, colorScheme });
      const long = 'https://example.com/'.padEnd(400, 'abcdefghij');
      await witness.say('AVeryLongNameWithoutASingleSpaceInItAtAll', long);
      await showcase.waitForMessage(long);
      await showcase.page.locator('[data-testid=ticker-chart] canvas').waitFor();
      assert.deepEqual(await showcase.page.evaluate(elementsThatStickOut), []);
      await showcase.page.locator('#menu-button').click();
      await showcase.page.getByTestId('cut-button').click();
      await showcase.waitUntilCut();
      await showcase.say('Ada', long);
      await showcase.outgoing.first().waitFor();
      await showcase.page.locator('#menu-button').click();
      assert.deepEqual(await showcase.page.evaluate(elementsThatStickOut), []);
      // A button that has just been enabled is on its way from one colour to the other.
      await showcase.page.evaluate(transitionsFinished);
      const tooFaint = await showcase.page.evaluate(textOfLowContrast);
      assert.deepEqual(tooFaint, [], 'contrast of at least 4.5 to 1 (WCAG 1.4.3)');
    },
  );
}

test(
  'everything is reached by Tab, has a name and shows that it has the focus',
  { skip },
  async (t) => {
    const { origin } = await startShowcase(t);
    const { page } = await ShowcasePage.open(t, browser, origin);
    const expected = await page
      .locator('a[href], button:not([disabled]), input:not([disabled]), [tabindex="0"]')
      .evaluateAll((elements) => elements.filter((element) => element.checkVisibility()).length);
    const stops: { name: string; isMarked: boolean }[] = [];
    for (let press = 0; press < expected; press += 1) {
      await page.keyboard.press('Tab');
      stops.push(
        await page.evaluate(() => {
          const element = document.activeElement as HTMLElement;
          const { outlineStyle, boxShadow } = getComputedStyle(element);
          const labels = element instanceof HTMLInputElement ? [...(element.labels ?? [])] : [];
          const labelled = document.getElementById(element.getAttribute('aria-labelledby') ?? '');
          const name = [
            element.ariaLabel,
            ...labels.map((label) => label.textContent),
            labelled?.textContent,
            element.textContent,
          ].find((text) => text != null && text.trim() !== '');
          return {
            name: name?.trim() ?? '',
            isMarked: outlineStyle !== 'none' || boxShadow !== 'none',
          };
        }),
      );
    }
    assert.ok(expected >= 15);
    assert.equal(new Set(stops.map(({ name }) => name)).size >= 13, true, JSON.stringify(stops));
    assert.deepEqual(
      stops.filter(({ name, isMarked }) => name === '' || !isMarked),
      [],
    );
  },
);

test(
  'a visitor without a mouse can skip to the demos, chat and be greeted',
  { skip },
  async (t) => {
    const { origin } = await startShowcase(t);
    const showcase = await ShowcasePage.open(t, browser, origin);
    const { keyboard } = showcase.page;
    await keyboard.press('Tab');
    await keyboard.press('Enter');
    assert.match(showcase.page.url(), /#demos$/);
    await tabTo(showcase, 'chat-name');
    await keyboard.type('Ada');
    await keyboard.press('Tab');
    await keyboard.type('no mouse needed');
    await keyboard.press('Enter');
    await showcase.waitForMessage('no mouse needed');
    await keyboard.type('the field has the focus still');
    await keyboard.press('Enter');
    await showcase.waitForMessage('the field has the focus still');
    await tabTo(showcase, 'greeting-name');
    await keyboard.type('Grace');
    await keyboard.press('Tab');
    await keyboard.press('Space');
    await showcase.page.getByText('Hello, Grace!').waitFor();
  },
);

async function tabTo({ page }: ShowcasePage, testId: string): Promise<void> {
  for (let press = 0; press < 20; press += 1) {
    await page.keyboard.press('Tab');
    const focused = await page.evaluate(() => (document.activeElement as HTMLElement).dataset);
    if (focused['testid'] === testId) return;
  }
  assert.fail(`${testId} is not reached by Tab`);
}

function isPainted(page: ShowcasePage['page']): Promise<boolean> {
  return page.locator('[data-testid=ticker-chart] canvas').evaluate((element) => {
    const canvas = element as HTMLCanvasElement;
    const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
    return data.some((octet) => octet !== 0);
  });
}

/** Runs in the page: what is wider than the page or than its card, and text that is cut; but for what scrolls by itself. */
function elementsThatStickOut(): string[] {
  const width = document.documentElement.clientWidth;
  const out = document.documentElement.scrollWidth > width ? ['the document scrolls sideways'] : [];
  const isClipped = (element: Element | null): boolean =>
    element !== null &&
    (getComputedStyle(element).overflowX !== 'visible' || isClipped(element.parentElement));
  const roomOf = (element: Element): number => {
    const card = element.parentElement?.closest('.card');
    if (card == null) return width;
    return card.getBoundingClientRect().right - parseFloat(getComputedStyle(card).paddingRight);
  };
  for (const element of document.body.querySelectorAll<HTMLElement>('*')) {
    if (!element.checkVisibility() || element.matches('.visually-hidden, .brand-name')) continue;
    const name = `${element.tagName} #${element.id} .${element.className}`;
    const { overflowX } = getComputedStyle(element);
    if (overflowX === 'hidden' && element.scrollWidth > element.clientWidth)
      out.push(`cut ${name}`);
    if (isClipped(element.parentElement)) continue;
    const { right, width: itsWidth } = element.getBoundingClientRect();
    if (itsWidth > 1 && right > roomOf(element) + 1) out.push(name);
  }
  return out;
}

/** Runs in the page: text whose colour is too near to that of the ground behind it. */
function textOfLowContrast(): string[] {
  const context = document.createElement('canvas').getContext('2d', { willReadFrequently: true })!;
  const rgba = (color: string): number[] => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = color;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
  };
  const luminance = (color: number[]): number => {
    const [red = 0, green = 0, blue = 0] = color.map((octet) => {
      const part = octet / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const ground = (element: Element | null): number[] => {
    if (element === null) return [255, 255, 255, 255];
    const color = rgba(getComputedStyle(element).backgroundColor);
    return color[3] === 255 ? color : ground(element.parentElement);
  };
  const faint: string[] = [];
  for (const element of document.body.querySelectorAll('*')) {
    const own = [...element.childNodes].filter(({ nodeType }) => nodeType === Node.TEXT_NODE);
    const text = own
      .map(({ textContent }) => textContent ?? '')
      .join('')
      .trim();
    if (text === '' || !element.checkVisibility({ opacityProperty: true })) continue;
    if (element.matches(':disabled, .visually-hidden, .skip')) continue;
    const [one, two] = [
      luminance(rgba(getComputedStyle(element).color)),
      luminance(ground(element)),
    ];
    const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    if (ratio < 4.5) faint.push(`${ratio.toFixed(1)} "${text.slice(0, 40)}"`);
  }
  return faint;
}
