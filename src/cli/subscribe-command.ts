/** Owns `tideway subscribe`: each publication a line on stdout, what happens to the connection on stderr. */
import { InvalidArgumentError, type Command } from 'commander';
import type {
  Client,
  Content,
  StateChange,
  SubscribedInfo,
  SubscriptionHandlers,
} from '../server/node-client.js';
import {
  addConnectionOptions,
  disconnected,
  newClient,
  refused,
  type ConnectionFlags,
} from './connection.js';
import { failed, type CommandFailure } from './failure.js';
import { isHopeless } from './hopeless.js';
import { bodyLine, wholeLine } from './output.js';
import type { Terminal } from './terminal.js';

interface SubscribeFlags extends ConnectionFlags {
  readonly count?: number;
  readonly cursor?: string;
  readonly json?: boolean;
}

export function addSubscribeCommand(program: Command, terminal: Terminal): void {
  const name = terminal.commandName;
  const command = program
    .command('subscribe')
    .description('print what is published at a destination, a line each')
    .argument('<destination>', "a destination or a pattern, such as /topic/chat or '/topic/*'")
    .option('--count <number>', 'end after this many', countOption)
    .option('--cursor <cursor>', 'continue after this place, as publish prints it', cursorOption)
    .option('--json', 'print the whole publication, not only its body')
    .addHelpText(
      'after',
      `
Comes back by itself when the connection is lost, and says on stderr what was missed. Waits for a
server that does not listen yet; ends where no waiting helps, such as at a path that is none.
At the end, stderr has the cursor with which to continue, where the destination has cursors.

Examples:
  ${name} subscribe /topic/chat
  ${name} subscribe '/topic/**' --json | jq .destination
  ${name} subscribe /topic/chat --count 1`,
    )
    .action((destination: string, flags: SubscribeFlags) =>
      new Subscribing(destination, flags, terminal).run(),
    );
  addConnectionOptions(command);
}

function countOption(text: string): number {
  const count = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  if (count > 0) return count;
  throw new InvalidArgumentError('A count is a whole number from 1 up.');
}

/** As the server says places in streams (semantics S5); of any other text it could only say that something was missed. */
function cursorOption(text: string): string {
  if (/^[\w-]{1,64}:(?:0|[1-9]\d{0,15})$/.test(text)) return text;
  throw new InvalidArgumentError('A cursor is what publish prints and subscribe ends with.');
}

/** One run of the command. */
class Subscribing {
  readonly #destination: string;
  readonly #flags: SubscribeFlags;
  readonly #terminal: Terminal;
  readonly #client: Client;
  #left: number;
  /** A server that was there once comes back, whatever stands in its place meanwhile. */
  #hasConnected = false;
  #isHopeless = false;
  #finish: (failure?: CommandFailure) => void = () => {};

  constructor(destination: string, flags: SubscribeFlags, terminal: Terminal) {
    this.#destination = destination;
    this.#flags = flags;
    this.#terminal = terminal;
    this.#client = newClient(flags, terminal, (error) => (this.#isHopeless = isHopeless(error)));
    this.#left = flags.count ?? Infinity;
  }

  /** Resolves at the count, a signal, or the destination's end. Throws a CommandFailure when it is refused. */
  async run(): Promise<void> {
    const client = this.#client;
    const over = new Promise<CommandFailure | undefined>((resolve) => (this.#finish = resolve));
    const interrupted = (): void => this.#finish();
    process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
    client.onState((change) => this.#stateChanged(change));
    const { cursor } = this.#flags;
    const subscription = client.subscribe(this.#destination, this.#handlers(), { cursor });
    // It rejects with what the listener is told.
    client.connect().catch(() => {});
    const failure = await over;
    const { cursor: reached } = subscription;
    client.close();
    if (failure !== undefined) throw failure;
    if (reached !== undefined) this.#terminal.note(`to continue: --cursor ${reached}`);
  }

  #handlers(): SubscriptionHandlers {
    const note = (line: string): void => this.#terminal.note(line);
    return {
      onPublication: (publication) => this.#received('publication', publication),
      onSnapshot: (snapshot) => this.#received('snapshot', snapshot),
      onReset: (reason) =>
        note(`what came before no longer counts (${reason}); a snapshot follows`),
      onSubscribed: (info) => note(this.#subscribedLine(info)),
      onError: (error) => {
        // From 500 on it means "try again", and the client does.
        if (error.number !== undefined && error.number >= 500) note(refused(error).message);
        else this.#finish(refused(error));
      },
      onEnded: (error) => {
        if (error === undefined) note(`${this.#destination} has nothing more to say`);
        this.#finish(error === undefined ? undefined : refused(error));
      },
    };
  }

  #subscribedLine({ recovered }: SubscribedInfo): string {
    const line = `subscribed to ${this.#destination}`;
    if (recovered === undefined) return line;
    return recovered
      ? `${line}; nothing was missed`
      : `${line}; some may have been missed: the server no longer has what came before`;
  }

  #received(type: string, content: Content): void {
    if (this.#left === 0) return;
    this.#terminal.print(this.#flags.json === true ? wholeLine(type, content) : bodyLine(content));
    this.#left -= 1;
    if (this.#left === 0) this.#finish();
  }

  #stateChanged(change: StateChange): void {
    const { state, reason, code, retryInMs } = change;
    const { url } = this.#flags;
    if (state === 'connected') {
      this.#hasConnected = true;
      this.#terminal.note(`connected to ${url}`);
    }
    if (state !== 'disconnected') return;
    if (retryInMs === undefined || (this.#isHopeless && !this.#hasConnected)) {
      this.#finish(code === 'client/closed' ? failed(reason) : disconnected(change, url));
      return;
    }
    const seconds = (retryInMs / 1000).toFixed(1);
    this.#terminal.note(`not connected to ${url}: ${reason} (${code}); again in ${seconds} s`);
  }
}
