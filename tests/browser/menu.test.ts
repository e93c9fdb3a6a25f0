/** Proves that the sections of the showcase are reached on a page of any width: in the bar, or by a menu, with keys alone. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { startChromium, withoutChromium } from './chromium.js';
import { ShowcasePage, startShowcase } from './showcase.js';

const skip = withoutChromium;
let browser: Browser;

before(async () => {
  if (skip === false) browser = await startChromium();
});
after(() => browser?.close());

for (const width of [320, 360, 768]) {
  test(`a page ${width} pixels wide has a menu that keys open and close`, { skip }, async (t) => {
    const { origin } = await startShowcase(t);
    const { page } = await ShowcasePage.open(t, browser, origin, {
      viewport: { width, height: 700 },
    });
    const button = page.getByRole('button', { name: 'Menu' });
    const links = page.getByRole('navigation', { name: 'Sections' }).getByRole('link');
    const isExpanded = (): Promise<string | null> => button.getAttribute('aria-expanded');
    assert.equal(await isExpanded(), 'false');
    assert.equal(await links.count(), 0, 'closed, nobody finds its links');

    await button.focus();
    await page.keyboard.press('Enter');
    assert.equal(await isExpanded(), 'true');
    assert.equal(await links.count(), 6);
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'Chat');
    await page.keyboard.press('Escape');
    assert.equal(await isExpanded(), 'false');
    assert.equal(
      await page.evaluate(() => document.activeElement?.id),
      'menu-button',
      'the focus is where it came from',
    );

    // Whoever walks on leaves it.
    await page.keyboard.press('Space');
    assert.equal(await isExpanded(), 'true');
    for (let press = 0; press < 7; press += 1) await page.keyboard.press('Tab');
    assert.equal(await isExpanded(), 'false');

    await button.click();
    await links.filter({ hasText: 'Ticker' }).click();
    assert.equal(await isExpanded(), 'false');
    assert.match(page.url(), /#ticker$/);

    await button.click();
    await page.mouse.click(10, 650);
    assert.equal(await isExpanded(), 'false');
    assert.ok(await isOneLine(page), 'the bar has one line');
    assert.ok(await hasOneLine(page, '#link-address'), 'so has the address of the server');
  });
}

for (const width of [900, 1280]) {
  test(
    `a page ${width} pixels wide has its sections in the bar, in one line`,
    { skip },
    async (t) => {
      const { origin } = await startShowcase(t);
      const { page } = await ShowcasePage.open(t, browser, origin, {
        viewport: { width, height: 700 },
      });
      assert.equal(await page.getByRole('button', { name: 'Menu' }).count(), 0);
      const links = page.getByRole('navigation', { name: 'Sections' }).getByRole('link');
      assert.equal(await links.count(), 6);
      const tops = await links.evaluateAll((all) =>
        all.map((link) => link.getBoundingClientRect().top),
      );
      assert.equal(new Set(tops).size, 1);
      assert.ok(await isOneLine(page), 'the bar has one line');
    },
  );
}

/** Whether a text is nowhere broken, not even between two of its letters. */
function hasOneLine(page: ShowcasePage['page'], selector: string): Promise<boolean> {
  return page.locator(selector).evaluate((found) => {
    const range = document.createRange();
    range.selectNodeContents(found);
    return range.getClientRects().length === 1;
  });
}

/** Whether all of the bar is within the page and beside each other, the longest word of the state included. */
function isOneLine(page: ShowcasePage['page']): Promise<boolean> {
  return page.evaluate(() => {
    document.getElementById('connection-words')!.textContent = 'Disconnected';
    const bar = document.querySelector('.bar-inner')!.getBoundingClientRect();
    return (
      bar.height < 70 &&
      document.documentElement.scrollWidth <= document.documentElement.clientWidth &&
      [...document.querySelectorAll('.bar-inner > *')].every(
        (part) => part.getBoundingClientRect().right <= bar.right + 1,
      )
    );
  });
}
