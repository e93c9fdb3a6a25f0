/** Owns the list of the dialects that this server knows, made from what it shares with them. */
import { NativeReceiver, type NativeEnvironment } from '../dialect/native/index.js';
import type { OfferedDialect } from '../dialect/selection/index.js';
import { NATIVE_SUBPROTOCOL } from '../protocol/native/index.js';

/** In the order in which a first message is tried with them. */
export function offeredDialects(environment: NativeEnvironment): readonly OfferedDialect[] {
  return [
    {
      name: 'native',
      subprotocols: [NATIVE_SUBPROTOCOL],
      isFirstMessage: (message) => typeof message !== 'string' || message.startsWith('{'),
      accept: (connection) => new NativeReceiver(environment, connection),
    },
  ];
}
