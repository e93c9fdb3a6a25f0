/** Owns the way of an HTTP request: the API first, then static files. */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import sirv from 'sirv';
import type { Hono } from 'hono';

const SECURITY_HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Content-Security-Policy': [
    "default-src 'self'",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "object-src 'none'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
} as const;

/** A listener for `http.createServer`. Files are those that were in the directory when the server started. */
export function createRequestListener(
  api: Hono,
  staticDirectory: string | undefined,
): RequestListener {
  const listener = getRequestListener(api.fetch);
  const answerApi = (request: IncomingMessage, response: ServerResponse): void => {
    void listener(request, response);
  };
  if (staticDirectory === undefined) return answerApi;
  const serveFile = sirv(staticDirectory, {
    etag: true,
    setHeaders: (response) => {
      for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
    },
  });
  return (request, response) => {
    const isApi = request.url === '/health' || request.url?.startsWith('/api/') === true;
    if (isApi) answerApi(request, response);
    else serveFile(request, response, () => answerApi(request, response));
  };
}
