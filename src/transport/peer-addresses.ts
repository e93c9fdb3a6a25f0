/** Owns whose connection a socket is: its own address, or behind a trusted proxy the one that the proxy names. */
import { BlockList } from 'node:net';
import type { Duplex } from 'node:stream';
import { ipAddressOctets, ipAddressText, type Octets } from '../foundation/index.js';
import type { Peer } from '../session/index.js';
import {
  FORWARDED,
  X_FORWARDED_FOR,
  forwardedNodes,
  listedNodes,
  type ForwardedNode,
} from './forwarded-nodes.js';

/** In `trustedProxies`: whoever comes through a socket file, and so has no address. */
export const UNIX_SOCKETS = 'unix';

/** Proxies behind each other that are followed: no network has more, and a header may have thousands. */
const MAX_HOP_COUNT = 32;

/** RFC 4291 §2.5.4: what a subscriber of IPv6 gets is a /64 at least. */
const IPV6_SHARE_BYTES = 8;

/** What names a client where two header fields contradict each other. */
export const CONTRADICTION = 'contradiction';

interface RemoteSocket extends Duplex {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
  readonly encrypted?: boolean;
}

/** Reads nothing that a client has written unless a trusted proxy stands behind it. */
export class PeerAddresses {
  readonly #proxies: ReadonlyBlockList | undefined;
  readonly #trustsUnixSockets: boolean;

  /** Addresses and CIDRs (`10.0.0.0/8`), or `unix`. Throws a RangeError for what is none, or is everybody. */
  constructor(trustedProxies: readonly string[] = []) {
    const ranges = trustedProxies.filter((range) => range !== UNIX_SOCKETS);
    this.#trustsUnixSockets = ranges.length < trustedProxies.length;
    this.#proxies = ranges.length === 0 ? undefined : blockListOf(ranges);
  }

  /**
   * Whose connection a socket is. `rawHeaders` are names and values in turn, as node:http has them. `CONTRADICTION` where a trusted
   * proxy let through two fields that name different clients: which of them it has written cannot be known.
   */
  peerOf(socket: Duplex, rawHeaders: readonly string[]): Peer | typeof CONTRADICTION {
    const { remoteAddress, remotePort, encrypted } = socket as RemoteSocket;
    const isSecure = encrypted === true;
    const own = remoteAddress === undefined ? undefined : octetsOfSocket(remoteAddress);
    const isTrusted = own === undefined ? this.#trustsUnixSockets : this.#isProxy(own);
    const direct = { octets: own, port: remotePort ?? 0 };
    if (!isTrusted) return this.#peer(direct, isSecure);
    const named = [
      this.#follow(direct, listedNodes(valueOf(rawHeaders, X_FORWARDED_FOR))),
      this.#follow(direct, forwardedNodes(valueOf(rawHeaders, FORWARDED))),
    ].filter((client) => client !== direct);
    const [first, second] = named.map((client) => this.#peer(client, isSecure));
    if (second !== undefined && second.address !== first?.address) return CONTRADICTION;
    return first ?? this.#peer(direct, isSecure);
  }

  /** From the proxy that is nearest to the first address that is no trusted one; what cannot be read ends the way. */
  #follow(direct: ForwardedNode, nodes: Iterable<ForwardedNode | undefined>): ForwardedNode {
    let client = direct;
    let hopCount = 0;
    for (const node of nodes) {
      hopCount += 1;
      if (node?.octets === undefined || hopCount > MAX_HOP_COUNT) return client;
      client = node;
      if (!this.#isProxy(node.octets)) return client;
    }
    return client;
  }

  #isProxy(octets: Octets): boolean {
    return this.#proxies?.check(ipAddressText(octets), familyOf(octets)) === true;
  }

  #peer({ octets, port }: ForwardedNode, isSecure: boolean): Peer {
    if (octets === undefined) return { address: '', port, isSecure, share: undefined };
    const address = ipAddressText(octets);
    const share =
      isLoopback(octets) || this.#isProxy(octets) ? undefined : shareOf(octets, address);
    return { address, port, isSecure, share };
  }
}

type ReadonlyBlockList = Pick<BlockList, 'check'>;

/** What is wrong with an entry of `trustedProxies`, in words; undefined when nothing is. */
export function trustedProxyFault(range: unknown): string | undefined {
  if (range === UNIX_SOCKETS) return undefined;
  const parsed = typeof range === 'string' ? rangeOf(range) : undefined;
  if (parsed === undefined) {
    return `${JSON.stringify(range)} is no address, no CIDR such as 10.0.0.0/8, and not "${UNIX_SOCKETS}"`;
  }
  // Whoever connects could then say who he is.
  return parsed.prefixBits === 0 ? `${JSON.stringify(range)} would trust everybody` : undefined;
}

function blockListOf(ranges: readonly string[]): ReadonlyBlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const fault = trustedProxyFault(range);
    if (fault !== undefined) throw new RangeError(`trustedProxies: ${fault}`);
    const { octets, prefixBits } = rangeOf(range)!;
    list.addSubnet(ipAddressText(octets), prefixBits, familyOf(octets));
  }
  return list;
}

interface AddressRange {
  readonly octets: Octets;
  readonly prefixBits: number;
}

function rangeOf(text: string): AddressRange | undefined {
  const [address = '', prefix, ...more] = text.split('/');
  const octets = ipAddressOctets(address);
  if (octets === undefined || more.length > 0) return undefined;
  const allBits = octets.length * 8;
  if (prefix === undefined) return { octets, prefixBits: allBits };
  if (!/^\d{1,3}$/.test(prefix)) return undefined;
  // A mapped address of IPv4 has its own bits behind 96 others.
  const isMapped = octets.length === 4 && address.includes(':');
  const prefixBits = Number(prefix) - (isMapped ? 96 : 0);
  return prefixBits < 0 || prefixBits > allBits ? undefined : { octets, prefixBits };
}

function familyOf(octets: Octets): 'ipv4' | 'ipv6' {
  return octets.length === 4 ? 'ipv4' : 'ipv6';
}

/** A zone (RFC 4007) says through which interface, not who. */
function octetsOfSocket(remoteAddress: string): Octets | undefined {
  const [address = ''] = remoteAddress.split('%', 1);
  return ipAddressOctets(address);
}

function isLoopback(octets: Octets): boolean {
  if (octets.length === 4) return octets[0] === 127;
  return octets.every((octet, index) => octet === (index === octets.length - 1 ? 1 : 0));
}

function shareOf(octets: Octets, address: string): string {
  if (octets.length === 4) return address;
  const network = octets.slice();
  network.fill(0, IPV6_SHARE_BYTES);
  return `${ipAddressText(network)}/${IPV6_SHARE_BYTES * 8}`;
}

/** The value of a field; those of repeated ones in their order, as RFC 7230 §3.2.2 joins them. */
function valueOf(rawHeaders: readonly string[], name: string): string {
  let value = '';
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const field = rawHeaders[index]!;
    if (field.length !== name.length || field.toLowerCase() !== name) continue;
    value = value === '' ? rawHeaders[index + 1]! : `${value},${rawHeaders[index + 1]!}`;
  }
  return value;
}
