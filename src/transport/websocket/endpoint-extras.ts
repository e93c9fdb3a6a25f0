/** Owns what an endpoint may be told beside its limits. */
import type { AgreedCompression } from './compression-options.js';
import type { MaskSource } from './engine-loop.js';

/** What most endpoints do without. */
export interface EndpointExtras {
  readonly compression?: AgreedCompression | undefined;
  /** False: text and close reasons are not checked to be UTF-8 (RFC 6455 §8.1). */
  readonly checksUtf8?: boolean;
  /** Masking keys of a client's own; by default those of the loop. */
  readonly masks?: MaskSource | undefined;
}
