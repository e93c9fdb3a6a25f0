/** Owns the config file of `serve`: one zod schema, from which types, defaults, errors and the known keys come. */
import { z } from 'zod';
import { MAX_TIMER_MS } from '../foundation/index.js';
import {
  DEFAULT_FORWARD_OPTIONS,
  DEFAULT_HOST,
  DEFAULT_ACCESS_WORDS,
  DEFAULT_LIMITS,
  DEFAULT_PORT,
  DEFAULT_PREFIXES,
  DIALECT_NAMES,
  endpointFaults,
  isOrigin,
  ENDPOINT_PATH,
  MIN_API_KEY_LENGTH,
  MIN_FORWARD_SECRET_BYTES,
  MIN_SECRET_BYTES,
  prefixFaults,
  REFUSAL_PLACES,
  TRANSPORT_NAMES,
  trustedProxyFault,
  type ForwardOptions,
  type MountName,
  type ServerLimits,
  type TopicRule,
  type WorkRule,
} from '../server/index.js';

/** How zod calls an issue that is none of its own. */
const OWN_ISSUE = 'custom';

function expecting(what: string): { error: string } {
  return { error: `expected ${what}` };
}

function wholeNumber(unit: string, min: number, max: number = Number.MAX_SAFE_INTEGER): z.ZodInt {
  const range = max === Number.MAX_SAFE_INTEGER ? `from ${min} up` : `from ${min} to ${max}`;
  const error = expecting(`a whole number ${range}${unit === '' ? '' : ` (${unit})`}`);
  return z.int(error).min(min, error).max(max, error);
}

function text(what: string, form: RegExp = /./): z.ZodString {
  return z.string(expecting(what)).regex(form, expecting(what));
}

function count(value: number): z.ZodDefault<z.ZodInt> {
  return wholeNumber('', 1).default(value);
}

function bytes(value: number): z.ZodDefault<z.ZodInt> {
  return wholeNumber('octets', 1).default(value);
}

/** `min` is 0 where 0 means "off". */
function milliseconds(value: number, min: 0 | 1 = 1): z.ZodDefault<z.ZodInt> {
  return wholeNumber('milliseconds', min, MAX_TIMER_MS).default(value);
}

function object<Shape extends z.ZodRawShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> {
  return z.strictObject(shape, expecting(`keys and values: ${Object.keys(shape).join(', ')}`));
}

function list<Item extends z.ZodType>(item: Item, what: string): z.ZodArray<Item> {
  return z.array(item, expecting(`a list of ${what}`));
}

/** What an `Authorization: Bearer` header can carry. */
const API_KEY = /^[\u0021-\u007E]+$/;

/** What is wrong with a key of a back end, without a word of it; undefined when it is one. */
export function apiKeyFault(key: string): string | undefined {
  if (!API_KEY.test(key)) return 'a key has white space or other than ASCII in it';
  if (key.length >= MIN_API_KEY_LENGTH) return undefined;
  return `a key has fewer than ${MIN_API_KEY_LENGTH} characters`;
}

const apiKey = z.string(expecting('a key without white space')).superRefine((key, context) => {
  const message = apiKeyFault(key);
  if (message !== undefined) context.addIssue({ code: OWN_ISSUE, message });
});

/** What a header can carry. */
const HEADER_VALUE = /^[\u0020-\u007E]+$/;
const POLICY = `a policy such as "default-src 'self' https://cdn.example.com", in one line, or false`;

const ENDPOINT = 'a path such as /ws';
const ENDPOINT_WORDS = `${ENDPOINT}, or a list of such paths`;
const endpointPath = text(ENDPOINT, ENDPOINT_PATH);

const origins = list(
  text('an origin such as https://example.com').refine(
    isOrigin,
    expecting('an origin such as https://example.com, without a path'),
  ),
  'origins such as https://example.com',
);

const PROXY = 'an address or a CIDR such as 10.0.0.0/8, or unix';
const proxies = list(
  text(PROXY).refine((range) => trustedProxyFault(range) === undefined, expecting(PROXY)),
  'addresses or CIDRs such as 10.0.0.0/8',
);

/** Some of a few words. */
function words<Word extends string>(
  what: string,
  known: readonly [Word, ...Word[]],
): z.ZodArray<z.ZodEnum<{ [W in Word]: W }>> {
  const error = expecting(`a list of ${what}: ${known.join(', ')}`);
  return z.array(z.enum(known, error), error).min(1, error);
}

