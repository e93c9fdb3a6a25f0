/** What a request for a static file, or a file that changes, may not do: end the server, or spoil the next answer. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  mkdir,
  mkdtemp,
  readdir,
  readlink,
  rename,
  rm,
  symlink,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { request, type Agent, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { test, type TestContext } from 'node:test';
import { createServer } from 'tideway';

const TEXT = '0123456789';

async function served(context: TestContext): Promise<{ folder: string; port: number }> {
  const folder = await mkdtemp(join(tmpdir(), 'tideway-static-'));
  for (const name of ['a.txt', 'gone.txt', 'shorter.txt', 'longer.txt']) {
    await writeFile(join(folder, name), TEXT);
  }
  const server = createServer({ staticDirectory: folder });
  const { port } = await server.listen({ port: 0 });
  context.after(async () => {
    await server.close();
    await rm(folder, { recursive: true });
  });
  return { folder, port };
}

/** Rejects when the answer is cut off. */
function get(
  port: number,
  path: string,
  range?: string,
  agent?: Agent,
): Promise<{ status: number | undefined; contentRange: string | undefined; body: string }> {
  const headers = range === undefined ? {} : { range };
  return new Promise((resolve, reject) => {
    const answered = (response: IncomingMessage): void => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('error', reject);
      response.on('end', () => {
        const { statusCode: status, headers: fields } = response;
        resolve({ status, contentRange: fields['content-range'], body });
      });
    };
    request({ port, path, headers, agent }, answered).on('error', reject).end();
  });
}

const WHOLE = { status: 200, contentRange: undefined, body: TEXT };

test('a Range that is not valid, or not understood, is answered with the whole file', async (t) => {
  const { port } = await served(t);
  const ranges = ['bytes=5-2', 'bytes=-5', 'bytes=-', 'bytes=abc', 'bytes=1e9-', 'items=1-2'];
  ranges.push('bytes=0-1,3-4', `bytes=0-${'9'.repeat(30)}`, 'bytes=3--1', 'bytes=0-0');
  for (const range of ranges) {
    assert.deepEqual(await get(port, '/a.txt', range), WHOLE, range);
  }
});

test('a Range that is valid is answered with that part, one beyond the file with 416', async (t) => {
  const { port } = await served(t);
  const part = { status: 206, contentRange: 'bytes 2-4/10', body: '234' };
  assert.deepEqual(await get(port, '/a.txt', 'bytes=2-4'), part);
  const rest = { status: 206, contentRange: 'bytes 7-9/10', body: '789' };
  assert.deepEqual(await get(port, '/a.txt', 'bytes=7-'), rest);
  assert.deepEqual(await get(port, '/a.txt', 'bytes=7-999999999999999'), rest);
  assert.equal((await get(port, '/a.txt', 'bytes=10-')).status, 416);
});

test('a file that is gone since the start cuts off its own answer, and the server lives', async (t) => {
  const { folder, port } = await served(t);
  await unlink(join(folder, 'gone.txt'));
  await assert.rejects(get(port, '/gone.txt'));
  assert.deepEqual(await get(port, '/a.txt'), WHOLE);
});

test('a file with another length than at the start does not leave its connection to the next answer', async (t) => {
  const { folder, port } = await served(t);
  await writeFile(join(folder, 'shorter.txt'), '01');
  await writeFile(join(folder, 'longer.txt'), TEXT.repeat(2));
  await assert.rejects(get(port, '/shorter.txt'));
  // What is too much may be cut off by the client's parser, or by the end of the connection.
  await get(port, '/longer.txt').catch(() => {});
  assert.deepEqual(await get(port, '/a.txt'), WHOLE);
});

/** Files that this process holds open; the system says it in a directory. */
const OPEN_FILES = '/proc/self/fd';

test(
  'an answer that nobody waits for any more does not keep its file open',
  { skip: process.platform !== 'linux' },
  async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'tideway-static-'));
    const file = join(folder, 'large.bin');
    await writeFile(file, Buffer.alloc(32_000_000));
    const server = createServer({ staticDirectory: folder });
    const { port } = await server.listen({ port: 0 });
    t.after(async () => {
      await server.close();
      await rm(folder, { recursive: true });
    });
    const openCount = async (): Promise<number> => {
      const targets = (await readdir(OPEN_FILES)).map((fd) => readlink(join(OPEN_FILES, fd)));
      const names = await Promise.all(targets.map((target) => target.catch(() => '')));
      return names.filter((name) => name === file).length;
    };
    const asked = request({ port, path: '/large.bin' }).on('error', () => {});
    asked.end();
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    await once(response, 'readable');
    assert.equal(await openCount(), 1);
    asked.destroy();
    // The end of the file is seen by no event of ours; the test's own time bounds the wait.
    while ((await openCount()) > 0) await setImmediate();
  },
);

