/** Owns the answer with a file: whole and of one moment or cut off, conditions and ranges (RFC 9110 §13, §14). */
import type { Stats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { once } from 'node:events';
import { lookup } from 'mrmime';
import type { TurnBudget } from '../foundation/index.js';
import type { OpenFile } from './open-file.js';

/** A file of up to so many octets is read in one go; a larger one in pieces of this size, as the client takes them. */
const CHUNK_BYTES = 65_536;

/** What it costs to send one: as much as 64 KiB of deliveries. */
const PART_UNITS = 64;

/** A part of a file, both ends included. */
interface Part {
  readonly first: number;
  readonly last: number;
}

/** What changed while it was sent: the answer that has begun cannot be finished. */
export class FileChanged extends Error {}

/**
 * Answers a GET or HEAD. Throws `FileChanged` where the file did before anything was sent, so that it can be opened anew; later, the
 * answer is cut off.
 */
export async function answerWithFile(
  request: IncomingMessage,
  response: ServerResponse,
  file: OpenFile,
  turns: TurnBudget,
): Promise<void> {
  const { stats, name } = file;
  const etag = etagOf(stats);
  const modified = new Date(changedMs(stats)).toUTCString();
  const headers: Record<string, string | number> = {
    ETag: etag,
    'Last-Modified': modified,
    // A page and its parts are asked for again after a deployment, and answered with 304 where nothing changed.
    'Cache-Control': 'no-cache',
  };
  if (isUnchanged(request, etag, changedMs(stats))) {
    response.writeHead(304, headers).end();
    return;
  }
  headers['Accept-Ranges'] = 'bytes';
  headers['Content-Type'] = typeOf(name);
  const part = partOf(request, stats.size, modified);
  if (part === 'none') {
    headers['Content-Range'] = `bytes */${stats.size}`;
    response.writeHead(416, { ...headers, 'Content-Length': 0 }).end();
    return;
  }
  const { first, last } = part ?? { first: 0, last: stats.size - 1 };
  headers['Content-Length'] = last - first + 1;
  if (part !== undefined) headers['Content-Range'] = `bytes ${first}-${last}/${stats.size}`;
  const status = part === undefined ? 200 : 206;
  if (request.method === 'HEAD') response.writeHead(status, headers).end();
  else {
    const begin = (): unknown => response.writeHead(status, headers);
    await send(response, file, { first, last }, begin, turns);
  }
}

async function send(
  response: ServerResponse,
  { handle, stats }: OpenFile,
  { first, last }: Part,
  begin: () => unknown,
  turns: TurnBudget,
): Promise<void> {
  let hasBegun = false;
  for (let at = first; at <= last;) {
    const octets = await readWhole(handle, at, Math.min(CHUNK_BYTES, last - at + 1));
    at += octets.length;
    // Looked at before its end is sent: nobody is given parts of two files for a whole one.
    const isSame = octets.length > 0 && (at <= last || (await isUnchangedSince(handle, stats)));
    if (!isSame) {
      if (!hasBegun) throw new FileChanged();
      response.destroy(new FileChanged());
      return;
    }
    // The files of a crowd would else come all at once.
    if (!turns.spend(PART_UNITS)) await new Promise<void>((next) => turns.later(next, 'backlog'));
    if (!hasBegun) begin();
    hasBegun = true;
    if (response.destroyed) return;
    if (!response.write(octets) && at <= last) await writable(response);
  }
  if (!hasBegun) begin();
  response.end();
}

/** As many octets as were asked for; fewer, or none, where the file has become shorter. */
async function readWhole(handle: FileHandle, at: number, byteLength: number): Promise<Uint8Array> {
  const octets = Buffer.allocUnsafe(byteLength);
  let length = 0;
  while (length < byteLength) {
    const { bytesRead } = await handle.read(octets, length, byteLength - length, at + length);
    if (bytesRead === 0) return octets.subarray(0, 0);
    length += bytesRead;
  }
  return octets;
}

async function isUnchangedSince(handle: FileHandle, before: Stats): Promise<boolean> {
  const { size, mtimeMs } = await handle.stat();
  return size === before.size && mtimeMs === before.mtimeMs;
}

/**
 * When the file came to be as it is. Builds and copies set the time of the content to whatever they like (`SOURCE_DATE_EPOCH`,
 * `rsync -t`, `cp -p`), so that two releases may agree in it; the system alone sets the other.
 */
function changedMs({ mtimeMs, ctimeMs }: Stats): number {
  return Math.max(mtimeMs, ctimeMs);
}

/** Differs between two files of the same length and time, and between two that came within a second. */
function etagOf({ size, ino, mtimeMs, ctimeMs }: Stats): string {
  const parts = [size, ino, mtimeMs, ctimeMs].map((part) => Math.trunc(part).toString(16));
  return `W/"${parts.join('-')}"`;
}

/** Resolves when more can be written, or nobody waits for it any more. */
async function writable(response: ServerResponse): Promise<void> {
  const ended = new AbortController();
  const stop = (): void => ended.abort();
  response.once('close', stop);
  try {
    if (!response.destroyed) await once(response, 'drain', { signal: ended.signal });
  } catch {
    // It has closed.
  } finally {
    response.off('close', stop);
  }
}

/** RFC 9110 §13.2.2: If-None-Match decides where it stands, else If-Modified-Since. */
function isUnchanged({ headers }: IncomingMessage, etag: string, lastChangedMs: number): boolean {
  const tags = headers['if-none-match'];
  if (tags !== undefined) {
    const opaque = etag.replace(/^W\//, '');
    const given = tags.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
    return given.includes(opaque) || given.includes('*');
  }
  const sinceMs = Date.parse(headers['if-modified-since'] ?? '');
  return sinceMs >= Math.trunc(lastChangedMs / 1000) * 1000;
}

/** One range, of numbers that a file can have. */
const RANGE = /^bytes=(\d{0,15})-(\d{0,15})$/;

/**
 * RFC 9110 §14.2: the part that is asked for. Undefined: all of it, which is always a right answer to a Range that is not valid, not
 * understood, or of an older file (§13.1.5). `none`: nothing of the file is in it.
 */
function partOf(
  { headers }: IncomingMessage,
  size: number,
  modified: string,
): Part | 'none' | undefined {
  const { range, 'if-range': ifRange } = headers;
  if (range === undefined || (ifRange !== undefined && ifRange !== modified)) return undefined;
  const [, from, to] = RANGE.exec(range) ?? [];
  if (from === undefined || to === undefined || (from === '' && to === '')) return undefined;
  if (from === '') {
    const length = Math.min(Number(to), size);
    return length === 0 ? 'none' : { first: size - length, last: size - 1 };
  }
  const [first, last] = [Number(from), to === '' ? size - 1 : Number(to)];
  if (to !== '' && last < first) return undefined;
  return first >= size ? 'none' : { first, last: Math.min(last, size - 1) };
}

function typeOf(name: string): string {
  const type = lookup(name) ?? 'application/octet-stream';
  return type.startsWith('text/') || type === 'application/javascript'
    ? `${type};charset=utf-8`
    : type;
}
