/** Proves what is asked of a file that is open already: it may have been exchanged since it was looked at. */
import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isOpenInside } from './inside-directory.js';

test('a file that is open is the one at its path, inside the directory, or refused', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'tideway-inside-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'file');
  const other = join(folder, 'other');
  const outside = join(folder, '..', `${folder.split('/').at(-1) ?? ''}-outside`);
  t.after(() => rmSync(outside));
  for (const path of [file, other, outside]) writeFileSync(path, 'text');
  const link = join(folder, 'link');
  symlinkSync(outside, link);
  const answerFor = (opened: string, path: string): boolean => {
    const fd = openSync(opened, 'r');
    try {
      return isOpenInside(folder, path, fd);
    } finally {
      closeSync(fd);
    }
  };
  assert.equal(answerFor(file, file), true);
  assert.equal(answerFor(link, link), false, 'a link that leads out');
  assert.equal(
    answerFor(outside, file),
    false,
    'opened while it was a link, a file again when it is asked',
  );
  assert.equal(answerFor(file, other), false, 'another file');
  assert.equal(answerFor(file, join(folder, 'gone')), false);
});
