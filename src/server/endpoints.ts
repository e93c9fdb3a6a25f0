/** Owns at which paths clients connect, and what each path takes: dialects, transports, Origins. */
import type { OfferedDialect } from '../dialect/selection/index.js';
import { OriginGate, type OriginHeaders, type OwnOrigins } from '../routing/index.js';
import { DIALECT_NAMES, REFUSAL_PLACES, type DialectName, type RefusalPlace } from './dialects.js';
import { throwFirst, type ConfigurationFault, type PrefixOptions } from './prefixes.js';

/** As configuration calls them. */
export const TRANSPORT_NAMES = ['websocket'] as const;
export type TransportName = (typeof TRANSPORT_NAMES)[number];

/** One path at which clients connect. */
export interface EndpointOptions {
  /** Path of the URL, without a query. */
  readonly path: string;
  /** What is spoken there. Default: every dialect that the server knows. */
  readonly dialects?: readonly DialectName[];
  /** How connections come. Default: every transport that the server knows. */
  readonly transports?: readonly TransportName[];
  /** Origins of pages that may connect here, in place of the server's `allowedOrigins`. Its own origins always may. */
  readonly allowedOrigins?: readonly string[];
  /**
   * Where a client of STOMP hears of what was refused. `error`, the default and STOMP's own way: by an ERROR, then its connection is
   * closed. `queue`: on `/user/queue/errors`, and the connection lives, if it is subscribed to that; who is not gets the ERROR. Throws a
   * RangeError for an endpoint that does not speak STOMP, and for a server without user destinations.
   */
  readonly refusals?: RefusalPlace;
}

/** One path, with its defaults. */
export type Endpoint = Required<EndpointOptions>;

/** What options say of endpoints. */
export interface EndpointsOptions {
  readonly path?: string | readonly string[];
  readonly endpoints?: readonly EndpointOptions[];
  readonly prefixes?: PrefixOptions;
  readonly allowedOrigins?: readonly string[];
}

export const DEFAULT_PATH = '/ws';
/** Without white space, query and fragment. */
export const ENDPOINT_PATH: RegExp = /^\/[^\s?#]*$/;

const MEMBERS = ['path', 'dialects', 'transports', 'allowedOrigins', 'refusals'];

/** The endpoints with their defaults, those of `path` first. Throws a RangeError for what is wrong with them. */
export function endpointsOf(options: EndpointsOptions): readonly Endpoint[] {
  throwFirst(endpointFaults(options));
  return listOf(options).map(({ path, dialects, transports, allowedOrigins, refusals }) => ({
    path,
    dialects: dialects ?? DIALECT_NAMES,
    transports: transports ?? TRANSPORT_NAMES,
    allowedOrigins: allowedOrigins ?? options.allowedOrigins ?? [],
    refusals: refusals ?? 'error',
  }));
}

/** Paths that are none or stand there twice, and names that nobody knows. */
export function endpointFaults(options: EndpointsOptions): readonly ConfigurationFault[] {
  const shortCount = listOf(options).length - (options.endpoints?.length ?? 0);
  const seen = new Set<string>();
  return listOf(options).flatMap((endpoint, index) => {
    const isShort = index < shortCount;
    const place = isShort ? ['path'] : ['endpoints', index - shortCount];
    const at = (member: string) => (isShort ? place : [...place, member]);
    const faults: ConfigurationFault[] = [];
    const fault = (path: readonly (string | number)[], words: string): void => {
      faults.push({ path, words });
    };
    const { path } = endpoint;
    if (typeof path !== 'string' || !ENDPOINT_PATH.test(path)) {
      fault(at('path'), `${JSON.stringify(path)} is no path; it begins with "/", such as /ws`);
    } else if (seen.has(path)) {
      fault(at('path'), `${path} is the path of two endpoints; name its dialects in one of them`);
    }
    seen.add(path);
    const unknown = Object.keys(endpoint).find((member) => !MEMBERS.includes(member));
    if (unknown !== undefined) {
      fault([...place, unknown], `an endpoint has no such member; it has ${MEMBERS.join(', ')}`);
    }
    for (const [member, known] of [
      ['dialects', DIALECT_NAMES],
      ['transports', TRANSPORT_NAMES],
    ] as const) {
      const words = faultOfNames(endpoint[member], member.slice(0, -1), known);
      if (words !== undefined) fault(at(member), words);
    }
    const words = faultOfRefusals(endpoint, options);
    if (words !== undefined) fault(at('refusals'), words);
    return faults;
  });
}

function faultOfRefusals(
  { refusals, dialects = DIALECT_NAMES }: EndpointOptions,
  { prefixes }: EndpointsOptions,
): string | undefined {
  if (refusals === undefined || refusals === 'error') return undefined;
  if (!REFUSAL_PLACES.includes(refusals)) {
    return `refusals are told by ${REFUSAL_PLACES.join(' or ')}, not ${JSON.stringify(refusals)}`;
  }
  if (Array.isArray(dialects) && !dialects.includes('stomp'))
    return 'this endpoint does not speak stomp, which it is for';
  if (prefixes?.user?.length !== 0) return undefined;
  return 'the queue is a user destination, and prefixes.user leaves these out';
}

function faultOfNames(
  given: readonly string[] | undefined,
  what: string,
  known: readonly string[],
): string | undefined {
  if (given === undefined) return undefined;
  if (!Array.isArray(given) || given.length === 0) {
    return `name at least one ${what} in a list; there are ${known.join(', ')}`;
  }
  const unknown = given.find((name) => !known.includes(name));
  if (unknown === undefined) return undefined;
  return `there is no ${what} ${JSON.stringify(unknown)}; there are ${known.join(', ')}`;
}

function listOf({ path, endpoints }: EndpointsOptions): readonly EndpointOptions[] {
  const short = path ?? (endpoints === undefined ? DEFAULT_PATH : []);
  const paths = typeof short === 'string' ? [short] : short;
  return [...paths.map((one) => ({ path: one })), ...(endpoints ?? [])];
}

interface OpenEndpoint {
  readonly gate: OriginGate;
  readonly dialects: readonly OfferedDialect[];
}

/** Endpoints as the doors ask about them, by path. A path that is none of theirs, of a transport of one's own, takes every dialect. */
export class Endpoints {
  readonly #known: readonly OfferedDialect[];
  readonly #byPath: ReadonlyMap<string, OpenEndpoint>;

  /** `known` makes every dialect that the server knows. */
  constructor(
    endpoints: readonly Endpoint[],
    known: (refusals: RefusalPlace) => readonly OfferedDialect[],
  ) {
    this.#known = known('error');
    this.#byPath = new Map(
      endpoints.map(({ path, dialects, allowedOrigins, refusals }) => [
        path,
        {
          gate: new OriginGate({ allowedOrigins }),
          dialects: known(refusals).filter(({ name }) =>
            (dialects as readonly string[]).includes(name),
          ),
        },
      ]),
    );
  }

  get paths(): readonly string[] {
    return [...this.#byPath.keys()];
  }

  dialectsOf(path: string): readonly OfferedDialect[] {
    return this.#byPath.get(path)?.dialects ?? this.#known;
  }

  /** Why an Origin is refused at a path, or undefined. */
  refusalOf(path: string, headers: OriginHeaders): string | undefined {
    return this.#byPath.get(path)?.gate.refusalOf(headers);
  }

  /** See `OriginGate`. */
  setOwn(own: OwnOrigins): void {
    for (const { gate } of this.#byPath.values()) gate.setOwn(own);
  }
}
