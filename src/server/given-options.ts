/** Owns what is wrong with given options before anything is made of them: names that nobody knows, keys and secrets that are not set. */
import type { Log, Metrics } from '../foundation/index.js';
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
  trustedProxies: true,
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

/** A shorter key can be guessed by trying. */
export const MIN_API_KEY_LENGTH = 16;

const LOG_METHODS: readonly (keyof Log)[] = ['debug', 'info', 'warn', 'error'];
const METRICS_METHODS: readonly (keyof Metrics)[] = ['count', 'gauge'];

export const DEFAULT_ACCESS_WORDS = ['open-on-loopback', 'closed'] as const;

/** Throws a RangeError for an option that there is not or a key that is too short, a TypeError for what is not set, or no log at all. */
export function checkOptions(options: ServerOptions): void {
  checkNames(options, OPTIONS, 'option of createServer');
  const { tokens, apiKeys = [], trustedProxies = [], log, metrics } = options;
  const { defaultAccess = 'open-on-loopback' } = options;
  if (log !== undefined && log !== false) requireMethods('log', log, LOG_METHODS);
  if (metrics !== undefined) requireMethods('metrics', metrics, METRICS_METHODS);
  if (!(DEFAULT_ACCESS_WORDS as readonly string[]).includes(defaultAccess)) {
    const known = DEFAULT_ACCESS_WORDS.map((word) => `"${word}"`).join(' or ');
    throw new RangeError(`defaultAccess is ${known}, not ${JSON.stringify(defaultAccess)}`);
  }
  if (tokens !== undefined) {
    checkNames(tokens, TOKEN_OPTIONS, 'option of tokens');
    requireSet('tokens.hmacSecret', tokens.hmacSecret);
  }
  if (!Array.isArray(trustedProxies)) throw new TypeError('trustedProxies is a list of texts');
  if (!Array.isArray(apiKeys)) throw new TypeError('apiKeys is a list of texts');
  for (const [index, key] of apiKeys.entries()) {
    const name = `apiKeys[${index}]`;
    requireSet(name, key);
    if (key.length < MIN_API_KEY_LENGTH) {
      throw new RangeError(`${name} has fewer than ${MIN_API_KEY_LENGTH} characters`);
    }
  }
}

function checkNames(given: object, known: Readonly<Record<string, true>>, what: string): void {
  const isUnknown = ([name, value]: readonly [string, unknown]): boolean =>
    value !== undefined && !Object.hasOwn(known, name);
  const unknown = Object.entries(given).find(isUnknown);
  if (unknown === undefined) return;
  throw new RangeError(`${unknown[0]} is no ${what}; known: ${Object.keys(known).join(', ')}`);
}

/** What has none would fail at every line, in silence. */
function requireMethods(name: string, given: unknown, methods: readonly string[]): void {
  const members = Object(given) as Readonly<Record<string, unknown>>;
  const missing = methods.find((method) => typeof members[method] !== 'function');
  if (missing !== undefined) throw new TypeError(`${name} has no function "${missing}"`);
}

/** Never with the value: it may be a key. */
function requireSet(name: string, value: unknown): void {
  if (typeof value === 'string' && value !== '') return;
  const what = value === '' ? 'empty' : value === undefined ? 'undefined' : 'no text';
  throw new TypeError(`${name} is ${what}; is the environment variable set that it comes from?`);
}
