/** Owns the options of permessage-deflate: their defaults, their checks, and what the connections of one server share. */
import { deflateRawSync, inflateRawSync, type ZlibOptions } from 'node:zlib';
import {
  MAX_WINDOW_BITS,
  MIN_WINDOW_BITS,
  deflateDirections,
  type DeflateDirections,
  type DeflateParameters,
  type DeflatePreferences,
  type Role,
} from '../../../protocol/websocket/index.js';
import { DEFAULT_ZLIB_CONCURRENCY, type ZlibJobs } from './zlib-jobs.js';

/** Options of permessage-deflate (RFC 7692), those of `ws` and below them our own. */
export interface PerMessageDeflateOptions {
  /** `true`: the server forgets its window after each message; `false`: an offer that asks for that is declined. */
  readonly serverNoContextTakeover?: boolean | undefined;
  /** `true`: the client forgets its window after each message; `false`, in a client: an answer that asks for that fails. */
  readonly clientNoContextTakeover?: boolean | undefined;
  /** Size of the server's window as a power of two, 8 to 15; `false` declines an offer that asks for one. */
  readonly serverMaxWindowBits?: number | boolean | undefined;
  /** Size of the client's window as a power of two, 8 to 15; `false` neither offers nor allows one. */
  readonly clientMaxWindowBits?: number | boolean | undefined;
  /** Passed to zlib when compressing: `level`, `memLevel`, `strategy`, `chunkSize`. */
  readonly zlibDeflateOptions?: ZlibOptions | undefined;
  /** Passed to zlib when inflating: `chunkSize`. */
  readonly zlibInflateOptions?: ZlibOptions | undefined;
  /** Octets below which a message is not compressed, unless the window is kept. Default 1,024. */
  readonly threshold?: number | undefined;
  /** Large messages that zlib works on at the same time; holds for all connections of a loop. Default 10. */
  readonly concurrencyLimit?: number | undefined;
  /**
   * Octets of windows that all connections together may keep; a connection beyond it is agreed without context
   * takeover. For servers. Default 32 MiB, and 0 with `perMessageDeflate: true`.
   */
  readonly maxContextTakeoverBytes?: number | undefined;
  /**
   * How many times its size a message may inflate to once it is larger than 64 KiB; beyond it the connection is
   * closed with 1009. Default: no limit but that of `maxMessageBytes`.
   */
  readonly maxInflateRatio?: number | undefined;
}

export const DEFAULT_COMPRESSION_THRESHOLD_BYTES = 1024;
export const DEFAULT_MAX_CONTEXT_TAKEOVER_BYTES: number = 32 * 1024 * 1024;

const NOTHING = Buffer.alloc(0);
const EMPTY_FINAL_BLOCK = Buffer.from([3, 0]);

/** Octets of windows that are kept for all connections of a server. */
export class TakeoverBudget {
  readonly #maxBytes: number;
  #usedBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  has(bytes: number): boolean {
    return this.#usedBytes + bytes <= this.#maxBytes;
  }

  take(bytes: number): void {
    this.#usedBytes += bytes;
  }

  giveBack(bytes: number): void {
    this.#usedBytes -= bytes;
  }
}

/** The options with their defaults, and what connections share. */
export interface CompressionSettings {
  readonly preferences: DeflatePreferences;
  readonly thresholdBytes: number;
  readonly maxInflateRatio: number;
  readonly deflateOptions: ZlibOptions;
  readonly inflateOptions: ZlibOptions;
  readonly budget: TakeoverBudget;
  readonly jobs: ZlibJobs;
}

/** What one connection has agreed upon. */
export interface AgreedCompression extends DeflateDirections {
  readonly settings: CompressionSettings;
  /** Octets of the budget that are this connection's until it ends. */
  readonly reservedBytes: number;
}

