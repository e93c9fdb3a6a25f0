/** Owns the compression of outgoing messages (RFC 7692 §7.2.1): at once for small ones, off the thread for large ones. */
import { constants, deflateRaw, deflateRawSync, type ZlibOptions } from 'node:zlib';
import type { Octets } from '../../../foundation/index.js';
import type { DeflateDirection } from '../../../protocol/websocket/index.js';
import type { CompressionSettings } from './compression-options.js';
import { SlidingWindow } from './sliding-window.js';

/** From here on compressing would hold up the loop for more than about a millisecond. */
export const LARGE_DEFLATE_BYTES = 32_768;

/** What zlib needs in its window beside the data (MIN_LOOKAHEAD). */
const LOOKAHEAD_BYTES = 262;
const MIN_ZLIB_WINDOW_BITS = 9;
/** Smaller windows save no more memory than they cost in hash collisions. */
const MIN_FITTED_WINDOW_BITS = 11;
const MIN_DICTIONARY_BYTES = 4096;
/** Octets 00 00 FF FF that end each flush. */
const TAIL_BYTES = 4;

const NOTHING = Buffer.alloc(0);
/** RFC 7692 §7.2.3.6: an empty block without its last four octets. */
const EMPTY_BLOCK = Buffer.from([0]);

/** One outgoing direction. Every call is a zlib stream of its own, so nothing is left open. */
export class MessageDeflater {
  readonly #settings: CompressionSettings;
  readonly #direction: DeflateDirection;
  /** What later octets may refer to: earlier messages, or earlier fragments of this one. */
  #window: SlidingWindow | undefined = undefined;

  constructor(settings: CompressionSettings, direction: DeflateDirection) {
    this.#settings = settings;
    this.#direction = direction;
  }

  get keepsContext(): boolean {
    return this.#direction.keepsContext;
  }

  /** Compresses a message, or a fragment, at once. */
  deflateNow(octets: Octets, isLast: boolean): Octets {
    if (octets.length === 0) return this.#deflateEmpty(isLast);
    const dictionary = this.#window?.last(dictionaryBytes(octets.length)) ?? NOTHING;
    const compressed = deflateRawSync(octets, this.#options(octets.length, dictionary));
    this.#noteSent(octets, isLast);
    return finished(compressed, isLast);
  }

  /**
   * Compresses off the thread. Several may be under way: each begins with the window that its predecessors leave,
   * which is known before they are compressed.
   */
  deflateLater(
    octets: Octets,
    isLast: boolean,
    isWanted: () => boolean,
    done: (compressed: Octets) => void,
  ): void {
    if (octets.length === 0) {
      const empty = this.#deflateEmpty(isLast);
      process.nextTick(done, empty);
      return;
    }
    const lent = this.#window?.last(dictionaryBytes(octets.length)) ?? NOTHING;
    const dictionary = lent.length > 0 ? Buffer.from(lent) : NOTHING;
    const options = this.#options(octets.length, dictionary);
    this.#noteSent(octets, isLast);
    this.#settings.jobs.run((ended) => {
      if (!isWanted()) {
        ended();
        return;
      }
      deflateRaw(octets, options, (error, compressed) => {
        ended();
        // Without memory for zlib the octets still travel: uncompressed blocks are DEFLATE data too.
        done(finished(error === null ? compressed : storedBlocks(octets), isLast));
      });
    });
  }

  /** Notes octets that the peer's window will hold. */
  #noteSent(octets: Octets, isLast: boolean): void {
    if (this.#direction.keepsContext || !isLast) {
      (this.#window ??= new SlidingWindow(this.#direction.windowBits)).append(octets);
    } else this.#window = undefined;
  }

  #deflateEmpty(isLast: boolean): Octets {
    if (isLast && !this.#direction.keepsContext) this.#window = undefined;
    return isLast ? EMPTY_BLOCK : NOTHING;
  }

  #options(byteLength: number, dictionary: Buffer): ZlibOptions {
    return deflateOptions(
      this.#settings.deflateOptions,
      this.#direction.windowBits,
      byteLength,
      dictionary,
    );
  }
}

/**
 * How much of the window a message is compressed with. zlib must hash all of it anew, so a short message refers to the
 * last 4 KiB, which was measured to gain as much as 32 KiB does; a large one to enough that its predecessor is in it.
 */
function dictionaryBytes(byteLength: number): number {
  return Math.max(MIN_DICTIONARY_BYTES, byteLength * 2);
}

/** Options of a zlib stream that is no larger than its data needs. */
export function deflateOptions(
  given: ZlibOptions,
  maxWindowBits: number,
  byteLength: number,
  dictionary: Buffer,
): ZlibOptions {
  const fitting = Math.ceil(Math.log2(byteLength + dictionary.length + LOOKAHEAD_BYTES));
  // zlib has no raw window of 8 bits. With 9 it refers back 512 - 262 octets at most, which a window of
  // 8 bits holds (RFC 7692 §7.1.2.1: the limit is on what is referred to).
  const allowed = Math.max(MIN_ZLIB_WINDOW_BITS, maxWindowBits);
  const windowBits = Math.min(allowed, Math.max(MIN_FITTED_WINDOW_BITS, fitting));
  return {
    memLevel: Math.min(8, Math.max(4, windowBits - 7)),
    // Room for data that does not compress, so that one piece comes out.
    chunkSize: Math.min(byteLength + (byteLength >>> 6) + 64, 65_536),
    ...given,
    windowBits,
    flush: constants.Z_NO_FLUSH,
    finishFlush: constants.Z_SYNC_FLUSH,
    ...(dictionary.length > 0 ? { dictionary } : { dictionary: undefined }),
  };
}

function finished(compressed: Octets, isLast: boolean): Octets {
  // RFC 7692 §7.2.1: the last four octets, 00 00 FF FF, are removed from the end of a message.
  return isLast ? compressed.subarray(0, compressed.length - TAIL_BYTES) : compressed;
}

const MAX_STORED_BYTES = 65_535;

/** DEFLATE data without compression (RFC 1951 §3.2.4), ended like a flush. */
function storedBlocks(octets: Octets): Octets {
  const blocks: Buffer[] = [];
  for (let at = 0; at < octets.length; at += MAX_STORED_BYTES) {
    const block = octets.subarray(at, at + MAX_STORED_BYTES);
    blocks.push(
      storedHeader(block.length),
      Buffer.from(block.buffer, block.byteOffset, block.length),
    );
  }
  blocks.push(storedHeader(0));
  return Buffer.concat(blocks);
}

function storedHeader(byteLength: number): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt16LE(byteLength, 1);
  header.writeUInt16LE(byteLength ^ 0xffff, 3);
  return header;
}
