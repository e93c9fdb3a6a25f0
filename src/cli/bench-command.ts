/** Owns `tideway bench` as a command line; the load generator is in files that only it loads. */
import { InvalidArgumentError, Option, type Command } from 'commander';
import type { BenchFlags } from './bench.js';
import { DEFAULT_URL } from './connection.js';
import { durationOption } from './duration.js';
import { loadModule } from './load-module.js';
import type { Terminal } from './terminal.js';

export function addBenchCommand(program: Command, terminal: Terminal): void {
  const name = terminal.commandName;
  program
    .command('bench')
    .description('put load on a WebSocket server, and print messages per second and latency')
    .argument('[url]', 'the WebSocket endpoint', DEFAULT_URL)
    .addOption(
      new Option(
        '--mode <mode>',
        'echo: get back what was sent; subscribe: one publishes, all get it',
      )
        .choices(['echo', 'subscribe'])
        .default('subscribe'),
    )
    .option('--connections <number>', 'connections, or subscribers', upTo(50_000), 64)
    .option('--size <bytes>', 'octets of a message', upTo(16_777_216), 64)
    .option('--in-flight <number>', 'messages sent before the first is back', upTo(1024), 1)
    .addOption(durationFlag('--duration <time>', 'how long to measure', 5_000, '5s'))
    .addOption(durationFlag('--warm-up <time>', 'how long to run before', 1_000, '1s'))
    .addOption(
      new Option(
        '--payload <kind>',
        'echo: what the messages are; mixed: half of the connections each',
      )
        .choices(['text', 'binary', 'mixed'])
        .default('text'),
    )
    .option('--destination <path>', 'subscribe: where to publish (default: one that nobody knows)')
    .option('--token <token>', 'subscribe: who you are (default: TIDEWAY_TOKEN, else anonymous)')
    .option('--json', 'print everything as one line of JSON')
    .option('--remote', 'allow a server that is not on this machine: only ever your own')
    .addHelpText(
      'after',
      `
In mode subscribe it speaks Tideway's own dialect; in mode echo the server is any that echoes.
With --in-flight 10 a subscribe run publishes ten at once, and the next ten when all have them.

Examples:
  ${name} bench ws://localhost:8080/ws --connections 1000
  ${name} bench ws://localhost:9000/ --mode echo --size 1024 --in-flight 32`,
    )
    .action(async (url: string, flags: BenchFlags) => {
      // The other commands start faster without it.
      const { bench } = loadModule('./bench.js') as typeof import('./bench.js');
      await bench(url, flags, terminal);
    });
}

/** A whole number from 1 to a limit. */
function upTo(maximum: number): (text: string) => number {
  return (text) => {
    const number = /^\d{1,9}$/.test(text) ? Number(text) : 0;
    if (number >= 1 && number <= maximum) return number;
    throw new InvalidArgumentError(`A whole number from 1 to ${maximum} is wanted.`);
  };
}

const MAX_TIME_MS = 600_000;

function durationFlag(flags: string, words: string, defaultMs: number, said: string): Option {
  return new Option(flags, `${words}, at most 10m`)
    .argParser((text: string) => {
      const durationMs = durationOption(text);
      if (durationMs <= MAX_TIME_MS) return durationMs;
      throw new InvalidArgumentError('At most 10m.');
    })
    .default(defaultMs, said);
}
