/** Owns the list of the dialects that this server knows, by name, made from what it shares with them. */
import { isNativeFirstMessage, NativeReceiver } from '../dialect/native/index.js';
import type { DialectEnvironment } from '../dialect/opening/index.js';
import type { OfferedDialect } from '../dialect/selection/index.js';
import { isStompFirstMessage, StompReceiver } from '../dialect/stomp/index.js';
import { PACKAGE_VERSION } from '../foundation/index.js';
import { NATIVE_SUBPROTOCOL } from '../protocol/native/index.js';
import { STOMP_SUBPROTOCOLS } from '../protocol/stomp/index.js';

type MakeDialect = (environment: DialectEnvironment) => Omit<OfferedDialect, 'name'>;

/** The first octet that is no line end tells them apart, so their order says nothing. */
const DIALECTS = {
  stomp: (environment) => {
    const stomp = { ...environment, serverName: `tideway/${PACKAGE_VERSION}` };
    return {
      subprotocols: STOMP_SUBPROTOCOLS,
      isFirstMessage: isStompFirstMessage,
      accept: (connection) => new StompReceiver(stomp, connection),
    };
  },
  native: (environment) => ({
    subprotocols: [NATIVE_SUBPROTOCOL],
    isFirstMessage: isNativeFirstMessage,
    accept: (connection) => new NativeReceiver(environment, connection),
  }),
} satisfies Readonly<Record<string, MakeDialect>>;

/** As configuration calls them. */
export type DialectName = keyof typeof DIALECTS;

export const DIALECT_NAMES = Object.keys(DIALECTS) as [DialectName, ...DialectName[]];

/** All of them; a path may offer some. */
export function knownDialects(environment: DialectEnvironment): readonly OfferedDialect[] {
  return DIALECT_NAMES.map((name) => ({ name, ...DIALECTS[name](environment) }));
}
