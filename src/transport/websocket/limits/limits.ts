/** Owns the limits of a connection: their names, units and defaults. docs/reference/limits.md is their table. */

/** What happens to a message when `maxOutboundBytes` wait already. */
export type OverflowPolicy = 'disconnect' | 'dropNewest';

/** What one connection may cost. Times in milliseconds; sizes in octets. */
export interface ConnectionLimits {
  /** Octets of one message over all its fragments. Default 16 MiB. Beyond it the connection is closed with 1009. */
  readonly maxMessageBytes: number;
  /** Frames of one message, empty ones too. Default 131,072. Beyond it the connection is closed with 1008. */
  readonly maxFragmentCount: number;
  /**
   * From the first octet of a message, its fragments included, to its last; then the connection is closed with 1008.
   * 0 turns it off. Default 0: how long a large upload takes is known to the application only. The server program has 60,000.
   */
  readonly messageTimeoutMs: number;
  /**
   * Pings and Pongs of the peer; twice as many may come at once. 0 turns it off. Default 100. Beyond it the connection
   * is closed with 1008.
   */
  readonly maxControlFramesPerSecond: number;
  /**
   * Octets that wait for the peer; when there are more, a further message meets `onOverflow`. 0 turns it off. Default 0,
   * as in `ws`: then `bufferedAmount` is the application's to watch. Sessions have a limit of their own.
   */
  readonly maxOutboundBytes: number;
  /**
   * `disconnect` closes the connection with 1008. `dropNewest` leaves the new message out: its callback gets a
   * WebSocketError, `droppedMessageCount` counts it, and a message that has begun is never cut. Default `disconnect`.
   */
  readonly onOverflow: OverflowPolicy;
  /** How long a closing handshake may take before the socket is destroyed. Default 30,000. */
  readonly closeTimeoutMs: number;
  /**
   * No message in either direction, Pings and Pongs aside; then the connection is closed with 1001, at most a quarter
   * late. 0 turns it off. Default 0.
   */
  readonly idleTimeoutMs: number;
  /** Silence of the peer after which it is asked with a Ping; 0 turns the heartbeat off. Default 0. */
  readonly heartbeatIntervalMs: number;
  /** How long the peer may stay silent after that Ping before it is dropped. Default 10,000. */
  readonly heartbeatTimeoutMs: number;
}

export const DEFAULT_CONNECTION_LIMITS: ConnectionLimits = {
  maxMessageBytes: 16 * 1024 * 1024,
  maxFragmentCount: 131_072,
  messageTimeoutMs: 0,
  maxControlFramesPerSecond: 100,
  maxOutboundBytes: 0,
  onOverflow: 'disconnect',
  closeTimeoutMs: 30_000,
  idleTimeoutMs: 0,
  heartbeatIntervalMs: 0,
  heartbeatTimeoutMs: 10_000,
};
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
  /** Time for one message, from its first octet. Default 0, which is none. */
  readonly messageTimeoutMs?: number | undefined;
  /** Pings and Pongs of the peer. Default 100, and 200 at once; 0 turns it off. */
  readonly maxControlFramesPerSecond?: number | undefined;
  /** Octets that may wait for the peer before `onOverflow` holds. Default 0: no limit. */
  readonly maxOutboundBytes?: number | undefined;
  /** What then happens to a message. Default `disconnect`. */
  readonly onOverflow?: OverflowPolicy | undefined;
  readonly closeTimeoutMs?: number | undefined;
  /** The name of `closeTimeoutMs` in `ws`. */
  readonly closeTimeout?: number | undefined;
  /** Time without a message in either direction. Default 0: for ever. */
  readonly idleTimeoutMs?: number | undefined;
  readonly heartbeatIntervalMs?: number | undefined;
  readonly heartbeatTimeoutMs?: number | undefined;
}

/** Every limit with a value; throws a RangeError that names the option which is not a number from 0 on, or no policy. */
export function resolveLimits(options: LimitOptions): ConnectionLimits {
  const defaults = DEFAULT_CONNECTION_LIMITS;
  const {
    maxMessageBytes = noneWhenZero(options.maxPayload) ?? defaults.maxMessageBytes,
    maxFragmentCount = noneWhenZero(options.maxFragments) ?? defaults.maxFragmentCount,
    messageTimeoutMs = defaults.messageTimeoutMs,
    maxControlFramesPerSecond = defaults.maxControlFramesPerSecond,
    maxOutboundBytes = defaults.maxOutboundBytes,
    onOverflow = defaults.onOverflow,
    closeTimeoutMs = options.closeTimeout ?? defaults.closeTimeoutMs,
    idleTimeoutMs = defaults.idleTimeoutMs,
    heartbeatIntervalMs = defaults.heartbeatIntervalMs,
    heartbeatTimeoutMs = defaults.heartbeatTimeoutMs,
  } = options;
  const numbers = {
    maxMessageBytes,
    maxFragmentCount,
    messageTimeoutMs,
    maxControlFramesPerSecond,
    maxOutboundBytes,
    closeTimeoutMs,
    idleTimeoutMs,
    heartbeatIntervalMs,
    heartbeatTimeoutMs,
  };
  for (const [name, value] of Object.entries(numbers)) {
    checkedNumber(name, value);
  }
  if (onOverflow !== 'disconnect' && onOverflow !== 'dropNewest') {
    throw new RangeError(
      `onOverflow must be 'disconnect' or 'dropNewest', but it is ${String(onOverflow)}`,
    );
  }
  return { ...numbers, onOverflow };
}

/** Options of an opening handshake, by either name. */
interface HandshakeOptions {
  readonly handshakeTimeoutMs?: number | undefined;
  readonly handshakeTimeout?: number | undefined;
}

/** Time for an opening handshake; 0 and Infinity mean no limit, and both become 0. Throws a RangeError for what is no number from 0 on. */
export function resolveHandshakeTimeoutMs(options: HandshakeOptions): number {
  const { handshakeTimeoutMs, handshakeTimeout } = options;
  const givenMs = handshakeTimeoutMs ?? handshakeTimeout ?? DEFAULT_HANDSHAKE_TIMEOUT_MS;
  const timeoutMs = checkedNumber('handshakeTimeoutMs', givenMs);
  return timeoutMs === Infinity ? 0 : timeoutMs;
}

/** Throws a RangeError that names the option, unless it is a number from 0 on. */
export function checkedNumber(name: string, value: unknown): number {
  if (typeof value === 'number' && value >= 0) return value;
  throw new RangeError(`${name} must be a number from 0 on, but it is ${String(value)}`);
}

function noneWhenZero(value: number | undefined): number | undefined {
  return value === 0 ? Infinity : value;
}
