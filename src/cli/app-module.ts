/** Owns loading the app module of `serve --app`, and running its `configure(server)`. */
import { statSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import type { TidewayServer } from '../server/index.js';
import { failed, stackOf, wordsOf, wrongUse, type CommandFailure } from './failure.js';

/** Resolves when `configure` has settled. Throws a CommandFailure that names the file. */
export async function configureByModule(file: string, server: TidewayServer): Promise<void> {
  if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) {
    throw wrongUse(`app module ${file}: there is no such file`);
  }
  const configure = await configureOf(file);
  try {
    await configure(server);
  } catch (error) {
    throw broken(file, 'its configure(server) failed', error);
  }
}

async function configureOf(file: string): Promise<(server: TidewayServer) => unknown> {
  let module: Readonly<Record<string, unknown>>;
  try {
    module = (await import(pathToFileURL(file).href)) as typeof module;
  } catch (error) {
    throw broken(file, 'it could not be loaded', error);
  }
  const { configure } = module;
  if (typeof configure === 'function') return configure as (server: TidewayServer) => unknown;
  const names = Object.keys(module).join(', ') || 'nothing';
  throw failed(
    `app module ${file}: it exports no function "configure" (it exports ${names}). ` +
      'Write: export function configure(server) { … }',
  );
}

/** With the stack: the fault is in the user's own code, and the stack says where. */
function broken(file: string, what: string, error: unknown): CommandFailure {
  const frames =
    stackOf(error)
      ?.split('\n')
      .filter((line) => /^\s+at /.test(line)) ?? [];
  const lines = [`app module ${file}: ${what}: ${wordsOf(error)}`, ...frames.slice(0, 8)];
  return failed(lines.join('\n'), { cause: error });
}
