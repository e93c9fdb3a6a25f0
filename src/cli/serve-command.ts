/** Owns `tideway serve` as a command line; what it does is in a file that only it loads. */
import type { Command } from 'commander';
import { loadModule } from './load-module.js';
import { portOption } from './port.js';
import type { ServeFlags } from './serve-settings.js';
import type { Terminal } from './terminal.js';

export function addServeCommand(program: Command, terminal: Terminal): void {
  const name = terminal.commandName;
  program
    .command('serve')
    .description('run a server')
    .option('--config <file>', 'YAML file; flags and PORT go before what it says')
    .option('--app <file>', 'JavaScript module that exports configure(server)')
    .option('--static <directory>', 'files to serve over HTTP')
    .option('--host <host>', 'address to listen on (default: 127.0.0.1, this machine only)')
    .option('--port <port>', 'port to listen on; 0: any (default: PORT, else 8080)', portOption)
    .addHelpText(
      'after',
      `
Examples:
  ${name} serve
  ${name} serve --app ./app.js --static ./public --port 9000
  ${name} serve --config tideway.yaml --host 0.0.0.0`,
    )
    .action(async (flags: ServeFlags) => {
      // The other commands start faster without the server.
      const { serve } = loadModule('./serve.js') as typeof import('./serve.js');
      await serve(flags, terminal);
    });
}
