/** Owns which addresses a message may be forwarded to: judged on the address itself, after resolution (server-side request forgery). */
import { lookup } from 'node:dns/promises';
import { BlockList, isIP, isIPv4, type LookupFunction } from 'node:net';
import { callbackify } from 'node:util';

/** `refused` is never connected to, `private` only where an entry allows it. */
export type AddressClass = 'public' | 'private' | 'refused';

/** Finds the addresses of a name. */
export type Resolve = (hostname: string) => Promise<readonly string[]>;

type Range = readonly [address: string, prefixBits: number];

/** Link-local, metadata, unspecified, multicast, broadcast and reserved (IANA's special-purpose registries). */
const REFUSED: readonly Range[] = [
  ['0.0.0.0', 8],
  // RFC 3927: link-local, and the metadata services of nearly every cloud.
  ['169.254.0.0', 16],
  // Metadata services of Alibaba Cloud, Oracle Cloud (below 192.0.0.0/24) and Azure.
  ['100.100.100.200', 32],
  ['168.63.129.16', 32],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  // RFC 7526: the deprecated relays of 6to4.
  ['192.88.99.0', 24],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
  // Metadata services of Amazon and of Google, inside what is private otherwise.
  ['fd00:ec2::254', 128],
  ['fd20:ce::254', 128],
  ['fe80::', 10],
  // RFC 3879: the deprecated site-local addresses.
  ['fec0::', 10],
  ['ff00::', 8],
  // RFC 8215: a translation prefix of a network's own; what is behind it cannot be known.
  ['64:ff9b:1::', 48],
  ['100::', 64],
  // Teredo, ORCHID, benchmarks and other protocols.
  ['2001::', 23],
  ['2001:db8::', 32],
  ['3fff::', 20],
];

/** Loopback, RFC 1918, RFC 6598 (shared), RFC 4193 (unique local). */
const PRIVATE: readonly Range[] = [
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['::1', 128],
  ['fc00::', 7],
];

/** Of IPv6, nothing but this is given out as public. */
const GLOBAL_UNICAST: readonly Range[] = [['2000::', 3]];

/** Prefixes with an IPv4 address behind them, and the octet where it begins: it is judged by that address. */
const EMBEDDINGS: readonly (readonly [range: Range, offset: number])[] = [
  // RFC 4291 §2.5.5: compatible and mapped. RFC 2765: translated. RFC 6052: NAT64. RFC 3056: 6to4.
  [['::', 96], 12],
  [['::ffff:0:0', 96], 12],
  [['::ffff:0:0:0', 96], 12],
  [['64:ff9b::', 96], 12],
  [['2002::', 16], 2],
];

/** The judge of addresses. */
export class AddressGuard {
  readonly #refused = listOf(REFUSED);
  readonly #private = listOf(PRIVATE);
  readonly #globalUnicast = listOf(GLOBAL_UNICAST);
  readonly #embeddings = EMBEDDINGS.map(([range, offset]) => ({ list: listOf([range]), offset }));

  /** What is no address is refused. */
  classOf(text: string): AddressClass {
    // A zone (RFC 4007) says through which interface, not where.
    const [address = ''] = text.split('%', 1);
    if (isIPv4(address)) return this.#classIn(address, 'ipv4') ?? 'public';
    if (isIP(address) === 0) return 'refused';
    const known = this.#classIn(address, 'ipv6');
    if (known !== undefined) return known;
    const embedding = this.#embeddings.find(({ list }) => list.check(address, 'ipv6'));
    if (embedding !== undefined) {
      const { offset } = embedding;
      return this.classOf(
        octetsOf(address)
          .slice(offset, offset + 4)
          .join('.'),
      );
    }
    return this.#globalUnicast.check(address, 'ipv6') ? 'public' : 'refused';
  }

  #classIn(address: string, family: 'ipv4' | 'ipv6'): AddressClass | undefined {
    if (this.#refused.check(address, family)) return 'refused';
    return this.#private.check(address, family) ? 'private' : undefined;
  }
}

function listOf(ranges: readonly Range[]): BlockList {
  const list = new BlockList();
  for (const [address, prefixBits] of ranges) {
    list.addSubnet(address, prefixBits, isIPv4(address) ? 'ipv4' : 'ipv6');
  }
  return list;
}

/** The sixteen octets of an IPv6 address (RFC 4291 §2.2), which has to be one. */
function octetsOf(address: string): readonly number[] {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  if (dotted !== null) {
    const [a = 0, b = 0, c = 0, d = 0] = dotted.slice(2).map(Number);
    const groups = [a * 256 + b, c * 256 + d].map((group) => group.toString(16));
    return octetsOf(`${dotted[1] ?? ''}${groups.join(':')}`);
  }
  const [head = '', tail] = address.split('::');
  const before = groupsOf(head);
  const after = groupsOf(tail ?? '');
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  const groups = [...before, ...Array.from({ length: zeros }, () => 0), ...after];
  return groups.flatMap((group) => [group >> 8, group & 0xff]);
}

function groupsOf(text: string): readonly number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
}

/** A back end whose address may not be connected to. Its words are for the log, never for a client. */
export class RefusedAddress extends Error {
  override readonly name: string = 'RefusedAddress';
}

/** What the operating system says. */
export async function systemResolve(hostname: string): Promise<readonly string[]> {
  const found = await lookup(hostname, { all: true });
  return found.map(({ address }) => address);
}

/** Whether an address may be connected to. Throws a RefusedAddress that says why not. */
export function requireAllowed(
  guard: AddressGuard,
  addresses: readonly string[],
  hostname: string,
  allowPrivate: boolean,
): readonly string[] {
  const classes = addresses.map((address) => ({ address, kind: guard.classOf(address) }));
  const allowed = classes.filter(
    ({ kind }) => kind === 'public' || (kind === 'private' && allowPrivate),
  );
  if (allowed.length > 0) return allowed.map(({ address }) => address);
  const found = addresses.length === 0 ? 'no address' : addresses.slice(0, 4).join(', ');
  const hint = classes.some(({ kind }) => kind === 'private')
    ? 'loopback and private addresses need "allowPrivate: true"'
    : 'link-local, metadata, multicast and reserved addresses are never forwarded to';
  throw new RefusedAddress(`${hostname} is ${found}: ${hint}`);
}

/** For sockets: what it answers is what they connect to, so that no second answer of a name server can differ. */
export function guardedLookup(
  guard: AddressGuard,
  allowPrivate: boolean,
  resolve: Resolve,
): LookupFunction {
  const find = async (hostname: string): Promise<{ address: string; family: number }[]> => {
    const addresses = requireAllowed(guard, await resolve(hostname), hostname, allowPrivate);
    return addresses.map((address) => ({ address, family: isIP(address) }));
  };
  const findFor = callbackify(find);
  return (hostname, options, callback) => {
    findFor(hostname, (error, found) => {
      if (error !== null) return callback(error, '', 0);
      const [first = { address: '', family: 0 }] = found;
      if (options.all === true) callback(null, found);
      else callback(null, first.address, first.family);
    });
  };
}
