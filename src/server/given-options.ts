/** Owns what is wrong with given options before anything is made of them: names that nobody knows, keys and secrets that are not set. */
import type { ServerOptions } from './options.js';
import type { TokenOptions } from './tokens.js';

const OPTIONS: Readonly<Record<keyof ServerOptions, true>> = {
  path: true,
  endpoints: true,
  prefixes: true,
  server: true,
  authenticate: true,
  tokens: true,
  allowedOrigins: true,
  apiKeys: true,
  defaultAccess: true,
  staticDirectory: true,
  contentSecurityPolicy: true,
  topics: true,
  work: true,
  mappings: true,
  interceptors: true,
  app: true,
  limits: true,
  perMessageDeflate: true,
  store: true,
  memory: true,
  log: true,
  metrics: true,
  time: true,
  random: true,
};

const TOKEN_OPTIONS: Readonly<Record<keyof TokenOptions, true>> = {
  hmacSecret: true,
  issuer: true,
  audience: true,
  clockToleranceMs: true,
  allowAnonymous: true,
};

export const DEFAULT_ACCESS_WORDS = ['open-on-loopback', 'closed'] as const;

/** Throws a RangeError for an option that there is not, a TypeError for a key or secret that is not set. */
export function checkOptions(options: ServerOptions): void {
  checkNames(options, OPTIONS, 'option of createServer');
  const { tokens, apiKeys = [], defaultAccess = 'open-on-loopback' } = options;
  if (!(DEFAULT_ACCESS_WORDS as readonly string[]).includes(defaultAccess)) {
    const known = DEFAULT_ACCESS_WORDS.map((word) => `"${word}"`).join(' or ');
    throw new RangeError(`defaultAccess is ${known}, not ${JSON.stringify(defaultAccess)}`);
  }
  if (tokens !== undefined) {
    checkNames(tokens, TOKEN_OPTIONS, 'option of tokens');
    requireSet('tokens.hmacSecret', tokens.hmacSecret);
  }
  if (!Array.isArray(apiKeys)) throw new TypeError('apiKeys is a list of texts');
  for (const [index, key] of apiKeys.entries()) requireSet(`apiKeys[${index}]`, key);
}

function checkNames(given: object, known: Readonly<Record<string, true>>, what: string): void {
  const isUnknown = ([name, value]: readonly [string, unknown]): boolean =>
    value !== undefined && !Object.hasOwn(known, name);
  const unknown = Object.entries(given).find(isUnknown);
  if (unknown === undefined) return;
  throw new RangeError(`${unknown[0]} is no ${what}; known: ${Object.keys(known).join(', ')}`);
}

/** Never with the value: it may be a key. */
function requireSet(name: string, value: unknown): void {
  if (typeof value === 'string' && value !== '') return;
  const what = value === '' ? 'empty' : value === undefined ? 'undefined' : 'no text';
  throw new TypeError(`${name} is ${what}; is the environment variable set that it comes from?`);
}
