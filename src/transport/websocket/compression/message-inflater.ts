/** Owns the inflating of received messages (RFC 7692 §7.2.2), whose output is bounded while it comes out. */
import { constants as bufferConstants } from 'node:buffer';
import { inflateRaw, inflateRawSync, type ZlibOptions } from 'node:zlib';
import type { Octets } from '../../../foundation/index.js';
import {
  CLOSE_INVALID_PAYLOAD,
  INFLATE_RATIO_TOO_HIGH,
  MESSAGE_TOO_BIG,
  type DeflateDirection,
  type Violation,
} from '../../../protocol/websocket/index.js';
import type { CompressionSettings } from './compression-options.js';
import { SlidingWindow } from './sliding-window.js';

/** Compressed octets from which on a message is inflated off the thread. */
const LARGE_INFLATE_BYTES = 32_768;
/** Octets of output after which a small message turns out to be a large one. */
const MAX_SYNC_OUTPUT_BYTES = 131_072;
/** A message may always inflate to this much, whatever its ratio. */
export const FREE_INFLATE_BYTES = 65_536;
/** The largest piece that zlib gives out: by so much at most may the limit be exceeded. */
export const MAX_INFLATE_CHUNK_BYTES = 65_536;
/** Final blocks inside one message: each needs a zlib stream of its own. */
const MAX_FINAL_BLOCK_COUNT = 16;

/**
 * RFC 7692 §7.2.2: 00 00 FF FF is appended. The empty final block behind it makes zlib say whether the data really
 * ended there, where it would otherwise take data that was cut for complete.
 */
const TAIL = Buffer.from([0x00, 0x00, 0xff, 0xff, 0x03, 0x00]);

const NOTHING = Buffer.alloc(0);

export type Inflated = Buffer | Violation;

/** A message that is not DEFLATE data; `code` is zlib's, as in `ws`. */
function notInflatable(code: string, problem: string): Violation {
  const message = `a message cannot be inflated: ${problem}`;
  return { closeCode: CLOSE_INVALID_PAYLOAD, code, message };
}

/** Whether a message was inflated. */
export function isInflated(inflated: Inflated): inflated is Buffer {
  // A Violation is a plain object. Not `instanceof`: the realm of a test runner has a Uint8Array of its own.
  return ArrayBuffer.isView(inflated);
}

/** What zlib gives with `info: true`. */
interface InflateResult {
  readonly buffer: Buffer;
  readonly engine: { readonly bytesWritten: number };
}

/** One incoming direction. Every message is a zlib stream of its own, so nothing is left open. */
export class MessageInflater {
  readonly #settings: CompressionSettings;
  readonly #windowBits: number;
  readonly #maxMessageBytes: number;
  readonly #window: SlidingWindow | undefined;

  constructor(settings: CompressionSettings, direction: DeflateDirection, maxMessageBytes: number) {
    this.#settings = settings;
    this.#windowBits = direction.windowBits;
    this.#maxMessageBytes = maxMessageBytes;
    this.#window = direction.keepsContext ? new SlidingWindow(direction.windowBits) : undefined;
  }

  /** Inflates `octets[start, end)` at once, or answers undefined because it is too much for that. */
  inflateNow(octets: Octets, start: number, end: number): Inflated | undefined {
    if (start === end) return NOTHING;
    if (end - start >= LARGE_INFLATE_BYTES) return undefined;
    const inflation = this.#begin(octets, start, end);
    const isPartial = inflation.maxBytes > MAX_SYNC_OUTPUT_BYTES;
    if (isPartial) inflation.maxBytes = MAX_SYNC_OUTPUT_BYTES;
    while (!inflation.isOver) {
      try {
        inflation.took(
          inflateRawSync(inflation.rest, inflation.options()) as unknown as InflateResult,
        );
      } catch (error) {
        if (isPartial && isTooLarge(error)) return undefined;
        inflation.failed(error);
      }
    }
    return this.#finish(inflation);
  }

