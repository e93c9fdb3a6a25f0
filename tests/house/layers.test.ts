/** Proves that imports go down only, through the doors, and that packages and the host stay where they belong. */
import assert from 'node:assert/strict';
import { posix } from 'node:path';
import { test } from 'node:test';
import { HOST_FREE_LAYERS, jsonOf, shippedSources, textOf, withoutComments } from './repository.js';

/** What each layer may import; the order is that of the house, from the ground up. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  foundation: [],
  message: ['foundation'],
  protocol: ['foundation'],
  session: ['message', 'foundation'],
  transport: ['protocol', 'session', 'foundation'],
  routing: ['session', 'message', 'foundation'],
  streams: ['session', 'message', 'foundation'],
  dialect: ['protocol', 'session', 'routing', 'message', 'foundation'],
  mounts: ['streams', 'routing', 'session', 'message', 'foundation'],
  storage: ['streams', 'message', 'foundation'],
  cluster: ['streams', 'message', 'foundation'],
  // `mounts` for the port of mounts/app that it implements.
  http: ['mounts', 'routing', 'session', 'streams', 'message', 'foundation'],
  client: ['protocol', 'message', 'foundation'],
  server: [
    'http',
    'cluster',
    'storage',
    'mounts',
    'dialect',
    'streams',
    'routing',
    'transport',
    'client',
    'session',
    'protocol',
    'message',
    'foundation',
  ],
  cli: ['server', 'client', 'transport', 'protocol', 'foundation'],
  testing: ['streams', 'routing', 'session', 'message', 'foundation'],
};

/** Layers that consist of rooms, each with a door of its own. */
const HAS_ROOMS = new Set(['protocol', 'dialect', 'mounts', 'storage', 'cluster']);
/**
 * Rooms of one folder that stand on floors, from the ground up. A file may import what is on its own floor or below, file by file: nobody
 * else comes in there. What lies in the folder itself stands above them all.
 */
const FLOORS: Readonly<Record<string, readonly string[]>> = {
  'transport/websocket': [
    'tuning',
    'limits',
    'compression',
    'socket',
    'handshakes',
    'events',
    'ws',
    'standard',
  ],
};
/** Rooms that their siblings may enter, by the door: what those would otherwise hold twice. They enter no sibling themselves. */
const GROUND_ROOMS = new Set(['dialect/opening']);
const MAY_USE_PACKAGES = new Set(['http', 'server', 'cli', 'storage', 'cluster']);
const MAY_USE_NODE = new Set(['transport', ...MAY_USE_PACKAGES]);

const IMPORT =
  /^\s*(?:import|export)\s+[\w$*{}\s,]*?from\s*['"]([^'"]+)['"]|^\s*import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm;

interface Place {
  readonly layer: string;
  /** Only in a layer that has rooms. */
  readonly room: string;
  /** What is left of the path inside the layer or room. */
  readonly file: string;
}

function placeOf(path: string): Place {
  const [, layer = '', ...rest] = path.split('/');
  const room = HAS_ROOMS.has(layer) ? (rest.shift() ?? '') : '';
  return { layer, room, file: rest.join('/') };
}

const packages = Object.keys(
  (jsonOf('package.json') as { dependencies: Record<string, string> }).dependencies,
);

/** The files that an entry of `exports` leads to, whatever the condition. */
function filesOf(entry: unknown): string[] {
  if (typeof entry === 'string') return [entry];
  return Object.values(Object(entry) as object).flatMap(filesOf);
}

/** Doors beside `index.ts`: files that `exports` leads to. */
const publishedDoors = new Set(
  Object.values((jsonOf('package.json') as { exports: Record<string, unknown> }).exports)
    .flatMap(filesOf)
    .map((path) => path.replace('./dist/', 'src/')),
);

/** What is wrong with the imports of a file, in words. */
function offences(path: string, text: string): string[] {
  return [...withoutComments(text).matchAll(IMPORT)].flatMap((match) => {
    const target = match[1] ?? match[2] ?? match[3] ?? '';
    const offence = target.startsWith('.')
      ? offenceOfRelative(path, target)
      : offenceOfBare(placeOf(path).layer, target);
    return offence === undefined ? [] : [`${path} ${offence}: ${target}`];
  });
}

