// Who is measured: the command that starts each server program, and whether it is to be had here.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

export const benchFolder = fileURLToPath(new URL('.', import.meta.url));
const server = (name) => join(benchFolder, 'servers', `${name}.mjs`);

/** Answers `{ [id]: { label, version, command?, why? } }`; without a command it is not to be had, for the reason `why`. */
export function findPeers() {
  const node = process.execPath;
  const inNode = (label, version, file) => ({ label, version, command: [node, file] });
  const own = versionIn(join(benchFolder, '../package.json'));
  return {
    tideway: inNode('Tideway', own, server('tideway')),
    ws: { ...inNode('ws', installed('ws'), server('ws')), ...unlessInstalled('ws') },
    'ws-bufferutil': {
      ...inNode('ws + bufferutil', installed('bufferutil'), server('ws-bufferutil')),
      ...unlessInstalled('bufferutil'),
    },
    bun: bun(),
    uws: uws(),
    floor: inNode('floor', process.version, join(benchFolder, 'floor/echo.mjs')),
    'floor-fan-out': inNode('floor', process.version, join(benchFolder, 'floor/fan-out.mjs')),
    'net-socket': inNode('net.Socket', process.version, server('net-socket')),
    broker: inNode('Tideway broker', own, server('broker')),
    stomp: inNode('Tideway STOMP', own, server('broker')),
    rabbitmq: rabbitmq(),
    'socket-io': {
      ...inNode('Socket.IO', installed('socket.io'), server('socket-io')),
      ...unlessInstalled('socket.io'),
    },
  };
}

const manifestOf = (name) => join(benchFolder, 'node_modules', name, 'package.json');
const versionIn = (manifest) => JSON.parse(readFileSync(manifest, 'utf8')).version;
const installed = (name) => (existsSync(manifestOf(name)) ? versionIn(manifestOf(name)) : '');
const unlessInstalled = (name) =>
  installed(name) === '' ? { command: undefined, why: `${name} is not installed in bench/` } : {};

/** The binaries themselves: the package `bun` would fetch them in an install script. */
const BUN_PACKAGES = ['@oven/bun-linux-x64', '@oven/bun-linux-x64-baseline'];

function bun() {
  for (const name of BUN_PACKAGES) {
    const binary = join(benchFolder, 'node_modules', name, 'bin/bun');
    // A processor without AVX2 ends the first one at its first instruction of that kind.
    const { status, stdout } = spawnSync(binary, ['--version'], { encoding: 'utf8' });
    if (status === 0) {
      return { label: 'Bun', version: stdout.trim(), command: [binary, server('bun')] };
    }
  }
  const why =
    `${BUN_PACKAGES[0]} is not installed or does not run here; for a processor without AVX2: ` +
    `npm install --prefix bench --no-save ${BUN_PACKAGES[1]}`;
  return { label: 'Bun', version: '', why };
}

function uws() {
  const label = 'uWebSockets.js';
  const found = spawnSync(process.execPath, ['-e', "require('uwebsockets')"], { cwd: benchFolder });
  if (found.status !== 0) {
    const why = `the package uwebsockets is not installed, or has no binary for ${process.version}`;
    return { label, version: '', why };
  }
  const manifest = createRequire(import.meta.url).resolve('uwebsockets/package.json');
  const version = `uwebsockets ${versionIn(manifest)}`;
  return { label, version, command: [process.execPath, server('uws')] };
}

const RABBITMQ_SERVER = '/usr/lib/rabbitmq/bin/rabbitmq-server';

export const hasRabbitMq = () => existsSync(RABBITMQ_SERVER);

function rabbitmq() {
  const label = 'RabbitMQ';
  const version = spawnSync('dpkg-query', ['-W', '-f', '${Version}', 'rabbitmq-server'], {
    encoding: 'utf8',
  });
  if (!hasRabbitMq()) {
    return { label, version: '', why: "Debian's package rabbitmq-server is not installed" };
  }
  return {
    label,
    version: version.stdout?.trim() ?? '',
    command: [process.execPath, server('rabbitmq'), RABBITMQ_SERVER],
    // A node of Erlang with its plugins takes its time.
    startTimeoutMs: 120_000,
  };
}
