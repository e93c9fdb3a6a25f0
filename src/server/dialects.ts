/** Owns the list of the dialects that this server knows, by name, made from what it shares with them. */
import { isNativeFirstMessage, NativeReceiver } from '../dialect/native/index.js';
import type { DialectEnvironment } from '../dialect/opening/index.js';
import type { OfferedDialect } from '../dialect/selection/index.js';
import { isStompFirstMessage, StompReceiver } from '../dialect/stomp/index.js';
import { PACKAGE_VERSION } from '../foundation/index.js';
import { NATIVE_SUBPROTOCOL } from '../protocol/native/index.js';
import { STOMP_SUBPROTOCOLS } from '../protocol/stomp/index.js';
import { ErrorsQueue } from '../routing/index.js';

/** Where a client hears of what was refused, in a dialect that has no answer of its own for it. */
export const REFUSAL_PLACES = ['error', 'queue'] as const;
export type RefusalPlace = (typeof REFUSAL_PLACES)[number];

interface DialectParts {
  readonly environment: DialectEnvironment;
  /** Where it is told where the endpoint says `queue`; undefined for `error`. */
  readonly errorsQueue: ErrorsQueue | undefined;
}

type MakeDialect = (parts: DialectParts) => Omit<OfferedDialect, 'name'>;

/** The first octet that is no line end tells them apart, so their order says nothing. */
const DIALECTS = {
  stomp: ({ environment, errorsQueue }) => {
    const stomp = { ...environment, errorsQueue, serverName: `tideway/${PACKAGE_VERSION}` };
    return {
      subprotocols: STOMP_SUBPROTOCOLS,
      isFirstMessage: isStompFirstMessage,
      accept: (connection) => new StompReceiver(stomp, connection),
    };
  },
  native: ({ environment }) => ({
    subprotocols: [NATIVE_SUBPROTOCOL],
    isFirstMessage: isNativeFirstMessage,
    accept: (connection) => new NativeReceiver(environment, connection),
  }),
} satisfies Readonly<Record<string, MakeDialect>>;

/** As configuration calls them. */
export type DialectName = keyof typeof DIALECTS;

export const DIALECT_NAMES = Object.keys(DIALECTS) as [DialectName, ...DialectName[]];

/** All of them; a path may offer some. `userPrefix` is where the destinations of users are mounted. */
export function knownDialects(
  environment: DialectEnvironment,
  userPrefix: string,
  refusals: RefusalPlace,
): readonly OfferedDialect[] {
  const errorsQueue =
    refusals === 'queue' ? new ErrorsQueue(environment.router, userPrefix) : undefined;
  return DIALECT_NAMES.map((name) => ({ name, ...DIALECTS[name]({ environment, errorsQueue }) }));
}
