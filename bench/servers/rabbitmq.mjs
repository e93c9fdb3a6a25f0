// RabbitMQ with its web-stomp plugin: Debian's package, data and ports of its own, ended with this process.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

/** The program itself: the command in /usr/sbin becomes another user first. */
const [RABBITMQ_SERVER] = process.argv.slice(2);
const [stompPort, distributionPort, namePort] = await freePorts(3);
const folder = mkdtempSync(join(tmpdir(), 'tideway-rabbitmq-'));
const inFolder = (name) => join(folder, name);
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

writeFileSync(
  inFolder('rabbitmq.conf'),
  `listeners.tcp = none
stomp.listeners.tcp = none
web_stomp.tcp.ip = 127.0.0.1
web_stomp.tcp.port = ${stompPort}
web_stomp.ws_frame = text
vm_memory_high_watermark.relative = 0.4
`,
);
writeFileSync(inFolder('enabled_plugins'), '[rabbitmq_web_stomp].\n');
writeFileSync(inFolder('rabbitmq-env.conf'), '');

const env = {
  PATH: process.env.PATH,
  // The cookie of the node stands here.
  HOME: folder,
  LANG: 'C.UTF-8',
  ERL_EPMD_ADDRESS: '127.0.0.1',
  ERL_EPMD_PORT: String(namePort),
  RABBITMQ_NODENAME: `bench${process.pid}@localhost`,
  RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
  RABBITMQ_DIST_PORT: String(distributionPort),
  RABBITMQ_MNESIA_BASE: inFolder('mnesia'),
  RABBITMQ_LOG_BASE: inFolder('log'),
  RABBITMQ_CONFIG_FILE: inFolder('rabbitmq.conf'),
  RABBITMQ_CONF_ENV_FILE: inFolder('rabbitmq-env.conf'),
  RABBITMQ_ENABLED_PLUGINS_FILE: inFolder('enabled_plugins'),
  // As under systemd the script becomes the node, and does not stay above it: what ends the one ends the other.
  NOTIFY_SOCKET: '/dev/null',
  // Schedulers that have nothing to do sleep: waiting awake would be counted as work.
  RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '+sbwt none +sbwtdcpu none +sbwtdio none',
};

// Started here, or the node would start one that outlives it.
// It complains about whoever connects and says nothing, such as the next line.
const names = startChild(['epmd', '-address', '127.0.0.1', '-port', String(namePort)], 'ignore');
await listening(namePort);
const node = startChild([RABBITMQ_SERVER]);
// Whoever started this is done with it, or gone. There is nothing to keep.
process.stdin.on('end', () => void stop()).resume();
await booted();
console.log(`ready ${stompPort}`);

/** It dies with this process, however that dies. */
function startChild(command, stderr = 'inherit') {
  const canFollow = spawnSync('setpriv', ['--version']).status === 0;
  const whole = canFollow ? ['setpriv', '--pdeathsig', 'KILL', ...command] : command;
  const child = spawn(whole[0], whole.slice(1), {
    env,
    cwd: folder,
    stdio: ['ignore', 'pipe', stderr],
  });
  child.on('error', (error) => fail(error.message));
  return child;
}

function booted() {
  return new Promise((resolve) => {
    let said = '';
    const died = () => fail(`it ended before it was up:\n${said}`);
    node.on('exit', died);
    node.stdout.on('data', (octets) => {
      said += octets;
      if (!/completed with \d+ plugins/.test(said)) return;
      said = '';
      node.off('exit', died);
      resolve();
    });
  });
}

async function stop() {
  const ended = [node, names].map((child) => once(child, 'exit'));
  node.kill('SIGKILL');
  names.kill('SIGKILL');
  await Promise.all(ended);
  process.exit(0);
}

function fail(message) {
  console.error(`RabbitMQ: ${message}`);
  process.exit(1);
}

async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}

/** Resolves when somebody takes connections at a port. */
async function listening(port) {
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    const isThere = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'close').then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (isThere) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
