/** Owns what the client commands share: where to connect, as whom, and what a failure says. */
import type { Command } from 'commander';
import { Client, ClientError, type StateChange } from '../server/node-client.js';
import { WebSocket } from '../transport/index.js';
import { failed, wordsOf, wrongUse, type CommandFailure } from './failure.js';
import type { Terminal } from './terminal.js';

/** Where `serve` listens when it is not told otherwise; a test compares. Not computed: the server is slow to load. */
export const DEFAULT_URL = 'ws://localhost:8080/ws';

export interface ConnectionFlags {
  readonly url: string;
  readonly token?: string;
}

export function addConnectionOptions(command: Command): Command {
  return command
    .option('--url <url>', 'the WebSocket endpoint', DEFAULT_URL)
    .option('--token <token>', 'who you are (default: TIDEWAY_TOKEN, else anonymous)');
}

/** A client that has not begun to connect; `socketFailed` is told why a socket did. Throws a CommandFailure for what is no URL. */
export function newClient(
  flags: ConnectionFlags,
  terminal: Terminal,
  socketFailed: (error: Error) => void = () => {},
): Client {
  const token = tokenOf(flags, terminal);
  try {
    return new Client({
      url: flags.url,
      token,
      // The engine's on every Node: it says why a connection failed, the global one does not.
      WebSocket: class extends WebSocket {
        constructor(url: string, protocols: string[]) {
          super(url, protocols);
          this.on('error', socketFailed);
        }
      },
      onError: (error) => terminal.note(`warning: ${wordsOf(error)}`),
    });
  } catch (error) {
    throw wrongUse(`--url: ${wordsOf(error)}`, { cause: error });
  }
}

/** An unset variable of a shell is how an empty flag comes about; nobody becomes anonymous by it. */
export function tokenOf(
  { token }: Pick<ConnectionFlags, 'token'>,
  terminal: Terminal,
): string | undefined {
  if (token === '') {
    throw wrongUse('--token: there is none, it is empty; to be anonymous, leave the flag out');
  }
  return token ?? (terminal.env['TIDEWAY_TOKEN'] || undefined);
}

/** Runs an operation on a connection. One attempt: who asks for one thing wants to know that it failed. */
export async function withConnection<Result>(
  flags: ConnectionFlags,
  terminal: Terminal,
  operate: (client: Client) => Promise<Result>,
): Promise<Result> {
  const client = newClient(flags, terminal);
  try {
    await connected(client, flags.url);
    return await operate(client);
  } catch (error) {
    throw error instanceof ClientError ? refused(error) : error;
  } finally {
    client.close();
  }
}

function connected(client: Client, url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    client.onState((change) => {
      if (change.state === 'connected') resolve();
      if (change.state === 'disconnected') reject(disconnected(change, url));
    });
    // It rejects with what the listener is told, only later.
    client.connect().catch(() => {});
  });
}

/** The failure that a lost or refused connection is. */
export function disconnected({ code, reason }: StateChange, url: string): CommandFailure {
  if (code === 'client/invalid-url') return wrongUse(`--url: ${reason}`);
  return code.startsWith('client/')
    ? failed(`cannot connect to ${url}: ${reason} (${code}). ${adviceOn(reason)}`)
    : failed(`${url} refused the connection: ${reason} (${code})`);
}

/** Whoever is answered need not ask whether something runs there. */
function adviceOn(reason: string): string {
  if (/self-signed|unable to (?:verify|get)/.test(reason)) {
    return 'Its certificate is not trusted; NODE_EXTRA_CA_CERTS names a file of those that are';
  }
  const status = /^Unexpected server response: (\d{3})$/.exec(reason)?.[1];
  if (status === undefined) return 'Is the server running there?';
  if (status === '404') return 'A server answers, but has no endpoint at this path';
  return status === '503'
    ? 'A server answers, but is full or closing; try again'
    : 'A server answers, and refuses';
}

/** The failure of one operation. */
export function refused(error: ClientError): CommandFailure {
  return failed(`${error.message} (${error.code})`, { cause: error });
}
