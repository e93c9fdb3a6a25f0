/** Owns static files: of a directory as it was at the start; neither a request nor a changed file breaks more than itself. */
import type { ReadStream } from 'node:fs';
import { validateHeaderValue } from 'node:http';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import sirv from 'sirv';
import type { Log } from '../foundation/index.js';
import { isOpenInside, servesFrom } from './inside-directory.js';

const SECURITY_HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
} as const;

const POLICY_HEADER = 'Content-Security-Policy';
/** Everything from this server alone. */
const DEFAULT_CONTENT_SECURITY_POLICY = [
  "default-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "object-src 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** What is served, and what its pages may load. */
export interface StaticFileOptions {
  /** Files are those that were in it when the server started. Default none. */
  readonly staticDirectory?: string | undefined;
  /** False: pages may load anything. Default: from this server alone. */
  readonly contentSecurityPolicy?: string | false | undefined;
}

/** One range with a beginning, of numbers that a file can have. */
const RANGE = /^bytes=(\d{1,15})-(\d{1,15})?$/;

/** Answers what is a file of the directory, the rest is for `otherwise`. Throws a TypeError for a policy that is no header value. */
export function serveStaticFiles(
  directory: string,
  contentSecurityPolicy: string | false | undefined,
  log: Log,
  otherwise: RequestListener,
): RequestListener {
  const policy = contentSecurityPolicy ?? DEFAULT_CONTENT_SECURITY_POLICY;
  // One that no header can carry would fail at the first request.
  if (policy !== false) validateHeaderValue(POLICY_HEADER, policy);
  const headers: Readonly<Record<string, string>> = {
    ...SECURITY_HEADERS,
    ...(policy !== false && { [POLICY_HEADER]: policy }),
  };
  const serveFile = sirv(directory, {
    etag: true,
    setHeaders: (response, pathname) => {
      if (!servesFrom(directory, pathname)) throw new LeavesDirectory();
      for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    },
  });
  return (request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      otherwise(request, response);
      return;
    }
    ignoreUnusableRange(request);
    response.once('pipe', (source) => watchFile(directory, source as ReadStream, response, log));
    try {
      serveFile(request, response, () => otherwise(request, response));
    } catch (error) {
      if (!(error instanceof LeavesDirectory)) throw error;
      log.warn('a static file is a link that leads out of its directory, or no file', {
        path: request.url,
      });
      otherwise(request, response);
    }
  };
}

/**
 * RFC 9110 §14.2: a server may ignore a Range, and must ignore one that is not valid. The file server below takes any
 * text for one and throws when it ends before it begins; the whole file is always a right answer.
 */
function ignoreUnusableRange(request: IncomingMessage): void {
  const { range } = request.headers;
  if (range === undefined) return;
  const [, first = '', last = String(Number.MAX_SAFE_INTEGER)] = RANGE.exec(range) ?? [];
  const isUsable = first !== '' && Number(last) > 0 && Number(last) >= Number(first);
  if (!isUsable) delete request.headers.range;
}

/** Thrown through the file server, before it has begun to answer. */
class LeavesDirectory extends Error {}

/** The file may be gone since the start, or have another length: then the answer that has begun cannot be finished. */
function watchFile(
  directory: string,
  source: ReadStream,
  response: ServerResponse,
  log: Log,
): void {
  source.once('open', (fd) => {
    if (isOpenInside(directory, String(source.path), fd)) return;
    log.warn('a static file was exchanged for a link while it was opened');
    source.destroy();
    response.destroy();
  });
  // A pipe leaves its source open when its end goes away: an answer that nobody waits for would keep the file.
  response.once('close', () => source.destroy());
  const expectedBytes = Number(response.getHeader('content-length'));
  source.once('error', (error) => {
    log.warn('a static file could not be read', { error });
    response.destroy();
  });
  source.once('end', () => {
    if (source.bytesRead === expectedBytes) return;
    log.warn('a static file has changed since the start', { file: String(source.path) });
    // RFC 9112 §6.3: what was announced and what was sent differ, so the connection cannot carry another answer.
    response.destroy();
  });
}