function offenceOfRelative(path: string, target: string): string | undefined {
  const targetPath = posix.join(posix.dirname(path), target);
  if (!targetPath.startsWith('src/')) return 'leaves the sources';
  const from = placeOf(path);
  const to = placeOf(targetPath);
  if (from.layer === to.layer) {
    if (from.room === to.room) return goesUp(path, targetPath) ? 'goes up a floor' : undefined;
    if (!GROUND_ROOMS.has(`${to.layer}/${to.room}`)) return 'reaches into a sibling room';
    return to.file === 'index.js' ? undefined : 'goes round the door';
  }
  if (MAY_IMPORT[from.layer]?.includes(to.layer) !== true) return 'imports upwards or sideways';
  const isDoor = to.file === 'index.js' || publishedDoors.has(targetPath);
  return isDoor ? undefined : 'goes round the door';
}

/** Whether a file in a folder with floors reaches for what is above it: a higher floor, the folder's own files, or those around it. */
function goesUp(path: string, target: string): boolean {
  const found = Object.entries(FLOORS).find(([folder]) => path.startsWith(`src/${folder}/`));
  if (found === undefined) return false;
  const [folder, floors] = found;
  const floorOf = (file: string): number => {
    const [room = ''] = file.slice(`src/${folder}/`.length).split('/');
    const floor = floors.indexOf(room);
    return floor < 0 ? floors.length : floor;
  };
  // Clock and randomness of the host are the ground that all floors stand on.
  if (!target.startsWith(`src/${folder}/`)) return !/\/node-\w+\.js$/.test(target);
  return floorOf(target) > floorOf(path);
}

function offenceOfBare(layer: string, target: string): string | undefined {
  if (target.startsWith('node:')) {
    return MAY_USE_NODE.has(layer) ? undefined : 'imports the host';
  }
  if (!MAY_USE_PACKAGES.has(layer)) return 'imports a package';
  const isOurs = packages.some((name) => target === name || target.startsWith(`${name}/`));
  return isOurs ? undefined : 'imports a package that is no dependency';
}

test('imports go down only, through the door of a layer or room', () => {
  assert.deepEqual(
    shippedSources().flatMap((path) => offences(path, textOf(path))),
    [],
  );
});

test('every folder of src/ is a layer that the table knows, and no layer may import one above it', () => {
  const order = Object.keys(MAY_IMPORT);
  for (const path of shippedSources()) assert.ok(order.includes(placeOf(path).layer), path);
  for (const layer of order) {
    const lower = reachableFrom(layer);
    assert.ok(!lower.has(layer), `${layer} reaches itself`);
    if (!HOST_FREE_LAYERS.includes(layer)) continue;
    for (const other of lower) assert.ok(HOST_FREE_LAYERS.includes(other), `${layer} → ${other}`);
  }
});

function reachableFrom(layer: string, seen = new Set<string>()): Set<string> {
  for (const other of MAY_IMPORT[layer] ?? []) {
    if (seen.has(other)) continue;
    seen.add(other);
    reachableFrom(other, seen);
  }
  return seen;
}

test('every room of a folder with floors has its floor, and every floor is a room', () => {
  for (const [folder, floors] of Object.entries(FLOORS)) {
    const rooms = shippedSources()
      .filter((path) => path.startsWith(`src/${folder}/`))
      .map((path) => path.slice(`src/${folder}/`.length))
      .flatMap((path) => (path.includes('/') ? [path.slice(0, path.indexOf('/'))] : []));
    assert.deepEqual([...new Set(rooms)].sort(), [...floors].sort());
  }
});

