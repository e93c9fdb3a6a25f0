// Owns `npm run bench:cold`: what a delivery costs when nothing of its session is in the processor's cache, without sockets, of two builds.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';

const SESSION_COUNT = 1_000;
/** Other memory that is read between two deliveries, as the kernel reads its own in a write. */
const OTHER_BYTES = 65_536;
const POOL_BYTES = 0x200_0000;
const LINE_BYTES = 64;
const TOPIC = '/topic/rooms/one';

const DIALECTS = {
  native: {
    subprotocol: 'tideway.v1',
    frames: (name) => [
      `{"type":"connect","token":"${name}"}`,
      `{"type":"subscribe","destination":"${TOPIC}"}`,
    ],
  },
  stomp: {
    subprotocol: 'v12.stomp',
    frames: (name) => [
      `CONNECT\naccept-version:1.2\nhost:localhost\nlogin:${name}\npasscode:${name}\n\n\0`,
      `SUBSCRIBE\nid:sub-0\ndestination:${TOPIC}\n\n\0`,
    ],
  },
};

const loopTime = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after: (delayMs, callback) => {
    const timer = setTimeout(() => callback(), delayMs).unref();
    return () => clearTimeout(timer);
  },
  afterTick: (callback) => process.nextTick(() => callback()),
  afterTurn: (callback) => setImmediate(() => callback()),
};

const [first, second, third] = process.argv.slice(2);
if (first === '--measure') await measure(second, third);
else compare(first, Number(second ?? 9));

function compare(other, roundCount) {
  const here = fileURLToPath(new URL('..', import.meta.url));
  const folders = { before: other === undefined ? undefined : resolve(other), now: here };
  const isUsable = Object.values(folders).every(
    (folder) => folder !== undefined && existsSync(join(folder, 'dist/server/index.js')),
  );
  if (!isUsable || !(roundCount > 0)) {
    console.error(
      'npm run bench:cold -- <folder> [rounds]\n\nCompares the build of this folder with that of another one, built.',
    );
    process.exit(2);
  }
  console.log('| dialect | before, ns | now, ns | now ÷ before |');
  console.log('| ------- | ---------: | ------: | -----------: |');
  for (const dialect of Object.keys(DIALECTS)) {
    const costs = { before: [], now: [] };
    for (let round = 0; round < roundCount; round++) {
      const order = round % 2 === 0 ? ['before', 'now'] : ['now', 'before'];
      for (const build of order) costs[build].push(run(folders[build], dialect));
    }
    const ratios = costs.now.map((cost, round) => cost / costs.before[round]);
    const cells = [medianOf(costs.before).toFixed(0), medianOf(costs.now).toFixed(0)];
    console.log(`| ${dialect} | ${cells.join(' | ')} | ${medianOf(ratios).toFixed(3)} |`);
  }
}

function run(folder, dialect) {
  const args = [fileURLToPath(import.meta.url), '--measure', folder, dialect];
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (status === 0) return Number(stdout);
  console.error(stderr);
  process.exit(1);
}

function medianOf(values) {
  return values.toSorted((one, another) => one - another)[Math.floor(values.length / 2)];
}

/** Prints nanoseconds of CPU for a delivery, ten publications to a session in a turn. */
async function measure(folder, name) {
  const load = (path) => import(pathToFileURL(join(folder, 'dist', path)).href);
  const { createServer } = await load('server/index.js');
  const { ConnectionPair } = await load('testing/index.js');
  const { subprotocol, frames } = DIALECTS[name];
  const server = createServer({
    log: false,
    topics: { '/topic/**': { historySize: 100 } },
    authenticate: ({ token }) => ({ name: token, claims: {}, expiresAtMs: Date.now() + 3_600_000 }),
  });
  server.access.allow('any', '/topic/**');
  const pool = new Uint8Array(POOL_BYTES).fill(1);
  let [place, sum, count] = [0, 0, 0];
  const readOthers = () => {
    for (let read = 0; read < OTHER_BYTES / LINE_BYTES; read++) {
      place = (place + LINE_BYTES) & (POOL_BYTES - 1);
      sum += pool[place];
    }
  };
  for (let index = 0; index < SESSION_COUNT; index++) {
    const pair = new ConnectionPair(loopTime, server.accept, { handshake: { subprotocol } });
    pair.connection.sendBatch = (batch) => {
      count += batch.messages.length;
      readOthers();
    };
    for (const frame of frames(`user${index}`)) {
      pair.sendText(frame);
      for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
    }
  }
  const round = async (publicationCount) => {
    for (let published = 0; published < publicationCount; published += 10) {
      const target = count + 10 * SESSION_COUNT;
      for (let one = 0; one < 10; one++) void server.publish(TOPIC, 'x'.repeat(64));
      while (count < target) await new Promise(setImmediate);
    }
  };
  await round(2_000);
  const costs = [];
  for (let sample = 0; sample < 7; sample++) {
    const writeCount = 150 * SESSION_COUNT;
    const delivering = await cpuNs(() => round(1_500));
    const reading = await cpuNs(() => {
      for (let write = 0; write < writeCount; write++) readOthers();
    });
    costs.push((delivering - reading) / writeCount);
  }
  if (sum === 0) throw new Error('nothing was read between two deliveries');
  console.log(String(medianOf(costs)));
  process.exit(0);
}

async function cpuNs(work) {
  const started = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(started);
  return (user + system) * 1_000;
}
