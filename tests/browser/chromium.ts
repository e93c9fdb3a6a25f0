/** Owns how the tests start Debian's Chromium, and what a page of it did wrong. */
import type { TestContext } from 'node:test';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';

const EXECUTABLE = process.env['TIDEWAY_CHROMIUM'] ?? '/usr/bin/chromium';

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** What a test's option `skip` takes: the reason, or false when Chromium is there. */
export const withoutChromium: string | false = (process.env['TIDEWAY_MISSING'] ?? '')
  .split(',')
  .includes('chromium')
  ? 'chromium is not installed'
  : false;

/** One browser for a file of tests; whoever starts it closes it. */
export function startChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: EXECUTABLE, args: FLAGS });
}

/** A page in a window of its own, with the list of what it complained about. */
export interface OpenedPage {
  readonly page: Page;
  /** Errors and warnings of the console, exceptions, and violations of the content security policy. */
  readonly complaints: string[];
}

/** Opens a page that is closed when the test ends. */
export async function openPage(
  test: TestContext,
  browser: Browser,
  options: BrowserContextOptions = {},
): Promise<OpenedPage> {
  const context = await browser.newContext(options);
  test.after(() => context.close());
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(`exception: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') {
      complaints.push(`${message.type()}: ${message.text()}`);
    }
  });
  return { page, complaints };
}
