/** Owns the program's commands as a whole: what is called, what an exception means, the exit code. */
import { Command, CommanderError } from 'commander';
import { PACKAGE_VERSION } from '../foundation/index.js';
import { addBenchCommand } from './bench-command.js';
import { CommandFailure, EXIT_FAILURE, EXIT_OK, EXIT_WRONG_USE, stackOf } from './failure.js';
import { addPublishCommand } from './publish-command.js';
import { addRequestCommand } from './request-command.js';
import { addServeCommand } from './serve-command.js';
import { addSubscribeCommand } from './subscribe-command.js';
import type { Terminal } from './terminal.js';
import { addTokenCommand } from './token-command.js';

/** Runs one command line; answers the exit code. */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  try {
    await createProgram(terminal).parseAsync([...args], { from: 'user' });
    return EXIT_OK;
  } catch (error) {
    // Commander has printed what it had to say.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_OK : EXIT_WRONG_USE;
    if (error instanceof CommandFailure) {
      terminal.note(`error: ${error.message}`);
      return error.exitCode;
    }
    terminal.note(`error: ${stackOf(error) ?? String(error)}`);
    return EXIT_FAILURE;
  }
}

function createProgram(terminal: Terminal): Command {
  const name = terminal.commandName;
  const program = new Command(name)
    .usage('<command> [options]')
    .description('Real-time server: one set of destinations for every kind of client.')
    .version(PACKAGE_VERSION)
    .exitOverride()
    .showHelpAfterError('(--help says what there is)')
    .addHelpText(
      'after',
      `
Examples:
  ${name} serve --static ./public
  ${name} subscribe /topic/chat
  ${name} publish /topic/chat '{"text":"hello"}'

Exit codes: 0 fine, 1 failure at run time, 2 wrong use`,
    );
  addServeCommand(program, terminal);
  addSubscribeCommand(program, terminal);
  addPublishCommand(program, terminal);
  addRequestCommand(program, terminal);
  addTokenCommand(program, terminal);
  addBenchCommand(program, terminal);
  return program;
}
