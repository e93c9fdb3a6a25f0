/** Owns the way of an HTTP request: the API first, then static files. */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import type { Log } from '../foundation/index.js';
import type { HttpApi } from './http-api.js';
import { inTurns, type RequestTurnsOptions } from './request-turns.js';
import { serveStaticFiles, type StaticFileOptions } from './static-files.js';

/** A listener for `http.createServer`. Throws a TypeError for a policy that no header can carry. */
export function createRequestListener(
  api: HttpApi,
  { staticDirectory, contentSecurityPolicy }: StaticFileOptions,
  log: Log,
  turns: RequestTurnsOptions,
): RequestListener {
  const listener = getRequestListener(api.fetch);
  /** A defect ends one answer, and its connection, not the process. */
  const failed = (error: unknown, response: ServerResponse): void => {
    log.error('an HTTP request failed', { error });
    response.destroy();
  };
  const answerApi = (request: IncomingMessage, response: ServerResponse): void => {
    listener(request, response)?.catch((error: unknown) => failed(error, response));
  };
  if (staticDirectory === undefined) return inTurns(answerApi, turns);
  const answerFile = serveStaticFiles(
    staticDirectory,
    contentSecurityPolicy,
    log,
    turns,
    answerApi,
  );
  const answerAny: RequestListener = (request, response) => {
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    const isApi = request.url === '/health' || request.url?.startsWith('/api/') === true;
    try {
      if (isApi || !isRead) answerApi(request, response);
      else answerFile(request, response);
    } catch (error) {
      failed(error, response);
    }
  };
  return inTurns(answerAny, turns);
}