test('what is inside each import of the house was seen', () => {
  const importCount = shippedSources()
    .map((path) => textOf(path))
    .flatMap((text) => [...withoutComments(text).matchAll(IMPORT)]).length;
  const lineCount = shippedSources()
    .flatMap((path) => withoutComments(textOf(path)).split('\n'))
    .filter((line) => /\bfrom '[^']+';$|^import '|\bimport\('/.test(line)).length;
  assert.equal(importCount, lineCount);
});

/** The tests of this test: each of these has to be an offence, with these words. */
const BAD: readonly [words: RegExp, path: string, text: string][] = [
  [/upwards/, 'src/message/a.ts', "import { x } from '../session/index.js';"],
  [/upwards/, 'src/foundation/a.ts', "import { x } from '../message/index.js';"],
  [/upwards/, 'src/session/a.ts', "export type { X } from '../routing/index.js';"],
  [/upwards/, 'src/streams/a.ts', "import type { Mount } from '../mounts/topics/index.js';"],
  [/upwards/, 'src/transport/a.ts', "const x = await import('../server/index.js');"],
  [/upwards/, 'src/session/a.ts', "type X = import('../streams/index.js').Stream;"],
  [/sideways/, 'src/routing/a.ts', "import { Streams } from '../streams/index.js';"],
  [/sideways/, 'src/mounts/app/a.ts', "import { x } from '../../dialect/native/index.js';"],
  [
    /sideways/,
    'src/dialect/native/a.ts',
    "import {\n  x,\n  type Y,\n} from '../../mounts/app/index.js';",
  ],
  [/sideways/, 'src/client/a.ts', "import { WebSocket } from '../transport/index.js';"],
  [/sibling/, 'src/mounts/app/a.ts', "import { x } from '../topics/index.js';"],
  [/sibling/, 'src/protocol/native/a.ts', "import { x } from '../websocket/index.js';"],
  [/sibling/, 'src/dialect/opening/a.ts', "export * from '../native/index.js';"],
  [/round/, 'src/dialect/native/a.ts', "import { x } from '../opening/opening.js';"],
  [/sibling/, 'src/dialect/selection/a.ts', "export * from '../native/index.js';"],
  [/round the door/, 'src/transport/a.ts', "import { x } from '../protocol/websocket/masking.js';"],
  [/round the door/, 'src/transport/a.ts', "import { x } from '../protocol/index.js';"],
  [/round the door/, 'src/session/a.ts', "import { x } from '../foundation/ring.js';"],
  [/round the door/, 'src/server/a.ts', "import '../client/client.js';"],
  [/leaves the sources/, 'src/server/a.ts', "import x from '../../scripts/system.mjs';"],
  [/floor/, 'src/transport/websocket/socket/a.ts', "import { x } from '../ws/web-socket.js';"],
  [
    /floor/,
    'src/transport/websocket/ws/a.ts',
    "import { x } from '../../websocket-connection.js';",
  ],
  [/floor/, 'src/transport/websocket/tuning/a.ts', "import { x } from '../../websocket/index.js';"],
  [/a package/, 'src/routing/a.ts', "import { z } from 'zod';"],
  [/a package/, 'src/transport/a.ts', "import type { WebSocket } from 'ws';"],
  [/a package/, 'src/client/a.ts', "import type { WebSocket } from 'tideway/websocket';"],
  [/no dependency/, 'src/server/a.ts', "import { WebSocket } from 'ws';"],
  [/the host/, 'src/protocol/websocket/a.ts', "import {\n  type Socket,\n} from 'node:net';"],
  [/the host/, 'src/client/a.ts', "import { Buffer } from 'node:buffer';"],
];
for (const [words, path, text] of BAD) {
  test(`it can fail: ${text.replace(/\s+/g, ' ')} in ${path}`, () => {
    const found = offences(path, text);
    assert.equal(found.length, 1);
    assert.match(found[0] ?? '', words);
  });
}

test('it does not cry wolf', () => {
  const fine: readonly [path: string, text: string][] = [
    ['src/session/a.ts', "import type { Message } from '../message/index.js';"],
    ['src/mounts/app/a.ts', "import { x } from './handler.js';"],
    ['src/mounts/app/a.ts', "import { x } from '../../foundation/index.js';"],
    ['src/transport/websocket/ws/a.ts', "import { x } from '../../node-random.js';"],
    ['src/transport/websocket/ws/a.ts', "import { x } from '../socket/endpoint.js';"],
    ['src/transport/a.ts', "import { x } from './websocket/socket/endpoint.js';"],
    ['src/transport/a.ts', "import { x } from '../protocol/websocket/index.js';"],
    ['src/server/a.ts', "import { jwtVerify } from 'jose';"],
    ['src/cli/a.ts', "import { Client } from '../server/node-client.js';"],
    ['src/http/a.ts', "import { bodyLimit } from 'hono/body-limit';"],
    ['src/foundation/a.ts', "// import { x } from '../message/index.js';"],
    ['src/foundation/a.ts', "/**\n * import { x } from 'tideway';\n */"],
    ['src/foundation/a.ts', "export function f(): string {\n  return 'a word from \\'here\\'';\n}"],
  ];
  for (const [path, text] of fine) assert.deepEqual(offences(path, text), []);
});
