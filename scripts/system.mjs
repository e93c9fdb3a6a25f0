// Owns what the tests need from the system: finds it, installs it where it may, says by name what is missing.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const succeeds = (command, ...args) => spawnSync(command, args, { stdio: 'ignore' }).status === 0;

/** Debian package, what is tested with it, and how to see that it is there. */
export const needs = [
  { name: 'chromium', for: 'browser tests', present: () => existsSync('/usr/bin/chromium') },
  {
    name: 'python3-websockets',
    for: 'interop with Python',
    present: () => succeeds('/usr/bin/python3', '-c', 'import websockets'),
  },
];

const INSTALL_TIMEOUT_MS = 240_000;

function install(names) {
  const apt = (...args) =>
    spawnSync('apt-get', ['-q', ...args], {
      stdio: ['ignore', 'ignore', 'inherit'],
      timeout: INSTALL_TIMEOUT_MS,
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    });
  console.log(`installing for the tests: ${names.join(', ')}`);
  apt('update');
  apt('install', '-y', '--no-install-recommends', ...names);
}

/** Installs what is missing if it may; answers one line of text per part that stays missing. */
export function provide() {
  let missing = needs.filter((need) => !need.present());
  const mayInstall = process.getuid?.() === 0 && succeeds('apt-get', '--version');
  if (missing.length > 0 && mayInstall) {
    install(missing.map((need) => need.name));
    missing = needs.filter((need) => !need.present());
  }
  const why = mayInstall ? 'apt-get could not install it' : 'not root, or no apt-get';
  return missing.map((need) => ({
    name: need.name,
    line: `NOT TESTED: ${need.for}: ${need.name} is not installed (${why})`,
  }));
}
