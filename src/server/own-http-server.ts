/** Owns the HTTP server of a server that was given none: what it answers, and what its requests and sockets are bound by. */
import {
  createServer as createHttpServer,
  type Server,
  type ServerOptions as HttpOptions,
} from 'node:http';
import type { Log, Metrics, TurnBudget } from '../foundation/index.js';
import {
  createHttpApi,
  createRequestListener,
  endFailedInTurns,
  leaveUnwantedBodies,
  mayPublish,
} from '../http/index.js';
import { SERVER_CALLER, type OriginGate, type Router } from '../routing/index.js';
import { endpointsOf } from './endpoints.js';
import type { ServerLimits, ServerOptions } from './options.js';

/** What node:http allows by default, and the most that it is ever told to. */
const MIN_HEAD_BYTES = 16_384;
const MAX_HEAD_BYTES = 1_048_576;

export interface OwnHttpServerParts {
  readonly router: Router;
  readonly originGate: OriginGate;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly turns: TurnBudget;
}

/** Serves the HTTP API and the static files. */
export function ownHttpServer(
  options: ServerOptions,
  limits: ServerLimits,
  { router, originGate, metrics, log, turns }: OwnHttpServerParts,
): Server {
  const { maxMessageBytes, maxJsonValueCount, maxPipelinedRequestCount } = limits;
  const { apiKeys = [] } = options;
  const api = createHttpApi({
    router,
    originGate,
    webSocketPaths: endpointsOf(options).map(({ path }) => path),
    caller: SERVER_CALLER,
    apiKeys,
    maxMessageBytes,
    maxJsonValueCount,
    metrics,
    log,
  });
  const listener = createRequestListener(api, options, log, {
    turns,
    metrics,
    maxPipelinedRequestCount,
  });
  const server = createHttpServer(
    {
      ...requestDeadlines(limits.handshakeTimeoutMs),
      maxHeaderSize: headBytesFor(limits.maxHandshakeHeadersBytes),
    },
    listener,
  );
  endFailedInTurns(server, turns);
  leaveUnwantedBodies(server, (request) => mayPublish(request, apiKeys), metrics);
  // Sockets whose requests node:http has are connections of nobody yet; those beyond both limits are dropped as they come.
  const maxSocketCount = limits.maxConnectionCount + limits.maxUnauthenticatedConnectionCount;
  if (Number.isSafeInteger(maxSocketCount)) server.maxConnections = maxSocketCount;
  server.on('drop', () => metrics.count('limit_reached', { limit: 'maxConnectionCount' }));
  return server;
}

/** Options of an HTTP server whose requests end in time, a silent connection's first one too. */
function requestDeadlines(timeoutMs: number): HttpOptions {
  // Node looks for late requests every 30 s by default, which would be the deadline of a shorter one.
  const connectionsCheckingInterval = Math.min(30_000, Math.ceil(timeoutMs / 4));
  return { headersTimeout: timeoutMs, requestTimeout: timeoutMs, connectionsCheckingInterval };
}

/** How long a head node:http has to take, so that header fields of so many octets fit. */
function headBytesFor(maxHeadersBytes: number): number {
  return Math.floor(Math.min(MAX_HEAD_BYTES, Math.max(MIN_HEAD_BYTES, maxHeadersBytes)));
}
