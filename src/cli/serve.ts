/** Owns running a server: settings become one that lives until it is told to stop. */
import {
  authenticated,
  createServer,
  MemoryMetrics,
  RequestError,
  type ServerOptions,
  type TidewayServer,
  type TokenOptions,
} from '../server/index.js';
import { configureByModule } from './app-module.js';
import type { Config } from './config.js';
import { EXIT_FAILURE, failed, systemCodeOf, wordsOf, type CommandFailure } from './failure.js';
import { createServerLog } from './server-log.js';
import { serveSettings, type ServeFlags, type ServeSettings } from './serve-settings.js';
import { startLines } from './start-lines.js';
import type { Terminal } from './terminal.js';

/** Resolves when a signal has ended the server. Throws a CommandFailure. */
export async function serve(flags: ServeFlags, terminal: Terminal): Promise<void> {
  const settings = serveSettings(flags, terminal.env);
  const { config } = settings;
  terminal.outliveOutput();
  const metrics = new MemoryMetrics();
  const log = createServerLog(config.log.level, metrics);
  const server = createServer({ ...serverOptionsOf(config), log, metrics });
  applyRules(server, settings);
  try {
    if (config.app.module !== undefined) await configureByModule(config.app.module, server);
    await listen(server, config);
  } catch (error) {
    await server.close();
    throw error;
  }
  const stopped = untilSignal(terminal);
  for (const line of startLines(server, settings, terminal)) terminal.print(line);
  log.debug('listening', { ...server.address });
  const signal = await stopped;
  terminal.note(`${signal}: closing; a second signal ends it at once`);
  await server.close();
  log.debug('closed', { signal });
}

function serverOptionsOf(config: Config): ServerOptions {
  const { tokens, path, endpoints, prefixes, contentSecurityPolicy } = config;
  const { allowedOrigins, trustedProxies, apiKeys, defaultAccess, limits } = config;
  return {
    ...(path !== undefined && { path }),
    ...(endpoints !== undefined && { endpoints }),
    prefixes,
    allowedOrigins,
    trustedProxies,
    apiKeys,
    defaultAccess,
    limits,
    ...(config.static !== undefined && { staticDirectory: config.static }),
    ...(contentSecurityPolicy !== undefined && { contentSecurityPolicy }),
    // The schema wants the secret or its file, and the file has been read.
    ...(tokens?.hmacSecret !== undefined && {
      tokens: tokenOptionsOf(tokens, tokens.hmacSecret),
    }),
  };
}

/** Without the path of the secret's file, which is no option of a server. */
function tokenOptionsOf(
  { issuer, audience, clockToleranceMs, allowAnonymous }: NonNullable<Config['tokens']>,
  hmacSecret: string,
): TokenOptions {
  return {
    hmacSecret,
    clockToleranceMs,
    allowAnonymous,
    ...(issuer !== undefined && { issuer }),
    ...(audience !== undefined && { audience }),
  };
}

/** Before the app module, so that what the operator wrote holds where both name a topic or a mapping. */
function applyRules(server: TidewayServer, { config, wrong }: ServeSettings): void {
  const apply = (path: readonly PropertyKey[], change: () => void): void => {
    try {
      change();
    } catch (error) {
      if (error instanceof RequestError || error instanceof RangeError) {
        throw wrong(path, error.message);
      }
      throw error;
    }
  };
  for (const [pattern, rule] of Object.entries(config.topics)) {
    apply(['topics', pattern], () => server.topics.rule(pattern, rule));
  }
  for (const [pattern, entry] of Object.entries(config.app.forwards)) {
    apply(['app', pattern], () => server.forward(pattern, entry));
  }
  for (const [pattern, rule] of Object.entries(config.work)) {
    apply(['work', pattern], () => server.work.rule(pattern, rule));
  }
  for (const [index, { effect, operations, pattern, who }] of config.access.entries()) {
    const condition = who === 'authenticated' ? authenticated : undefined;
    apply(['access', index, 'pattern'], () =>
      server.access[effect](operations, pattern, condition),
    );
  }
}

async function listen(server: TidewayServer, { host, port }: Config): Promise<void> {
  try {
    await server.listen({ host, port });
  } catch (error) {
    throw listenFailure(error, host, port);
  }
}

function listenFailure(error: unknown, host: string, port: number): CommandFailure {
  const cause = { cause: error };
  switch (systemCodeOf(error)) {
    case 'EADDRINUSE':
      return failed(`port ${port} is taken; choose another with --port or PORT`, cause);
    case 'EACCES':
      return failed(
        `this user may not listen on port ${port}; choose another with --port or PORT`,
        cause,
      );
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return failed(`"${host}" is no address of this machine; choose another with --host`, cause);
    case 'EMFILE':
    case 'ENFILE':
      return failed(
        'no file descriptor is left to listen with; raise the limit of open files: ulimit -n, or LimitNOFILE of a systemd unit',
        cause,
      );
    default:
      return failed(`cannot listen on ${host} port ${port}: ${wordsOf(error)}`, cause);
  }
}

/** Resolves with the first signal to stop; the next one ends the process. */
function untilSignal(terminal: Terminal): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let isStopping = false;
    const stop = (signal: NodeJS.Signals): void => {
      if (isStopping) {
        terminal.note(`${signal} again: ended without closing`);
        process.exit(EXIT_FAILURE);
      }
      isStopping = true;
      resolve(signal);
    };
    process.on('SIGINT', stop);
    process.on('SIGTERM', stop);
    // What sends it, a log rotation or a terminal that is closed, does not mean the server.
    process.on('SIGHUP', () =>
      terminal.note('SIGHUP: nothing is read anew; restart for another configuration'),
    );
  });
}
