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
  utimes,
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
  const ranges = ['bytes=5-2', 'bytes=-', 'bytes=abc', 'bytes=1e9-', 'items=1-2'];
  ranges.push('bytes=0-1,3-4', `bytes=0-${'9'.repeat(30)}`, 'bytes=3--1');
  for (const range of ranges) {
    assert.deepEqual(await get(port, '/a.txt', range), WHOLE, range);
  }
});

test('a Range that is valid is answered with that part, one beyond the file with 416', async (t) => {
  const { port } = await served(t);
  const parts = [
    ['bytes=2-4', 'bytes 2-4/10', '234'],
    ['bytes=0-0', 'bytes 0-0/10', '0'],
    ['bytes=7-', 'bytes 7-9/10', '789'],
    ['bytes=7-999999999999999', 'bytes 7-9/10', '789'],
    ['bytes=-3', 'bytes 7-9/10', '789'],
    ['bytes=-99', 'bytes 0-9/10', TEXT],
  ] as const;
  for (const [range, contentRange, body] of parts) {
    assert.deepEqual(await get(port, '/a.txt', range), { status: 206, contentRange, body }, range);
  }
  for (const range of ['bytes=10-', 'bytes=-0']) {
    assert.equal((await get(port, '/a.txt', range)).status, 416, range);
  }
});

test('a Range of an older file is answered with the whole new one', async (t) => {
  const { port } = await served(t);
  const url = `http://127.0.0.1:${port}/a.txt`;
  const modified = (await fetch(url)).headers.get('last-modified') ?? '';
  const statusFor = async (ifRange: string): Promise<number> =>
    (await fetch(url, { headers: { range: 'bytes=1-2', 'if-range': ifRange } })).status;
  assert.equal(await statusFor(modified), 206);
  assert.equal(await statusFor('Thu, 01 Jan 1970 00:00:00 GMT'), 200);
});

test('a file that a browser has is not sent again until it changes', async (t) => {
  const { folder, port } = await served(t);
  const url = `http://127.0.0.1:${port}/a.txt`;
  const { headers } = await fetch(url);
  const etag = headers.get('etag') ?? '';
  const modified = headers.get('last-modified') ?? '';
  assert.equal(headers.get('cache-control'), 'no-cache');
  const statusFor = async (given: Record<string, string>): Promise<number> =>
    (await fetch(url, { headers: given })).status;
  for (const tag of [etag, `"x", ${etag}`, '*', etag.slice(2)]) {
    assert.equal(await statusFor({ 'if-none-match': tag }), 304, tag);
  }
  assert.equal(await statusFor({ 'if-modified-since': modified }), 304);
  assert.equal(await statusFor({ 'if-none-match': '"x"', 'if-modified-since': modified }), 200);
  await writeFile(join(folder, 'a.txt'), 'new');
  assert.equal(await statusFor({ 'if-none-match': etag }), 200);
});

test('a release of the same length and time is another file, as builds and copies set the time', async (t) => {
  const { folder, port } = await served(t);
  const url = `http://127.0.0.1:${port}/app.js`;
  const place = async (text: string): Promise<void> => {
    await writeFile(join(folder, 'next'), text);
    await utimes(join(folder, 'next'), 1, 1);
    await rename(join(folder, 'next'), join(folder, 'app.js'));
  };
  await place('version 1');
  const { headers } = await fetch(url);
  const modified = headers.get('last-modified') ?? '';
  await place('version 2');
  const answer = await fetch(url, { headers: { 'if-none-match': headers.get('etag') ?? '' } });
  assert.equal(answer.status, 200);
  assert.equal(await answer.text(), 'version 2');
  // The time that the build has set is none at which it changed here.
  assert.ok(Date.parse(modified) > 1000, modified);
});

test('what is served is what is there now: edited, longer, shorter, new, gone', async (t) => {
  const { folder, port } = await served(t);
  await writeFile(join(folder, 'shorter.txt'), '01');
  await writeFile(join(folder, 'longer.txt'), TEXT.repeat(2));
  await writeFile(join(folder, 'new.txt'), 'new');
  await unlink(join(folder, 'gone.txt'));
  assert.equal((await get(port, '/shorter.txt')).body, '01');
  assert.equal((await get(port, '/longer.txt')).body, TEXT.repeat(2));
  assert.equal((await get(port, '/new.txt')).body, 'new');
  assert.equal((await get(port, '/gone.txt')).status, 404);
});

test('under a deployment that replaces files, each answer is one file, whole', async (t) => {
  const { folder, port } = await served(t);
  const [old, fresh] = ['a'.repeat(300_000), 'b'.repeat(400_000)];
  const place = async (octets: string): Promise<void> => {
    await writeFile(join(folder, 'next'), octets);
    await rename(join(folder, 'next'), join(folder, 'page.js'));
  };
  await place(old);
  let isOver = false;
  const deployment = (async () => {
    for (let count = 0; !isOver; count++) await place(count % 2 === 0 ? fresh : old);
  })();
  for (let count = 0; count < 100; count++) {
    const { status, body } = await get(port, '/page.js');
    assert.ok(status === 200 && (body === old || body === fresh), `${status} ${body.length}`);
  }
  isOver = true;
  await deployment;
});

test('a file that is written in place while it is sent is cut off, never mixed', async (t) => {
  const { folder, port } = await served(t);
  const [old, fresh] = ['a'.repeat(32_000_000), 'b'.repeat(32_000_000)];
  await writeFile(join(folder, 'large.txt'), old);
  const asked = request({ port, path: '/large.txt' }).on('error', () => {});
  asked.end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  await once(response, 'readable');
  await writeFile(join(folder, 'large.txt'), fresh);
  response.resume();
  await assert.rejects(once(response, 'end'), { code: 'ECONNRESET' });
  assert.deepEqual(await get(port, '/a.txt'), WHOLE);
});

test('a link to nothing, and a directory that nobody may read, keep the server from nothing', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'tideway-static-'));
  t.after(() => rm(folder, { recursive: true }));
  await symlink(join(folder, 'nothing'), join(folder, 'dangling'));
  await writeFile(join(folder, 'a.txt'), TEXT);
  const server = createServer({ staticDirectory: folder });
  const { port } = await server.listen({ port: 0 });
  t.after(() => server.close());
  assert.equal((await get(port, '/dangling')).status, 404);
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
