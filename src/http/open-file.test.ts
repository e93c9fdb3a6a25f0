/** Proves which file a URL's path means, and what is asked of a file that is open: it may have been exchanged since it was looked at. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { isAt, openFile } from './open-file.js';

async function folderOf(context: TestContext, files: readonly string[]): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'tideway-open-file-')));
  context.after(() => rm(folder, { recursive: true }));
  for (const file of files) {
    await mkdir(join(folder, file, '..'), { recursive: true });
    await writeFile(join(folder, file), file);
  }
  return folder;
}

/** The file that is found, or why there is none. */
async function found(folder: string, urlPath: string): Promise<string> {
  const file = await openFile(folder, urlPath);
  if (typeof file === 'string') return file;
  await file.handle.close();
  return file.name;
}

test('a path means its file, else an index, else a page of that name; however it is spelled, once', async (t) => {
  const files = ['index.html', 'a.txt', 'b/index.html', 'c.html', 'ü#? %.txt'];
  files.push('.well-known/x');
  const folder = await folderOf(t, files);
  const expected = [
    ['/', '/index.html'],
    ['/a.txt', '/a.txt'],
    ['/%61.txt', '/a.txt'],
    ['/b', '/b/index.html'],
    ['/b/', '/b/index.html'],
    ['/c', '/c.html'],
    ['/%C3%BC%23%3F%20%25.txt', '/ü#? %.txt'],
    ['/.well-known/x', '/.well-known/x'],
  ] as const;
  for (const [path, name] of expected) assert.equal(await found(folder, path), name, path);
});

test('what is no file, is hidden, or lies elsewhere is not found', async (t) => {
  const folder = await folderOf(t, ['a.txt', '.env', 'b/.git/config', '../outside/secret']);
  t.after(() => rm(join(folder, '../outside'), { recursive: true }));
  await symlink(join(folder, 'gone'), join(folder, 'dangling'));
  const none = ['/x', '/.env', '/%2eenv', '/b/.git/config', '/b', '//a.txt', '/b//a', '/dangling'];
  none.push('/../outside/secret', '/%2e%2e/outside/secret', '/..%2foutside%2fsecret');
  none.push('/%00', '/%', '/%ff', `/${'x'.repeat(5_000)}`, '/a.txt/b');
  for (const path of none) assert.equal(await found(folder, path), 'none', path);
  await symlink('../outside', join(folder, 'out'));
  assert.equal(await found(folder, '/out/secret'), 'left');
});

test('a file that is open is the one at its path, or refused', async (t) => {
  const folder = await folderOf(t, ['file', 'other']);
  await symlink('file', join(folder, 'link'));
  const opened = await stat(join(folder, 'file'));
  assert.equal(await isAt(join(folder, 'file'), opened), true);
  assert.equal(await isAt(join(folder, 'link'), opened), false, 'a link has taken its place');
  assert.equal(
    await isAt(join(folder, 'other'), opened),
    false,
    'it was another while it was opened',
  );
  assert.equal(await isAt(join(folder, 'gone'), opened), false);
});