test('a link that leads out of the directory is not followed, whether it was there at the start or came later', async (t) => {
  const parent = await mkdtemp(join(tmpdir(), 'tideway-static-'));
  t.after(() => rm(parent, { recursive: true }));
  const folder = join(parent, 'public');
  const outside = join(parent, 'public-not');
  for (const directory of [folder, outside, join(folder, 'inner'), join(folder, 'later')]) {
    await mkdir(directory);
  }
  const SECRET = 'x'.repeat(TEXT.length);
  for (const name of ['secret.txt', 'index.html', 'a.txt'])
    await writeFile(join(outside, name), SECRET);
  for (const name of ['file.txt', 'a.txt']) await writeFile(join(folder, name), TEXT);
  await writeFile(join(folder, 'later', 'a.txt'), TEXT);
  await writeFile(join(folder, 'inner', 'index.html'), TEXT);
  await symlink(join(outside, 'secret.txt'), join(folder, 'link.txt'));
  await symlink('../public-not/secret.txt', join(folder, 'relative.txt'));
  await symlink(outside, join(folder, 'directory'));
  await symlink(join(folder, 'link.txt'), join(folder, 'twice.txt'));
  await symlink('file.txt', join(folder, 'within.txt'));
  // The directory itself may be a link: whoever configured it said so.
  await symlink(folder, join(parent, 'served'));
  const server = createServer({ staticDirectory: join(parent, 'served'), log: false });
  const { port } = await server.listen({ port: 0 });
  t.after(() => server.close());
  for (const path of ['/file.txt', '/within.txt', '/inner/', '/inner', '/later/a.txt']) {
    assert.deepEqual(await get(port, path), WHOLE, path);
  }
  const leading = ['/link.txt', '/relative.txt', '/twice.txt', '/directory/', '/directory'];
  leading.push('/directory/secret.txt', '/directory/index.html', '/directory/a');
  for (const path of leading) {
    const { status, body } = await get(port, path);
    assert.equal(status, 404, path);
    assert.doesNotMatch(body, /xxx/, path);
  }
  // Of the same length as what was there, so that nothing else gives it away.
  await unlink(join(folder, 'a.txt'));
  await symlink(join(outside, 'a.txt'), join(folder, 'a.txt'));
  await rename(join(folder, 'later'), join(parent, 'moved'));
  await symlink(outside, join(folder, 'later'));
  for (const path of ['/a.txt', '/later/a.txt']) {
    assert.equal((await get(port, path)).status, 404, path);
  }
  assert.deepEqual(await get(port, '/file.txt'), WHOLE);
});

test('a file is read, not written: other methods do not find it', async (t) => {
  const { port } = await served(t);
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
    const response = await fetch(`http://127.0.0.1:${port}/a.txt`, { method });
    assert.equal(response.status, 404, method);
  }
});

test('pages may load from this server alone, or from where contentSecurityPolicy says', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'tideway-static-'));
  t.after(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'index.html'), '');
  const policyOf = async (contentSecurityPolicy?: string | false): Promise<string | null> => {
    const given = contentSecurityPolicy === undefined ? {} : { contentSecurityPolicy };
    const server = createServer({ staticDirectory: folder, ...given });
    await server.listen({ port: 0 });
    t.after(() => server.close());
    const { headers } = await fetch(`${server.url}/`);
    assert.equal(headers.get('x-content-type-options'), 'nosniff');
    return headers.get('content-security-policy');
  };
  assert.match((await policyOf()) ?? '', /^default-src 'self'; /);
  assert.equal(await policyOf('default-src https:'), 'default-src https:');
  assert.equal(await policyOf(false), null);
  assert.throws(
    () => createServer({ staticDirectory: folder, contentSecurityPolicy: "default-src 'self'\n" }),
    TypeError,
  );
});