const endpoint = object({
  path: endpointPath,
  dialects: words('dialects', DIALECT_NAMES).default([...DIALECT_NAMES]),
  transports: words('transports', TRANSPORT_NAMES).default([...TRANSPORT_NAMES]),
  allowedOrigins: origins.exactOptional(),
  refusals: z.enum(REFUSAL_PLACES, expecting(REFUSAL_PLACES.join(' or '))).default('error'),
});

const PREFIX_WORDS = 'a prefix such as /topic, or a list of such prefixes';

function prefix(
  mount: MountName,
): z.ZodDefault<z.ZodUnion<readonly [z.ZodString, z.ZodArray<z.ZodString>]>> {
  const [first, ...others] = DEFAULT_PREFIXES[mount];
  return z
    .union([z.string(), z.array(z.string())], expecting(PREFIX_WORDS))
    .default(others.length === 0 ? first : [first, ...others]);
}

const prefixes = object({
  app: prefix('app'),
  topic: prefix('topic'),
  user: prefix('user'),
  work: prefix('work'),
} satisfies Record<MountName, z.ZodType>);

const OPERATIONS = ['send', 'subscribe', 'request'] as const;
const OPERATION_WORDS = `${OPERATIONS.join(', ')}, a list of these, or any`;

const accessRule = object({
  effect: z.enum(['allow', 'deny'], expecting('allow or deny')),
  operations: z
    .union(
      [
        z.enum(OPERATIONS),
        z.literal('any'),
        z.array(z.enum(OPERATIONS)).min(1, expecting(OPERATION_WORDS)),
      ],
      expecting(OPERATION_WORDS),
    )
    .default('any'),
  pattern: text('a pattern of destinations such as /topic/**'),
  who: z.enum(['anyone', 'authenticated'], expecting('anyone or authenticated')).default('anyone'),
});

/** Text that is not to be seen where it is wrong. */
function secret(minBytes: number): z.ZodString {
  return z
    .string(expecting('a text'))
    .refine(
      (value) => Buffer.byteLength(value) >= minBytes,
      expecting(`a secret of at least ${minBytes} octets`),
    );
}

