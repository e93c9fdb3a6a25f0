/** Owns `tideway token`: a signed token for trying things out, made from the server's own secret. */
import { Option, type Command } from 'commander';
import { durationOption } from './duration.js';
import { loadModule } from './load-module.js';
import type { TokenFlags } from './sign-token.js';
import type { Terminal } from './terminal.js';

export function addTokenCommand(program: Command, terminal: Terminal): void {
  const name = terminal.commandName;
  program
    .command('token')
    .description('print a token (JWT, HS256) that a server with the same secret accepts')
    .requiredOption('--secret-file <file>', 'the secret: at least 32 octets')
    .requiredOption('--sub <name>', 'whom it is for')
    .addOption(
      new Option('--ttl <time>', 'how long it holds, such as 5m, 1h, 7d')
        .argParser(durationOption)
        .default(3_600_000, '1h'),
    )
    .option('--issuer <text>', 'for a server with tokens.issuer')
    .option('--audience <text>', 'for a server with tokens.audience')
    .addHelpText(
      'after',
      `
Examples:
  ${name} token --secret-file secret.txt --sub ada
  TIDEWAY_TOKEN=$(${name} token --secret-file secret.txt --sub ada) ${name} subscribe /topic/chat`,
    )
    .action(async (flags: TokenFlags) => {
      const { signToken } = loadModule('./sign-token.js') as typeof import('./sign-token.js');
      terminal.print(await signToken(flags));
    });
}