/** Settings of what a user gave; undefined when compression is off. Throws a RangeError or TypeError that names the option. */
export function resolveCompression(
  given: boolean | PerMessageDeflateOptions,
  role: Role,
  jobs: ZlibJobs,
): CompressionSettings | undefined {
  if (given === false) return undefined;
  const options = given === true ? {} : given;
  const {
    threshold = DEFAULT_COMPRESSION_THRESHOLD_BYTES,
    concurrencyLimit = DEFAULT_ZLIB_CONCURRENCY,
    maxInflateRatio = Infinity,
    // A bare `true` asks for compression, not for memory; whoever passes options gets what `ws` does.
    maxContextTakeoverBytes = role === 'server' && given === true
      ? 0
      : DEFAULT_MAX_CONTEXT_TAKEOVER_BYTES,
  } = options;
  checkNumber('threshold', threshold, 0);
  checkNumber('concurrencyLimit', concurrencyLimit, 1);
  checkNumber('maxInflateRatio', maxInflateRatio, 1);
  checkNumber('maxContextTakeoverBytes', maxContextTakeoverBytes, 0);
  for (const name of ['serverMaxWindowBits', 'clientMaxWindowBits'] as const) {
    checkWindowBits(name, options[name]);
  }
  const { zlibDeflateOptions: deflateOptions = {}, zlibInflateOptions: inflateOptions = {} } =
    options;
  // zlib itself says what it cannot work with, now and not when the first message comes.
  if (options.zlibDeflateOptions !== undefined) deflateRawSync(NOTHING, deflateOptions);
  if (options.zlibInflateOptions !== undefined) inflateRawSync(EMPTY_FINAL_BLOCK, inflateOptions);
  jobs.limitTo(concurrencyLimit);
  return {
    preferences: {
      serverNoContextTakeover: options.serverNoContextTakeover,
      clientNoContextTakeover: options.clientNoContextTakeover,
      serverMaxWindowBits: options.serverMaxWindowBits,
      clientMaxWindowBits: options.clientMaxWindowBits,
    },
    thresholdBytes: threshold,
    maxInflateRatio,
    deflateOptions,
    inflateOptions,
    budget: new TakeoverBudget(role === 'client' ? Infinity : maxContextTakeoverBytes),
    jobs,
  };
}

function checkNumber(name: string, value: number, minimum: number): void {
  if (typeof value !== 'number' || !(value >= minimum)) {
    throw new RangeError(
      `perMessageDeflate.${name} must be a number from ${minimum} on, but it is ${String(value)}`,
    );
  }
}

function checkWindowBits(name: string, value: number | boolean | null | undefined): void {
  if (value === undefined || value === null || typeof value === 'boolean') return;
  if (!Number.isInteger(value) || value < MIN_WINDOW_BITS || value > MAX_WINDOW_BITS) {
    throw new RangeError(
      `perMessageDeflate.${name} must be an integer from 8 to 15 or a boolean, but it is ${String(value)}`,
    );
  }
}

/** What a server prefers for its next connection: no windows when the budget has no room for the largest. */
export function serverPreferences(settings: CompressionSettings): DeflatePreferences {
  const { preferences, budget } = settings;
  let neededBytes = 0;
  if (preferences.serverNoContextTakeover !== true) {
    neededBytes += windowBytes(preferences.serverMaxWindowBits);
  }
  if (preferences.clientNoContextTakeover !== true) {
    neededBytes += windowBytes(preferences.clientMaxWindowBits);
  }
  if (budget.has(neededBytes)) return preferences;
  return { ...preferences, serverNoContextTakeover: true, clientNoContextTakeover: true };
}

function windowBytes(windowBits: number | boolean | undefined): number {
  return 2 ** (typeof windowBits === 'number' ? windowBits : MAX_WINDOW_BITS);
}

/** Takes what the windows of a connection need from the budget; `releaseCompression` gives it back. */
export function agreeCompression(
  settings: CompressionSettings,
  parameters: DeflateParameters,
  role: Role,
): AgreedCompression {
  const { outgoing, incoming } = deflateDirections(parameters, role);
  let reservedBytes = 0;
  for (const { keepsContext, windowBits } of [outgoing, incoming]) {
    if (keepsContext) reservedBytes += 2 ** windowBits;
  }
  settings.budget.take(reservedBytes);
  return { outgoing, incoming, settings, reservedBytes };
}

export function releaseCompression(agreed: AgreedCompression): void {
  agreed.settings.budget.giveBack(agreed.reservedBytes);
}
