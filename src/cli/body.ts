/** Owns the body of a message on a command line: an argument or stdin, JSON unless told otherwise. */
import { buffer as readAll } from 'node:stream/consumers';
import { InvalidArgumentError, type Command } from 'commander';
import { wordsOf, wrongUse } from './failure.js';
import type { Terminal } from './terminal.js';

export interface MessageFlags {
  readonly key?: string;
  readonly messageId?: string;
  readonly contentType?: string;
  readonly text?: boolean;
  readonly header?: readonly (readonly [name: string, value: string])[];
}

/** What the client takes beside a destination. */
export interface MessageToSend {
  readonly body: Uint8Array;
  readonly contentType: string;
  readonly key: string | undefined;
  readonly messageId: string | undefined;
  readonly headers: MessageFlags['header'];
}

const JSON_CONTENT_TYPE = 'application/json';

export function addMessageOptions(command: Command): Command {
  return command
    .option('--key <key>', 'what the policies "latest" and "sample" tell apart by')
    .option('--message-id <id>', 'your identity of the message: a repeated one is published once')
    .option('--content-type <type>', `what the body is (default: ${JSON_CONTENT_TYPE})`)
    .option('--text', 'the body is text, not JSON: the same as --content-type text/plain')
    .option('--header <name=value>', 'a header; may be repeated', headerOption);
}

function headerOption(
  text: string,
  before: MessageFlags['header'] = [],
): NonNullable<MessageFlags['header']> {
  const equals = text.indexOf('=');
  if (equals < 1) throw new InvalidArgumentError('A header is written name=value.');
  return [...before, [text.slice(0, equals), text.slice(equals + 1)]];
}

/** The message that an argument is, or stdin when it is `-`. Throws a CommandFailure for what is not JSON. */
export async function messageToSend(
  argument: string,
  flags: MessageFlags,
  terminal: Terminal,
): Promise<MessageToSend> {
  const { key, messageId, header: headers } = flags;
  if (flags.text === true && flags.contentType !== undefined) {
    throw wrongUse('give either --text or --content-type, not both');
  }
  const contentType =
    flags.text === true ? 'text/plain; charset=utf-8' : (flags.contentType ?? JSON_CONTENT_TYPE);
  const octets = await octetsOf(argument, terminal);
  const isText = flags.text === true || flags.contentType === undefined;
  // A shell's newline at the end is no part of what was meant; of a type that was named, every octet is.
  const body = isText ? withoutNewline(octets) : octets;
  const [type = ''] = contentType.split(';', 1);
  if (type.trim().toLowerCase() === JSON_CONTENT_TYPE) requireJson(body);
  // As it was typed, not serialised anew: number spelling and white space survive.
  return { body, contentType, key, messageId, headers };
}

async function octetsOf(argument: string, terminal: Terminal): Promise<Uint8Array> {
  if (argument !== '-') return new TextEncoder().encode(argument);
  if (terminal.stdin.isTTY) terminal.note('Reading the body from the terminal; Ctrl+D ends it.');
  return readAll(terminal.stdin);
}

function withoutNewline(octets: Uint8Array): Uint8Array {
  if (octets.at(-1) !== 0x0a) return octets;
  return octets.subarray(0, octets.at(-2) === 0x0d ? -2 : -1);
}

function requireJson(octets: Uint8Array): void {
  if (octets.length === 0) throw wrongUse('the body is empty; JSON has at least null');
  try {
    JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(octets));
  } catch (cause) {
    throw wrongUse(
      `the body is not JSON: ${wordsOf(cause)}. ` +
        `Quote a text for the shell and for JSON, '"hello"', or send it as text with --text`,
      { cause },
    );
  }
}
