/** Owns `tideway request`: one message to a handler, and its replies. */
import { Option, type Command } from 'commander';
import { addMessageOptions, messageToSend, type MessageFlags } from './body.js';
import { addConnectionOptions, withConnection, type ConnectionFlags } from './connection.js';
import { waitOption } from './duration.js';
import { bodyLine, wholeLine } from './output.js';
import type { Terminal } from './terminal.js';

type RequestFlags = ConnectionFlags &
  MessageFlags & { readonly json?: boolean; readonly timeout: number };

export function addRequestCommand(program: Command, terminal: Terminal): void {
  const name = terminal.commandName;
  const command = program
    .command('request')
    .description('ask a destination, and print each reply as a line')
    .argument('<destination>', 'whom, such as /app/hello')
    .argument('[body]', 'JSON; -: read from stdin', 'null')
    .option('--json', 'print the whole reply, not only its body')
    .addOption(
      new Option('--timeout <time>', 'longest wait for a reply, such as 500ms, 30s, 5m')
        .argParser(waitOption)
        .default(30_000, '30s'),
    )
    .addHelpText(
      'after',
      `
Examples:
  ${name} request /app/hello '{"name":"Ada"}'
  ${name} request /app/report --timeout 5m`,
    )
    .action((destination: string, body: string, flags: RequestFlags) =>
      request(destination, body, flags, terminal),
    );
  addConnectionOptions(addMessageOptions(command));
}

async function request(
  destination: string,
  argument: string,
  flags: RequestFlags,
  terminal: Terminal,
): Promise<void> {
  const { body, ...options } = await messageToSend(argument, flags, terminal);
  await withConnection(flags, terminal, async (client) => {
    const replies = client.requestStream(destination, body, {
      ...options,
      timeoutMs: flags.timeout,
    });
    for await (const reply of replies) {
      terminal.print(flags.json === true ? wholeLine('reply', reply) : bodyLine(reply));
    }
  });
}
