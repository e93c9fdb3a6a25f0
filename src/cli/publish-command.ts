/** Owns `tideway publish`: one message to a destination, and the place that it got. */
import type { Command } from 'commander';
import { addMessageOptions, messageToSend, type MessageFlags } from './body.js';
import { addConnectionOptions, withConnection, type ConnectionFlags } from './connection.js';
import type { Terminal } from './terminal.js';

type PublishFlags = ConnectionFlags & MessageFlags;

export function addPublishCommand(program: Command, terminal: Terminal): void {
  const name = terminal.commandName;
  const command = program
    .command('publish')
    .description('send one message, and print the position that it got')
    .argument('<destination>', 'where to, such as /topic/chat')
    .argument('[body]', 'JSON; - or nothing: read from stdin', '-')
    .addHelpText(
      'after',
      `
Prints the position as a cursor (subscribe --cursor continues after it); nothing where a
destination has no positions, such as a handler below /app.

Examples:
  ${name} publish /topic/chat '{"name":"Ada","text":"hello"}'
  ${name} publish /topic/news --text 'no quotes needed'
  date | ${name} publish /topic/clock --text`,
    )
    .action((destination: string, body: string, flags: PublishFlags) =>
      publish(destination, body, flags, terminal),
    );
  addConnectionOptions(addMessageOptions(command));
}

async function publish(
  destination: string,
  argument: string,
  flags: PublishFlags,
  terminal: Terminal,
): Promise<void> {
  const { body, ...options } = await messageToSend(argument, flags, terminal);
  const { epoch, offset, isDuplicate } = await withConnection(flags, terminal, (client) =>
    client.send(destination, body, options),
  );
  if (epoch === undefined) terminal.note('done; this destination has no positions');
  else terminal.print(`${epoch}:${offset}`);
  if (isDuplicate === true) terminal.note('that message id was known: nothing was published again');
}
