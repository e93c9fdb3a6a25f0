/** Owns static files: those that a directory has now, each whole and of one moment, also while a deployment replaces them. */
import { validateHeaderValue } from 'node:http';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Log, Metrics, TurnBudget } from '../foundation/index.js';
import { answerWithFile, FileChanged } from './file-answer.js';
import { openFile } from './open-file.js';

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

/** Time without an octet that its reader takes; then an answer is given up, and the file with it. */
const UNREAD_TIMEOUT_MS = 30_000;
/** How often a file that changes while it is read is opened anew. */
const MAX_TRY_COUNT = 4;
const LEFT = 'a static file is a link that leads out of its directory, or no file';

/** What is served, and what its pages may load. */
export interface StaticFileOptions {
  /** A directory of files. Default none. */
  readonly staticDirectory?: string | undefined;
  /** False: pages may load anything. Default: from this server alone. */
  readonly contentSecurityPolicy?: string | false | undefined;
}

/** Answers what is a file of the directory, the rest is for `otherwise`. Throws a TypeError for a policy that is no header value. */
export function serveStaticFiles(
  directory: string,
  contentSecurityPolicy: string | false | undefined,
  log: Log,
  { turns, metrics }: { readonly turns: TurnBudget; readonly metrics: Metrics },
  otherwise: RequestListener,
  unreadTimeoutMs: number = UNREAD_TIMEOUT_MS,
): RequestListener {
  const policy = contentSecurityPolicy ?? DEFAULT_CONTENT_SECURITY_POLICY;
  // One that no header can carry would fail at the first request.
  if (policy !== false) validateHeaderValue(POLICY_HEADER, policy);
  const headers: Readonly<Record<string, string>> = {
    ...SECURITY_HEADERS,
    ...(policy !== false && { [POLICY_HEADER]: policy }),
  };
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const [path = ''] = (request.url ?? '').split('?', 1);
    for (let tryCount = 1; ; tryCount++) {
      const file = await openFile(directory, path);
      if (file === 'left') log.warn(LEFT, { path: request.url });
      if (typeof file === 'string') return otherwise(request, response);
      for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
      if (tryCount === 1) response.setTimeout(unreadTimeoutMs, () => unread(response));
      try {
        return await answerWithFile(request, response, file, turns);
      } catch (error) {
        // It is being written: a moment later it may be whole.
        if (!(error instanceof FileChanged) || tryCount === MAX_TRY_COUNT) throw error;
      } finally {
        await file.handle.close();
      }
    }
  };
  const unread = (response: ServerResponse): void => {
    metrics.count('limit_reached', { limit: 'unreadTimeoutMs' });
    response.destroy();
  };
  const failed = (error: unknown, { url }: IncomingMessage, response: ServerResponse): void => {
    log.warn('a static file could not be read', { path: url, error });
    if (response.headersSent) response.destroy();
    else response.writeHead(503, { 'Content-Length': 0, 'Retry-After': '1' }).end();
  };
  return (request, response) => {
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    if (!isRead) return otherwise(request, response);
    answer(request, response).catch((error: unknown) => failed(error, request, response));
  };
}
