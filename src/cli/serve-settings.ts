/** Owns what `serve` runs with: flags before the environment, before the config file, before the defaults. */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { loadConfig, type LoadedConfig } from './config-file.js';
import type { Config } from './config.js';
import { wrongUse } from './failure.js';
import { parsePort } from './port.js';

export interface ServeFlags {
  readonly config?: string;
  readonly app?: string;
  readonly static?: string;
  readonly host?: string;
  readonly port?: number;
}

export interface ServeSettings {
  readonly config: Config;
  readonly configFile: string | undefined;
  readonly wrong: LoadedConfig['wrong'];
}

/** Throws a CommandFailure that names the flag, the variable or the key. */
export function serveSettings(flags: ServeFlags, env: NodeJS.ProcessEnv): ServeSettings {
  const configFile = flags.config;
  const { config: fromFile, wrong } = loadConfig(configFile);
  // Node would take it for "every address", and an unset variable of a shell is how it comes about.
  if (flags.host === '') throw wrongUse('--host: expected a host name or an address, got nothing');
  const port = flags.port ?? portOfEnvironment(env['PORT']);
  const config: Config = {
    ...fromFile,
    ...(flags.host !== undefined && { host: flags.host }),
    ...(port !== undefined && { port }),
    ...(flags.app !== undefined && { app: { ...fromFile.app, module: resolve(flags.app) } }),
    ...(flags.static !== undefined && { static: resolve(flags.static) }),
  };
  if (config.static !== undefined && !isDirectory(config.static)) {
    const words = `${config.static} is not a directory`;
    throw flags.static === undefined ? wrong(['static'], words) : wrongUse(`--static: ${words}`);
  }
  return { config, configFile, wrong };
}

function portOfEnvironment(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  const port = parsePort(text);
  if (port === undefined) {
    throw wrongUse(`the environment's PORT: expected a number from 0 to 65535, got "${text}"`);
  }
  return port;
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
