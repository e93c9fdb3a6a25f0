/** Owns places in streams (semantics S2, S5) and their text form. */

/** A place in a stream: offsets rise by one within an epoch. */
export interface StreamPosition {
  readonly epoch: string;
  readonly offset: number;
}

/** Octets that a cursor may have (semantics S5). */
export const MAX_CURSOR_BYTES = 4096;

const EPOCH = /^[A-Za-z0-9_-]{1,64}$/;
const OFFSET = /^(?:0|[1-9][0-9]{0,15})$/;

/** `epoch:offset`, the cursor of one stream; opaque to clients. */
export function formatCursor(position: StreamPosition): string {
  return `${position.epoch}:${position.offset}`;
}

/** The position in a cursor of one stream; undefined for any other text, which then cannot be recovered from. */
export function parseCursor(cursor: string): StreamPosition | undefined {
  if (cursor.length > MAX_CURSOR_BYTES) return undefined;
  const colon = cursor.indexOf(':');
  const epoch = cursor.slice(0, Math.max(colon, 0));
  const offset = cursor.slice(colon + 1);
  if (!EPOCH.test(epoch) || !OFFSET.test(offset)) return undefined;
  const value = Number(offset);
  return Number.isSafeInteger(value) ? { epoch, offset: value } : undefined;
}
