/** Owns reading the config file: YAML, the schema, paths relative to the file, secrets in files of their own. */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { isMap, isSeq, LineCounter, parseDocument, type Document, type Node } from 'yaml';
import type { z } from 'zod';
import { apiKeyFault, configSchema, type Config, type ForwardEntry } from './config.js';
import { knownKeys, nearestKey } from './config-keys.js';
import { systemCodeOf, wordsOf, wrongUse, type CommandFailure } from './failure.js';
import { MIN_FORWARD_SECRET_BYTES, MIN_SECRET_BYTES } from '../server/index.js';

type Path = readonly PropertyKey[];

/** A config, and how to say that something in it is wrong. */
export interface LoadedConfig {
  readonly config: Config;
  /** Wrong use, with the file, the line where it is known, and the key. */
  readonly wrong: (path: Path, words: string) => CommandFailure;
}

/** The config of a file; without a file, the defaults. Throws a CommandFailure that names every wrong key. */
export function loadConfig(file: string | undefined): LoadedConfig {
  if (file === undefined) {
    return { config: configSchema.parse({}), wrong: (path, words) => fault('config', path, words) };
  }
  const { content, lineOf } = parseYaml(file, readText(file, 'the config file'));
  const wrong = (path: Path, words: string): CommandFailure => {
    const line = lineOf(path);
    return fault(line === undefined ? file : `${file}:${line}`, path, words);
  };
  const forbidden = pathsOfForbiddenKeys(content);
  if (forbidden.length > 0) {
    const faults = forbidden.map((path) => wrong(path, 'this key is not allowed').message);
    throw wrongUse(faults.join('\n'));
  }
  const result = configSchema.safeParse(content ?? {});
  if (!result.success) {
    const faults = result.error.issues.flatMap((issue) => faultsOf(issue, content));
    const inOrder = faults.toSorted((a, b) => (lineOf(a.path) ?? 0) - (lineOf(b.path) ?? 0));
    throw wrongUse(inOrder.map(({ path, words }) => wrong(path, words).message).join('\n'));
  }
  return { config: withFiles(result.data, dirname(file), wrong), wrong };
}

function fault(where: string, path: Path, words: string): CommandFailure {
  return wrongUse(`${where}: ${path.length === 0 ? '' : `${nameOf(path)}: `}${words}`);
}

function parseYaml(
  file: string,
  text: string,
): { content: unknown; lineOf: (path: Path) => number | undefined } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const [error] = document.errors;
  if (error !== undefined) throw wrongUse(`${file}: not YAML: ${error.message.trimEnd()}`);
  return {
    content: contentOf(document, file),
    lineOf: (path) => {
      const offset = offsetOf(document, path);
      return offset === undefined ? undefined : lines.linePos(offset).line;
    },
  };
}

/** Aliases are looked up only here: one of nothing, or too many of them, is found late. */
function contentOf(document: Document, file: string): unknown {
  try {
    return document.toJS();
  } catch (cause) {
    throw wrongUse(`${file}: not YAML: ${wordsOf(cause)}`, { cause });
  }
}

/** Schemas leave such a key out without a word, and no object can have it as an ordinary one. */
const FORBIDDEN_KEY = '__proto__';

/** Where that key stands, at whatever depth. */
function pathsOfForbiddenKeys(
  content: unknown,
  path: Path = [],
  seen: Set<unknown> = new Set(),
): readonly Path[] {
  // An alias is the same object again.
  if (typeof content !== 'object' || content === null || seen.has(content)) return [];
  seen.add(content);
  return Object.entries(content).flatMap(([key, value]) => {
    const here = [...path, Array.isArray(content) ? Number(key) : key];
    return key === FORBIDDEN_KEY ? [here] : pathsOfForbiddenKeys(value, here, seen);
  });
}

/** Where the key at the end of a path stands, or the last one before it that is there at all. */
function offsetOf(document: Document, path: Path): number | undefined {
  let node: Node | null = document.contents;
  let offset: number | undefined;
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => String(key) === String(step));
      if (pair === undefined) break;
      offset = (pair.key as Node).range?.[0];
      node = pair.value as Node | null;
    } else if (isSeq(node)) {
      node = (node.items[Number(step)] as Node | undefined) ?? null;
      offset = node?.range?.[0] ?? offset;
    } else break;
  }
  return offset;
}

