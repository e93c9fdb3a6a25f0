/** Owns the HTTP API for back ends: `POST /api/publish`, and `GET /health`. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Hono, type Context } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import {
  countRequestError,
  decodeUtf8,
  RequestError,
  type Log,
  type Metrics,
} from '../foundation/index.js';
import type { Caller, OriginGate, Router } from '../routing/index.js';
import { parsePublishRequest } from './publish-request.js';

export interface HttpApiOptions {
  readonly router: Router;
  readonly originGate: OriginGate;
  /** Who publishes: the server itself, since a back end holds its key. */
  readonly caller: Caller;
  /** Keys of back ends; without one, publishing over HTTP is refused. */
  readonly apiKeys: readonly string[];
  readonly maxMessageBytes: number;
  /** As of clients; a member of an object counts as five values. */
  readonly maxJsonValueCount: number;
  /** Where WebSockets are expected: whoever asks there by HTTP is told so. */
  readonly webSocketPaths: readonly string[];
  readonly metrics: Metrics;
  readonly log: Log;
}

/** What a JSON request may add around a body of `maxMessageBytes`. */
const MAX_ENVELOPE_BYTES = 65_536;
const MAX_LOGGED_LENGTH = 200;

const STATUS_OF_CODE: Readonly<Record<string, 400 | 401 | 403 | 404 | 405 | 413 | 415>> = {
  'http/unauthorized': 401,
  'access/denied': 403,
  'destination/unknown': 404,
  'http/not-found': 404,
  'http/method-not-allowed': 405,
  'message/too-large': 413,
  'http/unsupported-media-type': 415,
};

/** What answers requests of the API. The library behind it shows in no published type: its own need a newer compiler. */
export interface HttpApi {
  readonly fetch: (request: Request, environment?: object) => Response | Promise<Response>;
}

/** Every answer is JSON; an error is `{ "error": { code, number, message } }`. */
export function createHttpApi(options: HttpApiOptions): HttpApi {
  const api = new Hono();
  const answer = (context: Context, error: unknown): Response =>
    errorAnswer(context, options, error);
  // Base64 makes four characters of three octets.
  const maxSize = Math.ceil((options.maxMessageBytes * 4) / 3) + MAX_ENVELOPE_BYTES;

  api.use('*', async (context, next) => {
    // What is echoed in an answer is never to be taken for a page.
    context.header('X-Content-Type-Options', 'nosniff');
    return next();
  });
  api.get('/health', (context) =>
    // Whoever balances load sends nobody here any more, while what is under way comes to its end.
    options.router.isDraining
      ? context.json({ status: 'draining' }, 503)
      : context.json({ status: 'ok' }),
  );
  api.use('/api/*', async (context, next) => {
    const headers = { get: (name: string) => context.req.header(name) };
    const refusal = options.originGate.refusalOf(headers);
    if (refusal !== undefined) return answer(context, new RequestError('access/denied', refusal));
    return next();
  });
  api.post(
    '/api/publish',
    // Before a stranger's body is read.
    async (context, next) => {
      requireKey(options.apiKeys, context.req.header('authorization'));
      requireJson(context.req.header('content-type'));
      return next();
    },
    bodyLimit({
      maxSize,
      onError: (context) =>
        answer(
          context,
          new RequestError('message/too-large', `the request is over ${maxSize} octets`),
        ),
    }),
    async (context) => {
      const text = textOf(new Uint8Array(await context.req.arrayBuffer()));
      const { destination, submission } = parsePublishRequest(text, options.maxJsonValueCount);
      requireSize(submission.message.body.length, options.maxMessageBytes);
      // Its caller is the server itself, whose handlers may still publish.
      if (options.router.isDraining) {
        throw new RequestError('server/draining', 'the server is shutting down; come back');
      }
      const outcome = await options.router.send(options.caller, destination, submission);
      const { position, isDuplicate } = outcome;
      options.metrics.count('http_publishes');
      return context.json({
        destination,
        ...position,
        ...(isDuplicate === true && { isDuplicate }),
      });
    },
  );
  api.all('/api/publish', (context) => {
    context.header('Allow', 'POST');
    return answer(context, new RequestError('http/method-not-allowed', 'publish with POST'));
  });
  api.notFound((context) => {
    const words = options.webSocketPaths.includes(context.req.path)
      ? 'this is a WebSocket endpoint; connect to it with ws:// or wss://'
      : 'nothing is served at this path';
    return answer(context, new RequestError('http/not-found', words));
  });
  api.onError((error, context) => answer(context, error));
  return api;
}

