/** Owns the agreement on heartbeats: the header `heart-beat` and what two of them come to. */

/** What one end says of itself, in milliseconds; 0 means none. */
export interface HeartbeatOffer {
  /** The shortest interval at which it can send. */
  readonly sendsEveryMs: number;
  /** The interval at which it would like to be sent to. */
  readonly wantsEveryMs: number;
}

const NO_HEARTBEATS: HeartbeatOffer = { sendsEveryMs: 0, wantsEveryMs: 0 };

/** A missing header means none; undefined for one that is no offer. */
export function parseHeartbeatOffer(header: string | undefined): HeartbeatOffer | undefined {
  if (header === undefined) return NO_HEARTBEATS;
  const match = /^(\d{1,12}),(\d{1,12})$/.exec(header.replaceAll(' ', ''));
  if (match === null) return undefined;
  return { sendsEveryMs: Number(match[1]), wantsEveryMs: Number(match[2]) };
}

export function formatHeartbeatOffer({ sendsEveryMs, wantsEveryMs }: HeartbeatOffer): string {
  return `${sendsEveryMs},${wantsEveryMs}`;
}

/** STOMP 1.2, "Heart-beating": the interval from one end to the other; 0 when either does not want it. */
export function heartbeatIntervalMs(from: HeartbeatOffer, to: HeartbeatOffer): number {
  if (from.sendsEveryMs === 0 || to.wantsEveryMs === 0) return 0;
  return Math.max(from.sendsEveryMs, to.wantsEveryMs);
}

/** One line feed. */
export const HEARTBEAT_TEXT = '\n';