function faultsOf(
  issue: z.core.$ZodIssue,
  content: unknown,
): readonly { path: Path; words: string }[] {
  if (issue.code !== 'unrecognized_keys') {
    const isExpectation = issue.message.startsWith('expected');
    if (!isExpectation) return [{ path: issue.path, words: issue.message }];
    const value = valueAt(content, issue.path);
    // YAML reads digits as a number, whatever they are meant to be.
    const wantsQuotes =
      issue.code === 'invalid_type' && issue.expected === 'string' && typeof value === 'number';
    const hint = wantsQuotes ? '; put it in quotes' : '';
    return [
      { path: issue.path, words: `${issue.message}, got ${shown(value, issue.path)}${hint}` },
    ];
  }
  const known = knownKeys(configSchema, issue.path);
  return issue.keys.map((key) => {
    const meant = nearestKey(key, known);
    const hint = meant === undefined ? `known: ${known.join(', ')}` : `did you mean "${meant}"?`;
    return { path: [...issue.path, key], words: `unknown key; ${hint}` };
  });
}

const SECRET_KEYS = ['hmacSecret', 'apiKeys', 'secret', 'headers'];

function valueAt(content: unknown, path: Path): unknown {
  let value = content;
  for (const step of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Readonly<Record<PropertyKey, unknown>>)[step];
  }
  return value;
}

/** What stands there, in short; a secret only by its type. */
function shown(value: unknown, path: Path): string {
  if (value === undefined || value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'keys and values';
  const isSecret = SECRET_KEYS.some((key) => path.includes(key));
  return isSecret ? `a ${typeof value} (not shown)` : JSON.stringify(value).slice(0, 60);
}

/** `access[0].pattern`, `topics."/topic/a.b".historySize`. */
function nameOf(path: Path): string {
  return path
    .map((step, index) => {
      if (typeof step === 'number') return `[${step}]`;
      const name = /^[A-Za-z_][\w-]*$/.test(String(step)) ? String(step) : `"${String(step)}"`;
      return index === 0 ? name : `.${name}`;
    })
    .join('');
}

function withFiles(config: Config, directory: string, wrong: LoadedConfig['wrong']): Config {
  const inDirectory = (path: string): string => resolve(directory, path);
  const { apiKeysFile, tokens } = config;
  const secretFile = tokens?.hmacSecretFile;
  return {
    ...config,
    ...(config.static !== undefined && { static: inDirectory(config.static) }),
    app: appWithFiles(config.app, inDirectory, wrong),
    ...(apiKeysFile !== undefined && {
      apiKeys: [...config.apiKeys, ...readApiKeys(inDirectory(apiKeysFile), wrong)],
    }),
    ...(tokens !== undefined &&
      secretFile !== undefined && {
        tokens: {
          ...tokens,
          hmacSecret: readSecret(
            inDirectory(secretFile),
            ['tokens', 'hmacSecretFile'],
            MIN_SECRET_BYTES,
            wrong,
          ),
        },
      }),
  };
}

function appWithFiles(
  { module, forwards }: Config['app'],
  inDirectory: (path: string) => string,
  wrong: LoadedConfig['wrong'],
): Config['app'] {
  const withSecret = (pattern: string, entry: ForwardEntry): ForwardEntry => {
    const { secretFile, ...rest } = entry;
    if (secretFile === undefined) return entry;
    const path = ['app', pattern, 'secretFile'];
    const file = inDirectory(secretFile);
    return { ...rest, secret: readSecret(file, path, MIN_FORWARD_SECRET_BYTES, wrong) };
  };
  return {
    ...(module !== undefined && { module: inDirectory(module) }),
    forwards: Object.fromEntries(
      Object.entries(forwards).map(([pattern, entry]) => [pattern, withSecret(pattern, entry)]),
    ),
  };
}

function readApiKeys(file: string, wrong: LoadedConfig['wrong']): readonly string[] {
  const path = ['apiKeysFile'];
  const lines = readTextAt(file, path, wrong).split('\n');
  const keys = lines.map((line) => line.trim()).filter((line) => line && !line.startsWith('#'));
  if (keys.length === 0) throw wrong(path, `${file} has no key in it; write one a line`);
  for (const key of keys) {
    const fault = apiKeyFault(key);
    if (fault !== undefined) throw wrong(path, `${file}: ${fault}`);
  }
  return keys;
}

function readSecret(
  file: string,
  path: Path,
  minBytes: number,
  wrong: LoadedConfig['wrong'],
): string {
  const secret = readTextAt(file, path, wrong).trim();
  if (Buffer.byteLength(secret) >= minBytes) return secret;
  throw wrong(path, `the secret in ${file} has fewer than ${minBytes} octets`);
}

function readTextAt(file: string, path: Path, wrong: LoadedConfig['wrong']): string {
  try {
    return readText(file, 'the file');
  } catch (error) {
    throw wrong(path, wordsOf(error));
  }
}

/** Throws a CommandFailure that says which file and why. */
export function readText(file: string, what: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const code = systemCodeOf(cause);
    const why =
      code === 'ENOENT'
        ? 'there is no such file'
        : code === 'EISDIR'
          ? 'it is a directory'
          : wordsOf(cause);
    throw wrongUse(`cannot read ${what} ${file}: ${why}`, { cause });
  }
}
