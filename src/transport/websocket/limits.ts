/** Owns the limits of a connection: their names, units and defaults. */

/** What one connection may cost. */
export interface ConnectionLimits {
  /** Octets of one message over all its fragments. Default 16 MiB. Beyond it the connection is closed with 1009. */
  readonly maxMessageBytes: number;
  /** Frames of one message, empty ones too. Default 16,384. Beyond it the connection is closed with 1008. */
  readonly maxFragmentCount: number;
  /** How long a closing handshake may take before the socket is destroyed. Default 30,000 ms. */
  readonly closeTimeoutMs: number;
  /** Silence of the peer after which it is asked with a Ping; 0 turns the heartbeat off. Default 0. */
  readonly heartbeatIntervalMs: number;
  /** How long the peer may stay silent after that Ping before it is dropped. Default 10,000 ms. */
  readonly heartbeatTimeoutMs: number;
}

export const DEFAULT_MAX_MESSAGE_BYTES: number = 16 * 1024 * 1024;
export const DEFAULT_MAX_FRAGMENT_COUNT = 16_384;
export const DEFAULT_CLOSE_TIMEOUT_MS = 30_000;
export const DEFAULT_HEARTBEAT_TIMEOUT_MS = 10_000;
/** How long an opening handshake may take. */
export const DEFAULT_HANDSHAKE_TIMEOUT_MS = 10_000;

/** Limits as users give them: ours, or the names that `ws` has for them. */
export interface LimitOptions {
  readonly maxMessageBytes?: number | undefined;
  /** The name of `maxMessageBytes` in `ws`; 0 means no limit there and here. */
  readonly maxPayload?: number | undefined;
  readonly maxFragmentCount?: number | undefined;
  /** The name of `maxFragmentCount` in `ws`; 0 means no limit there and here. */
  readonly maxFragments?: number | undefined;
  readonly closeTimeoutMs?: number | undefined;
  /** The name of `closeTimeoutMs` in `ws`. */
  readonly closeTimeout?: number | undefined;
  readonly heartbeatIntervalMs?: number | undefined;
  readonly heartbeatTimeoutMs?: number | undefined;
}

/** Every limit with a value; throws a RangeError that names the option which is not a number from 0 on. */
export function resolveLimits(options: LimitOptions): ConnectionLimits {
  const {
    maxMessageBytes = noneWhenZero(options.maxPayload) ?? DEFAULT_MAX_MESSAGE_BYTES,
    maxFragmentCount = noneWhenZero(options.maxFragments) ?? DEFAULT_MAX_FRAGMENT_COUNT,
    closeTimeoutMs = options.closeTimeout ?? DEFAULT_CLOSE_TIMEOUT_MS,
    heartbeatIntervalMs = 0,
    heartbeatTimeoutMs = DEFAULT_HEARTBEAT_TIMEOUT_MS,
  } = options;
  const limits: ConnectionLimits = {
    maxMessageBytes,
    maxFragmentCount,
    closeTimeoutMs,
    heartbeatIntervalMs,
    heartbeatTimeoutMs,
  };
  for (const [name, value] of Object.entries(limits)) {
    if (typeof value !== 'number' || !(value >= 0)) {
      throw new RangeError(`${name} must be a number from 0 on, but it is ${String(value)}`);
    }
  }
  return limits;
}

function noneWhenZero(value: number | undefined): number | undefined {
  return value === 0 ? Infinity : value;
}
