/** Owns `tideway token`: a signed token for trying things out, made from the server's own secret. */
import { Option, type Command } from 'commander';
import { SignJWT } from 'jose';
import { MIN_SECRET_BYTES } from '../server/index.js';
import { isLongEnough } from './config.js';
import { readText } from './config-file.js';
import { durationOption } from './duration.js';
import { wrongUse } from './failure.js';
import type { Terminal } from './terminal.js';

interface TokenFlags {
  readonly secretFile: string;
  readonly sub: string;
  readonly ttl: number;
  readonly issuer?: string;
  readonly audience?: string;
}

export function addTokenCommand(program: Command, terminal: Terminal): void {
  const name = terminal.commandName;
  program
    .command('token')
    .description('print a token (JWT, HS256) that a server with the same secret accepts')
    .requiredOption('--secret-file <file>', `the secret: at least ${MIN_SECRET_BYTES} octets`)
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
    .action((flags: TokenFlags) => printToken(flags, terminal));
}

async function printToken(flags: TokenFlags, terminal: Terminal): Promise<void> {
  const { secretFile, sub, ttl, issuer, audience } = flags;
  if (sub === '') throw wrongUse('--sub: a name has at least one character');
  const secret = readText(secretFile, 'the secret').trim();
  if (!isLongEnough(secret)) {
    throw wrongUse(`the secret in ${secretFile} has fewer than ${MIN_SECRET_BYTES} octets`);
  }
  const nowSeconds = Math.floor(Date.now() / 1000);
  const token = new SignJWT()
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject(sub)
    .setIssuedAt(nowSeconds)
    .setExpirationTime(nowSeconds + Math.max(1, Math.round(ttl / 1000)));
  if (issuer !== undefined) token.setIssuer(issuer);
  if (audience !== undefined) token.setAudience(audience);
  terminal.print(await token.sign(new TextEncoder().encode(secret)));
}
