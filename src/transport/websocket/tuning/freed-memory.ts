/** Owns a hint to the C library: that memory of large messages which was freed will be wanted again. */

/** From here on a read counts: small messages stand in memory that V8 keeps by itself. */
export const LARGE_READ_BYTES = 16_384;

/** Only who moves as much as this has the hint given; one large message now and then is not worth keeping memory for. */
const MIN_TRAFFIC_BYTES = 67_108_864;

/** Just below the largest block that glibc takes as a hint (mallopt(3): M_MMAP_THRESHOLD, 32 MiB). */
const HINT_BYTES = 33_488_896;

/**
 * V8 collects after about 32 MiB of large messages. glibc gives what is then freed back to the system, unless a block
 * has been freed that was even larger: it takes that as a sign that such blocks come and go, and keeps up to twice as
 * much (mallopt(3): M_TRIM_THRESHOLD). Without it each message of 64 KiB costs 16 page faults, a third of its echo.
 */
export class FreedMemory {
  readonly #allocate: (byteLength: number) => void;
  #leftBytes = MIN_TRAFFIC_BYTES;

  /** `allocate` makes a block which nobody holds. */
  constructor(allocate: (byteLength: number) => void = allocateAndForget) {
    this.#allocate = allocate;
  }

  /** Called when so many octets of large messages were read. */
  read(byteLength: number): void {
    if (this.#leftBytes <= 0) return;
    this.#leftBytes -= byteLength;
    if (this.#leftBytes <= 0) this.#allocate(HINT_BYTES);
  }
}

function allocateAndForget(byteLength: number): void {
  // Nobody writes to it, so it takes address space until the next collection, and no memory.
  if (process.platform === 'linux') Buffer.allocUnsafeSlow(byteLength);
}
