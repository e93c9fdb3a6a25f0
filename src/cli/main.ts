#!/usr/bin/env node
/** Owns the start of the program `tideway`. */
import process from 'node:process';
import { loadModule } from './load-module.js';

try {
  const { run } = loadModule('./program.js') as typeof import('./program.js');
  const { createTerminal } = loadModule('./terminal.js') as typeof import('./terminal.js');
  const terminal = createTerminal(process);
  const exitCode = await run(process.argv.slice(2), terminal);
  await terminal.flushed();
  process.exit(exitCode);
} catch (error) {
  // Nothing of the program may be there to say it with.
  const { message } = error as Error;
  const hint = message.includes('EMFILE') ? '; raise the limit of open files (ulimit -n)' : '';
  console.error(`error: the program could not be loaded: ${message}${hint}`);
  process.exit(1);
}
