#!/usr/bin/env node
/** Owns the start of the program `tideway`. */
import process from 'node:process';
import { run } from './program.js';
import { createTerminal } from './terminal.js';

const terminal = createTerminal(process);
const exitCode = await run(process.argv.slice(2), terminal);
await terminal.flushed();
process.exit(exitCode);
