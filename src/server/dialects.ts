/** Owns the list of the dialects that this server knows, made from what it shares with them. */
import { NativeReceiver } from '../dialect/native/index.js';
import type { DialectEnvironment } from '../dialect/opening/index.js';
import type { OfferedDialect } from '../dialect/selection/index.js';
import { isStompFirstMessage, StompReceiver } from '../dialect/stomp/index.js';
import { NATIVE_SUBPROTOCOL } from '../protocol/native/index.js';
import { STOMP_SUBPROTOCOLS } from '../protocol/stomp/index.js';
import { packageVersion } from './version.js';

/** In the order in which a first message is tried with them: any binary message may be native. */
export function offeredDialects(environment: DialectEnvironment): readonly OfferedDialect[] {
  const stomp = { ...environment, serverName: `tideway/${packageVersion()}` };
  return [
    {
      name: 'stomp',
      subprotocols: STOMP_SUBPROTOCOLS,
      isFirstMessage: isStompFirstMessage,
      accept: (connection) => new StompReceiver(stomp, connection),
    },
    {
      name: 'native',
      subprotocols: [NATIVE_SUBPROTOCOL],
      isFirstMessage: (message) => typeof message !== 'string' || message.startsWith('{'),
      accept: (connection) => new NativeReceiver(environment, connection),
    },
  ];
}
