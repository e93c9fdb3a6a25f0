/** Owns what an attack is, and messages filled with frames. */
import type { Ground } from '../../ground.js';
import { text, type RawConnection } from '../../raw-connection.js';

export interface Attack {
  /** For `--only`. */
  readonly name: string;
  /** What it does at its full size, for people. */
  readonly what: string;
  /** Another server than the usual one. */
  readonly setup?: 'stalled-store';
  /** Whether ten times the frames are compared with once; not where the size is that of a crowd's connections. Default true. */
  readonly isScaled?: boolean;
  /**
   * One go: a part of the full size (1 or 0.1). Resolves when the server has answered the last of it or has ended the connection;
   * what is still open then is closed.
   */
  readonly go: (ground: Ground, size: number) => Promise<unknown>;
}

/** A little less than the server's `maxMessageBytes`. */
export const FULL_MESSAGE_BYTES = 1_100_000;
export const ANSWER_WITHIN_MS = 20_000;

/** Frames one after another up to so many octets, as one text. */
export function filled(maxBytes: number, frame: (index: number) => string): string {
  const frames: string[] = [];
  let bytes = 0;
  for (let index = 0; ; index++) {
    const one = frame(index);
    bytes += one.length;
    if (bytes > maxBytes && index > 0) return frames.join('');
    frames.push(one);
  }
}

/** WebSocket text messages one after another up to so many octets. */
export function messages(maxBytes: number, message: (index: number) => string): Buffer {
  const frames: Buffer[] = [];
  let bytes = 0;
  for (let index = 0; ; index++) {
    const one = text(message(index));
    bytes += one.length;
    if (bytes > maxBytes && index > 0) return Buffer.concat(frames);
    frames.push(one);
  }
}

/** Writes and waits until a question behind it is answered, or the server has ended the connection. */
export async function stompSettled(connection: RawConnection, octets: Uint8Array): Promise<void> {
  const settled = connection.until('receipt-id:settled', ANSWER_WITHIN_MS);
  void connection.write(octets);
  void connection.write(text('UNSUBSCRIBE\nid:nobody\nreceipt:settled\n\n\0'));
  await settled;
}

const CHUNK_BYTES = 65_536;

/** Writes in chunks of 64 KiB, one after another, and waits for the answer to the last. */
export async function nativeSettled(connection: RawConnection, octets: Buffer): Promise<void> {
  const settled = connection.until('"id":424242', ANSWER_WITHIN_MS);
  for (let at = 0; at < octets.length; at += CHUNK_BYTES) {
    await connection.write(octets.subarray(at, at + CHUNK_BYTES));
  }
  void connection.write(text('{"type":"unsubscribe","id":424242,"destination":"/topic/nobody"}'));
  await settled;
}
