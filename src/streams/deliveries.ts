/** Owns the two ends that a reader of a stream may meet, the same for all. */
import { Disconnect } from '../foundation/index.js';
import type { Delivery } from '../session/index.js';

/** Falling off the ring is the overflow of the policy `all` (semantics P1). */
export const OVERFLOW: Delivery = {
  kind: 'end',
  error: new Disconnect(
    'session/slow-consumer',
    'this connection read too slowly and fell off the ring of a stream; come back with the cursor',
  ),
};

export const INTERRUPTED: Delivery = {
  kind: 'end',
  error: new Disconnect(
    'stream/interrupted',
    'the stream was interrupted and cannot be read on; come back with the cursor',
  ),
};