function errorAnswer(context: Context, options: HttpApiOptions, error: unknown): Response {
  const isRequestError = error instanceof RequestError;
  if (!isRequestError) options.log.error('an HTTP request failed', { error });
  const told = isRequestError
    ? error
    : new RequestError('server/failed', 'the server failed to do this; try again');
  const { code, number, message, mayTryAgain } = told;
  countRequestError(options.metrics, told);
  const status = STATUS_OF_CODE[code] ?? (mayTryAgain ? 503 : 400);
  if (status === 401 || status === 403) {
    options.log.info(`an HTTP request was refused: ${code}`, {
      reason: message,
      address: socketAddressOf(context),
      path: context.req.path.slice(0, MAX_LOGGED_LENGTH),
    });
  }
  if (status === 401) context.header('WWW-Authenticate', 'Bearer');
  return context.json({ error: { code, number, message } }, status);
}

/** Where a request came from, a proxy in front included. */
function socketAddressOf({ env }: Context): string | undefined {
  return (env as { incoming?: IncomingMessage } | undefined)?.incoming?.socket.remoteAddress;
}

/** Not what `text()` of a request gives, which replaces what is not UTF-8 without a word. */
function textOf(octets: Uint8Array): string {
  try {
    return decodeUtf8(octets);
  } catch (cause) {
    throw new RequestError('message/invalid', 'the request is not UTF-8', { cause });
  }
}

function requireSize(bodyBytes: number, maxMessageBytes: number): void {
  if (bodyBytes <= maxMessageBytes) return;
  throw new RequestError(
    'message/too-large',
    `the body has ${bodyBytes} octets; ${maxMessageBytes} are allowed (maxMessageBytes)`,
  );
}

function requireKey(apiKeys: readonly string[], authorization: string | undefined): void {
  if (apiKeys.length === 0) {
    throw new RequestError(
      'http/unauthorized',
      'this server has no API keys; set apiKeys to publish',
    );
  }
  const given = /^bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
  if (given === undefined) {
    throw new RequestError('http/unauthorized', 'send an API key: "Authorization: Bearer <key>"');
  }
  // Compared as digests, each of them, so that time tells neither length nor place.
  const isKnown = apiKeys.map((key) => timingSafeEqual(digest(key), digest(given))).includes(true);
  if (!isKnown) throw new RequestError('http/unauthorized', 'this API key is not known');
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Whether it is a request to publish, with a key that is known: whose body is read. */
export function mayPublish(
  { method, url, headers }: Pick<IncomingMessage, 'method' | 'url' | 'headers'>,
  apiKeys: readonly string[],
): boolean {
  if (method !== 'POST' || url?.split('?', 1)[0] !== '/api/publish') return false;
  try {
    requireKey(apiKeys, headers.authorization);
    return true;
  } catch {
    return false;
  }
}

/** A form can be posted across origins without a preflight; JSON cannot. */
function requireJson(contentType: string | undefined): void {
  const [type = ''] = (contentType ?? '').split(';', 1);
  if (type.trim().toLowerCase() === 'application/json') return;
  throw new RequestError(
    'http/unsupported-media-type',
    'the request is JSON: send "Content-Type: application/json"',
  );
}
