/** Owns what `serve` tells its user when it has begun to listen: where to look, and what is exposed. */
import { relative } from 'node:path';
import { DIALECT_NAMES, type DialectName, type TidewayServer } from '../server/index.js';
import { DEFAULT_URL } from './connection.js';
import type { ServeSettings } from './serve-settings.js';
import type { Terminal } from './terminal.js';

export function startLines(
  server: TidewayServer,
  settings: ServeSettings,
  terminal: Pick<Terminal, 'bold' | 'dim' | 'commandName'>,
): readonly string[] {
  const { bold, dim, commandName } = terminal;
  const { url = '' } = server;
  const { config } = settings;
  const endpoints = server.endpoints.map(({ path, dialects }) => ({
    address: url.replace(/^http/, 'ws') + path,
    dialects,
  }));
  const facts: (readonly [string, string])[] = [
    ...(config.static === undefined ? [] : [['Page', bold(`${url}/`)] as const]),
    ...endpoints.map(({ address, dialects }) => ['WebSocket', address + spoken(dialects)] as const),
    ['HTTP API', publishLine(url, config.apiKeys.length)],
    ['Access', accessLine(server)],
    ...(settings.configFile === undefined ? [] : [['Config', settings.configFile] as const]),
    ...(config.app.module === undefined ? [] : [['App', relative('', config.app.module)] as const]),
    ...Object.entries(config.app.forwards).map(
      ([pattern, entry]) =>
        [
          'Forward',
          `${server.prefixes.app[0] ?? ''}${pattern} → ${withoutQuery(entry.url)}`,
        ] as const,
    ),
  ];
  // The commands speak the native dialect.
  const endpoint = endpoints.find(({ dialects }) => dialects.includes('native'))?.address;
  const option = endpoint === DEFAULT_URL ? '' : ` --url ${endpoint}`;
  const [topic] = server.prefixes.topic;
  const canTry = server.access.defaultAccess === 'open' && endpoint !== undefined;
  return [
    bold('Tideway is ready.'),
    '',
    ...facts.map(([name, value]) => `  ${dim(name.padEnd(10))} ${value}`),
    '',
    // Elsewhere it depends on the rules who may do this.
    ...(canTry && topic !== undefined
      ? [
          dim('From another terminal:'),
          `  ${commandName} subscribe ${topic}/chat${option}`,
          `  ${commandName} publish ${topic}/chat '{"name":"Terminal","text":"Hello"}'${option}`,
          '',
        ]
      : []),
    dim('Ctrl+C stops it.'),
  ];
}

/** What a path takes, where it is not everything. */
function spoken(dialects: readonly DialectName[]): string {
  return dialects.length === DIALECT_NAMES.length ? '' : ` (${dialects.join(', ')})`;
}

/** A query may have a key in it. */
function withoutQuery(address: string): string {
  const { origin, pathname } = new URL(address);
  return origin + pathname;
}

function publishLine(url: string, keyCount: number): string {
  const keys = keyCount === 1 ? '1 API key' : `${keyCount} API keys`;
  return `${url}/api/publish (POST; ${keyCount === 0 ? 'closed until a config file has apiKeys' : keys})`;
}

function accessLine(server: TidewayServer): string {
  if (server.access.defaultAccess === 'open') {
    return 'open: whatever no rule forbids; only this machine connects, or a proxy on it';
  }
  const { allowRuleCount } = server.access;
  const rules = allowRuleCount === 1 ? '1 rule does' : `${allowRuleCount} rules do`;
  const line = `only what a rule allows, and ${allowRuleCount === 0 ? 'no rule does' : rules}`;
  return allowRuleCount === 0
    ? `${line}: nobody can do anything. Add "access" rules to a config file`
    : line;
}
