/** Proves what the built showcase page promises: nothing inline, nothing from elsewhere, and a modest weight. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';

const MAX_PAGE_BYTES = 80_000;

const page = new URL('../../../dist/showcase/', import.meta.url);
const html = readFileSync(new URL('index.html', page), 'utf8');

/** Each opening tag of the page with these names. */
function tags(names: string): string[] {
  return html.match(new RegExp(`<(?:${names})\\b[^>]*>`, 'g')) ?? [];
}

test('every script and style sheet of the page is a file of its own server', () => {
  const loaded = tags('script|link|img|iframe');
  assert.ok(loaded.length >= 4, 'the theme, the script, the style sheet and the icon');
  for (const tag of loaded) {
    assert.match(tag, / (?:src|href)="\.\/[^"]+"/, tag);
  }
  assert.deepEqual(tags('style'), []);
  assert.doesNotMatch(html, /<[^>]+ (?:style|on[a-z]+)=/);
});

test('the page weighs less than 80 kB compressed', () => {
  const files = readdirSync(new URL('assets/', page)).map((name) => `assets/${name}`);
  const bytes = ['index.html', 'theme.js', 'favicon.svg', ...files]
    .map((name) => gzipSync(readFileSync(new URL(name, page))).length)
    .reduce((sum, size) => sum + size, 0);
  assert.ok(bytes < MAX_PAGE_BYTES, `${bytes} bytes`);
});

test('every label names a field that exists', () => {
  const fields = new Set(tags('input').map((tag) => / id="([^"]+)"/.exec(tag)?.[1]));
  const labelled = tags('label').map((tag) => / for="([^"]+)"/.exec(tag)?.[1]);
  assert.deepEqual(new Set(labelled), fields);
});