  /** Inflates off the thread, at the turn of this loop's jobs. One at a time: the next one needs its window. */
  inflateLater(
    octets: Octets,
    start: number,
    end: number,
    isWanted: () => boolean,
    done: (inflated: Inflated) => void,
  ): void {
    const inflation = this.#begin(octets, start, end);
    this.#settings.jobs.run((ended) => {
      const step = (): void => {
        if (!isWanted()) {
          ended();
          return;
        }
        inflateRaw(inflation.rest, inflation.options(), (error, result) => {
          if (error === null) inflation.took(result as unknown as InflateResult);
          else inflation.failed(error);
          if (!inflation.isOver) {
            step();
            return;
          }
          ended();
          done(this.#finish(inflation));
        });
      };
      step();
    });
  }

  #begin(octets: Octets, start: number, end: number): Inflation {
    const { maxInflateRatio, inflateOptions } = this.#settings;
    const ratioBytes = Math.max(FREE_INFLATE_BYTES, (end - start) * maxInflateRatio);
    const isRatio = ratioBytes < this.#maxMessageBytes;
    return new Inflation(
      octets.subarray(start, end),
      { ...inflateOptions, windowBits: this.#windowBits },
      this.#window?.octets ?? NOTHING,
      isRatio ? ratioBytes : this.#maxMessageBytes,
      isRatio ? INFLATE_RATIO_TOO_HIGH : MESSAGE_TOO_BIG,
    );
  }

  #finish(inflation: Inflation): Inflated {
    const inflated = inflation.outcome();
    if (isInflated(inflated)) this.#window?.append(inflated);
    return inflated;
  }
}

function isTooLarge(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
}

/** One message on its way through zlib; in several steps when it has final blocks inside. */
class Inflation {
  readonly #input: Buffer;
  readonly #payloadBytes: number;
  readonly #zlibOptions: ZlibOptions;
  readonly #tooBig: Violation;
  readonly #window: Buffer;
  maxBytes: number;
  #at = 0;
  #stepCount = 0;
  #output: Buffer = NOTHING;
  #violation: Violation | undefined = undefined;
  isOver = false;

  constructor(
    payload: Octets,
    zlibOptions: ZlibOptions,
    window: Buffer,
    maxBytes: number,
    tooBig: Violation,
  ) {
    this.#payloadBytes = payload.length;
    this.#input = Buffer.allocUnsafe(payload.length + TAIL.length);
    this.#input.set(payload);
    this.#input.set(TAIL, payload.length);
    this.#zlibOptions = zlibOptions;
    this.#window = window;
    this.maxBytes = maxBytes;
    this.#tooBig = tooBig;
  }

  get rest(): Buffer {
    return this.#at === 0 ? this.#input : this.#input.subarray(this.#at);
  }

  options(): ZlibOptions {
    const dictionary = this.#dictionary();
    const remaining = this.maxBytes - this.#output.length;
    return {
      chunkSize: Math.min(MAX_INFLATE_CHUNK_BYTES, Math.max(1024, this.#payloadBytes * 8)),
      ...this.#zlibOptions,
      maxOutputLength: Math.max(1, Math.min(remaining, bufferConstants.MAX_LENGTH)),
      info: true,
      ...(dictionary.length > 0 ? { dictionary } : { dictionary: undefined }),
    };
  }

  #dictionary(): Buffer {
    if (this.#output.length === 0) return this.#window;
    return Buffer.concat([this.#window, this.#output]).subarray(-32_768);
  }

  took(result: InflateResult): void {
    const { buffer, engine } = result;
    this.#output = this.#output.length === 0 ? buffer : Buffer.concat([this.#output, buffer]);
    this.#at += engine.bytesWritten;
    this.#stepCount += 1;
    const end = this.#payloadBytes;
    // RFC 7692 §7.2.3.4: a sender may use final blocks; the data goes on behind one.
    if (this.#at < end && this.#stepCount < MAX_FINAL_BLOCK_COUNT) return;
    this.isOver = true;
    if (this.#output.length > this.maxBytes) this.#violation = this.#tooBig;
    else if (this.#at < end) {
      this.#violation = notInflatable('Z_DATA_ERROR', 'it has too many final blocks');
    } else if (this.#at !== end && this.#at !== end + TAIL.length) {
      this.#violation = notInflatable('Z_DATA_ERROR', 'it ends inside a block');
    }
  }

  failed(error: unknown): void {
    this.isOver = true;
    const { code = 'Z_DATA_ERROR', message } = error as NodeJS.ErrnoException;
    this.#violation = isTooLarge(error) ? this.#tooBig : notInflatable(code, message);
  }

  outcome(): Inflated {
    return this.#violation ?? this.#output;
  }
}
