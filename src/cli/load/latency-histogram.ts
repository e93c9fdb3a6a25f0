/** Owns latencies counted in buckets: constant memory, an error below two per cent, nothing allocated while it counts. */

const BITS_OF_PRECISION = 6;
const BUCKETS_PER_OCTAVE = 2 ** BITS_OF_PRECISION;
/** Half a nanosecond short of 72 minutes, in microseconds: far beyond any time-out of a run. */
const MAX_MICROSECONDS = 2 ** 32 - 1;
const BUCKET_COUNT = (32 - BITS_OF_PRECISION + 1) * BUCKETS_PER_OCTAVE;

export class LatencyHistogram {
  readonly #counts = new Float64Array(BUCKET_COUNT);
  #count = 0;
  #maxMs = 0;

  /** How many were recorded. */
  get count(): number {
    return this.#count;
  }

  /** The longest, exactly; 0 when nothing was recorded. */
  get maxMs(): number {
    return this.#maxMs;
  }

  /** Records the same latency for several messages. */
  record(latencyMs: number, messageCount = 1): void {
    if (latencyMs > this.#maxMs) this.#maxMs = latencyMs;
    this.#count += messageCount;
    const bucket = bucketOf(Math.min(Math.max(latencyMs * 1000, 0), MAX_MICROSECONDS));
    this.#counts[bucket] = this.#counts[bucket]! + messageCount;
  }

  /** The latency that a share of all stays within, such as 0.99; 0 when nothing was recorded. */
  percentileMs(share: number): number {
    const rank = Math.ceil(share * this.#count);
    let seen = 0;
    for (let bucket = 0; bucket < BUCKET_COUNT; bucket++) {
      seen += this.#counts[bucket]!;
      if (seen >= rank && seen > 0) return Math.min(upperEdge(bucket) / 1000, this.#maxMs);
    }
    return this.#maxMs;
  }

  /** Forgets everything. */
  reset(): void {
    this.#counts.fill(0);
    this.#count = 0;
    this.#maxMs = 0;
  }
}

/** Whole microseconds up to 64 have a bucket each; above, each octave has 64. */
function bucketOf(microseconds: number): number {
  const whole = Math.floor(microseconds);
  if (whole < BUCKETS_PER_OCTAVE) return whole;
  const octave = 31 - Math.clz32(whole) - BITS_OF_PRECISION;
  return (octave + 1) * BUCKETS_PER_OCTAVE + Math.floor(whole / 2 ** octave) - BUCKETS_PER_OCTAVE;
}

/** The first latency beyond a bucket, in microseconds. */
function upperEdge(bucket: number): number {
  if (bucket < BUCKETS_PER_OCTAVE) return bucket + 1;
  const octave = Math.floor(bucket / BUCKETS_PER_OCTAVE) - 1;
  const place = (bucket % BUCKETS_PER_OCTAVE) + BUCKETS_PER_OCTAVE;
  return (place + 1) * 2 ** octave;
}
