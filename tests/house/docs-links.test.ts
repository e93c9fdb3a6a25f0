/** Proves that every relative link of a Markdown file leads to a file, and to a heading where it names one. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { posix } from 'node:path';
import { join } from 'node:path';
import { test } from 'node:test';
import { filesBelow, root, textOf } from './repository.js';

/** Targets of links, of images and of definitions, outside of code. */
function linksOf(markdown: string): string[] {
  const prose = markdown.replace(/^(```|~~~)[\s\S]*?^\1/gm, '').replace(/`[^`\n]*`/g, '');
  return [...prose.matchAll(/\]\(<?([^)\s>]+)>?(?: "[^"]*")?\)|^\[[^\]]+\]: (\S+)/gm)].map(
    ([, inline, defined]) => inline ?? defined ?? '',
  );
}

/** The names that headings can be linked by, as GitHub makes them. */
function anchorsOf(markdown: string): string[] {
  return [...markdown.matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replace(/\s/g, '-'),
  );
}

function isBroken(path: string, link: string): boolean {
  if (/^[a-z][a-z0-9+.-]*:/i.test(link)) return false;
  const [file = '', anchor] = link.split('#');
  const target = file === '' ? path : posix.join(posix.dirname(path), decodeURIComponent(file));
  if (target.startsWith('../') || !existsSync(join(root, target))) return true;
  return (
    anchor !== undefined && target.endsWith('.md') && !anchorsOf(textOf(target)).includes(anchor)
  );
}

test('relative links lead somewhere', () => {
  const files = filesBelow('', '.md');
  assert.ok(files.includes('README.md') && files.includes('docs/wire/native.md'));
  const links = files.flatMap((path) => linksOf(textOf(path)).map((link) => [path, link] as const));
  assert.ok(links.length >= 10, `${links.length} links found`);
  assert.deepEqual(
    links.filter(([path, link]) => isBroken(path, link)),
    [],
  );
});

test('it can fail', () => {
  const markdown =
    'See [a](b.md), [c](../README.md#x "t"), `[d](e.md)`.\n\n```\n[f](g.md)\n```\n\n[h]: i.md\n';
  assert.deepEqual(linksOf(markdown), ['b.md', '../README.md#x', 'i.md']);
  assert.deepEqual(anchorsOf('# One two\n\n## `a`: B, c!\n'), ['one-two', 'a-b-c']);
  assert.equal(isBroken('docs/wire/native.md', 'nowhere.md'), true);
  assert.equal(isBroken('docs/wire/native.md', '#no-such-heading'), true);
  assert.equal(isBroken('docs/wire/native.md', '#heartbeats'), false);
  assert.equal(isBroken('docs/wire/native.md', '../reference/errors.md'), false);
  assert.equal(isBroken('README.md', '../elsewhere.md'), true);
});

test('the command has one spelling, true in a clone and in a project that has the package', () => {
  const pages = [...filesBelow('', '.md'), 'web/showcase/index.html'];
  const command = /(npx )?\btideway (?:serve|subscribe|publish|request|token|bench)\b/g;
  const others = pages.flatMap((page) =>
    [...textOf(page).matchAll(command)]
      .filter(([, npx]) => npx === undefined)
      .map(([words]) => `${page}: ${words}`),
  );
  assert.deepEqual(others, []);
  // A service is the exception: npm and npx pass no signal on.
  const inClone = pages.filter((page) => /node dist\/cli\/main\.js/.test(textOf(page)));
  assert.deepEqual(
    inClone.filter((page) => page !== 'docs/guides/operating.md'),
    [],
  );
});