const DESTINATION_WORDS = 'a destination such as /topic/orders/{id}, or a list of such';
const destination = text(DESTINATION_WORDS, /^\//);
const destinations = [
  destination,
  z.array(destination).min(1, expecting(DESTINATION_WORDS)),
] as const;

const forward = object({
  url: text('a URL such as https://example.com/orders', /^https?:\/\//i),
  timeoutMs: milliseconds(DEFAULT_FORWARD_OPTIONS.timeoutMs),
  maxConcurrency: count(DEFAULT_FORWARD_OPTIONS.maxConcurrency),
  maxWaitingCount: wholeNumber('', 0).default(DEFAULT_FORWARD_OPTIONS.maxWaitingCount),
  allowPrivate: z.boolean(expecting('true or false')).default(DEFAULT_FORWARD_OPTIONS.allowPrivate),
  headers: z
    .record(
      z.string().describe('name'),
      z.string(expecting('a text')),
      expecting('names and values'),
    )
    .exactOptional(),
  secret: secret(MIN_FORWARD_SECRET_BYTES).exactOptional(),
  secretFile: text('a path of a file').exactOptional(),
  sendTo: z.union(destinations, expecting(DESTINATION_WORDS)).exactOptional(),
  sendToUser: z
    .union([...destinations, z.literal(true)], expecting(`${DESTINATION_WORDS}, or true`))
    .exactOptional(),
  concurrency: z.enum(['serial', 'parallel'], expecting('serial or parallel')).default('serial'),
} satisfies Record<keyof ForwardOptions | 'secretFile', z.ZodType>).refine(
  (entry) => entry.secret === undefined || entry.secretFile === undefined,
  expecting('secret or secretFile, not both'),
);

export type ForwardEntry = z.infer<typeof forward>;

const APP_WORDS = 'a path of a JavaScript module, or patterns such as /orders/** and where they go';

/** A text is the module. Where there are forwards too, the module has a key of its own, which no pattern can be. */
const app = z.preprocess(
  (value) => (typeof value === 'string' ? { module: value } : value),
  z
    .object({ module: text('a path of a JavaScript module').exactOptional() }, expecting(APP_WORDS))
    .catchall(forward)
    .transform(({ module, ...forwards }) => ({
      ...(module !== undefined && { module }),
      forwards: forwards as Readonly<Record<string, ForwardEntry>>,
    })),
);

const topicRule = object({
  historySize: wholeNumber('publications', 0).exactOptional(),
  historyTtlMs: wholeNumber('milliseconds', 1).exactOptional(),
  historyBytes: wholeNumber('octets', 1).exactOptional(),
  liveRingBytes: wholeNumber('octets', 1).exactOptional(),
} satisfies Record<keyof TopicRule, z.ZodType>);

const workRule = object({
  acknowledgeTimeoutMs: wholeNumber('milliseconds', 0, MAX_TIMER_MS).exactOptional(),
  maxDeliveryCount: wholeNumber('', 1).exactOptional(),
  deadLetter: text('a destination such as /work/dead').exactOptional(),
  maxQueueBytes: wholeNumber('octets', 1).exactOptional(),
  maxMessageCount: wholeNumber('', 1).exactOptional(),
  messageIdWindowMs: wholeNumber('milliseconds', 1, MAX_TIMER_MS).exactOptional(),
  maxMessageIdCount: wholeNumber('', 1).exactOptional(),
} satisfies Record<keyof WorkRule, z.ZodType>);

const limits = object({
  maxMessageBytes: bytes(DEFAULT_LIMITS.maxMessageBytes),
  maxJsonValueCount: count(DEFAULT_LIMITS.maxJsonValueCount),
  maxFragmentCount: count(DEFAULT_LIMITS.maxFragmentCount),
  maxConnectionCount: count(DEFAULT_LIMITS.maxConnectionCount),
  maxConnectionsPerAddress: count(DEFAULT_LIMITS.maxConnectionsPerAddress),
  maxUnauthenticatedConnectionCount: count(DEFAULT_LIMITS.maxUnauthenticatedConnectionCount),
  maxConnectsPerSecond: wholeNumber('', 0).default(DEFAULT_LIMITS.maxConnectsPerSecond),
  maxTrackedAddressCount: count(DEFAULT_LIMITS.maxTrackedAddressCount),
  maxSessionsPerPrincipal: count(DEFAULT_LIMITS.maxSessionsPerPrincipal),
  handshakeTimeoutMs: milliseconds(DEFAULT_LIMITS.handshakeTimeoutMs),
  maxPipelinedRequestCount: count(DEFAULT_LIMITS.maxPipelinedRequestCount),
  maxHandshakeHeaderCount: count(DEFAULT_LIMITS.maxHandshakeHeaderCount),
  maxHandshakeHeadersBytes: bytes(DEFAULT_LIMITS.maxHandshakeHeadersBytes),
  connectTimeoutMs: milliseconds(DEFAULT_LIMITS.connectTimeoutMs),
  closeTimeoutMs: milliseconds(DEFAULT_LIMITS.closeTimeoutMs),
  drainTimeoutMs: milliseconds(DEFAULT_LIMITS.drainTimeoutMs, 0),
  heartbeatIntervalMs: milliseconds(DEFAULT_LIMITS.heartbeatIntervalMs, 0),
  heartbeatTimeoutMs: milliseconds(DEFAULT_LIMITS.heartbeatTimeoutMs),
  idleTimeoutMs: milliseconds(DEFAULT_LIMITS.idleTimeoutMs, 0),
  messageTimeoutMs: milliseconds(DEFAULT_LIMITS.messageTimeoutMs, 0),
  maxControlFramesPerSecond: wholeNumber('', 0).default(DEFAULT_LIMITS.maxControlFramesPerSecond),
  minHeartbeatIntervalMs: milliseconds(DEFAULT_LIMITS.minHeartbeatIntervalMs),
  maxRetainedBytes: bytes(DEFAULT_LIMITS.maxRetainedBytes),
  maxWorkBytes: bytes(DEFAULT_LIMITS.maxWorkBytes),
  maxWorkQueueCount: count(DEFAULT_LIMITS.maxWorkQueueCount),
  maxSubscriptionCount: count(DEFAULT_LIMITS.maxSubscriptionCount),
  maxSubscriptionsPerDestination: count(DEFAULT_LIMITS.maxSubscriptionsPerDestination),
  maxTotalUnacknowledgedCount: count(DEFAULT_LIMITS.maxTotalUnacknowledgedCount),
  maxPendingRequestCount: count(DEFAULT_LIMITS.maxPendingRequestCount),
  maxWaitingHandlerCount: count(DEFAULT_LIMITS.maxWaitingHandlerCount),
  maxWaitingInterceptionCount: count(DEFAULT_LIMITS.maxWaitingInterceptionCount),
  interceptorTimeoutMs: milliseconds(DEFAULT_LIMITS.interceptorTimeoutMs),
  maxUnacknowledgedCount: count(DEFAULT_LIMITS.maxUnacknowledgedCount),
  maxBufferedBytes: bytes(DEFAULT_LIMITS.maxBufferedBytes),
  maxPullBytes: bytes(DEFAULT_LIMITS.maxPullBytes),
  maxOutboundBytes: bytes(DEFAULT_LIMITS.maxOutboundBytes),
  maxUnauthenticatedCount: count(DEFAULT_LIMITS.maxUnauthenticatedCount),
  maxUnauthenticatedBytes: bytes(DEFAULT_LIMITS.maxUnauthenticatedBytes),
  maxOperationCount: count(DEFAULT_LIMITS.maxOperationCount),
  maxWaitingBytes: bytes(DEFAULT_LIMITS.maxWaitingBytes),
  maxTotalWaitingBytes: bytes(DEFAULT_LIMITS.maxTotalWaitingBytes),
  maxTotalUnfinishedBytes: bytes(DEFAULT_LIMITS.maxTotalUnfinishedBytes),
  maxTotalOutboundBytes: bytes(DEFAULT_LIMITS.maxTotalOutboundBytes),
  maxFramesPerMessage: count(DEFAULT_LIMITS.maxFramesPerMessage),
  maxTransactionCount: count(DEFAULT_LIMITS.maxTransactionCount),
  maxTransactionFrameCount: count(DEFAULT_LIMITS.maxTransactionFrameCount),
  maxTransactionBytes: bytes(DEFAULT_LIMITS.maxTransactionBytes),
  maxStompHeaderCount: count(DEFAULT_LIMITS.maxStompHeaderCount),
  maxStompHeaderLineBytes: bytes(DEFAULT_LIMITS.maxStompHeaderLineBytes),
  maxStompHeadersBytes: bytes(DEFAULT_LIMITS.maxStompHeadersBytes),
} satisfies Record<keyof ServerLimits, z.ZodType>);

const tokens = object({
  hmacSecret: secret(MIN_SECRET_BYTES).exactOptional(),
  hmacSecretFile: text('a path of a file').exactOptional(),
  issuer: text('a text').exactOptional(),
  audience: text('a text').exactOptional(),
  clockToleranceMs: wholeNumber('milliseconds', 0).default(0),
  allowAnonymous: z.boolean(expecting('true or false')).default(true),
}).refine(
  ({ hmacSecret, hmacSecretFile }) => (hmacSecret === undefined) !== (hmacSecretFile === undefined),
  expecting('either hmacSecret or hmacSecretFile'),
);

const config = object({
  host: text('a host name or an address').default(DEFAULT_HOST),
  port: wholeNumber('', 0, 65_535).default(DEFAULT_PORT),
  path: z
    .union(
      [endpointPath, z.array(endpointPath).min(1, expecting(ENDPOINT_WORDS))],
      expecting(ENDPOINT_WORDS),
    )
    .exactOptional(),
  endpoints: list(endpoint, 'endpoints, each with a path')
    .min(1, expecting('at least one endpoint'))
    .exactOptional(),
  prefixes: prefixes.prefault({}),
  static: text('a path of a directory').exactOptional(),
  contentSecurityPolicy: z
    .union([z.literal(false), text(POLICY, HEADER_VALUE)], expecting(POLICY))
    .exactOptional(),
  app: app.prefault({}),
  allowedOrigins: origins.default([]),
  trustedProxies: proxies.default([]),
  apiKeys: list(apiKey, 'keys').default([]),
  apiKeysFile: text('a path of a file').exactOptional(),
  tokens: tokens.exactOptional(),
  defaultAccess: z
    .enum(DEFAULT_ACCESS_WORDS, expecting(DEFAULT_ACCESS_WORDS.join(' or ')))
    .default('open-on-loopback'),
  topics: z.record(z.string(), topicRule, expecting('patterns and their rules')).default({}),
  work: z.record(z.string(), workRule, expecting('patterns and their rules')).default({}),
  access: list(accessRule, 'rules').default([]),
  limits: limits.prefault({}),
  log: object({
    level: z
      .enum(
        ['debug', 'info', 'warn', 'error', 'silent'],
        expecting('debug, info, warn, error or silent'),
      )
      .default('info'),
  }).prefault({}),
});

/** With what two parts of the file say that cannot both be. */
export const configSchema = config.superRefine((given, context) => {
  for (const { path, words } of [...prefixFaults(given.prefixes), ...endpointFaults(given)]) {
    context.addIssue({ code: OWN_ISSUE, path: [...path], message: words });
  }
});

/** A config with its defaults filled in. */
export type Config = z.infer<typeof configSchema>;

export function isLongEnough(secret: string): boolean {
  return Buffer.byteLength(secret) >= MIN_SECRET_BYTES;
}
