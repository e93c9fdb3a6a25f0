/** Owns IP addresses as text: what is one, its octets, and one spelling for each. */
import type { Octets } from './bytes.js';

/** Longer text is no address: eight groups of four digits, or six of them and a dotted one. */
const MAX_TEXT_LENGTH = 45;
const IPV6_GROUP_COUNT = 8;

/**
 * The octets of an address: 4 of IPv4, 16 of IPv6. One of IPv4 that is mapped into IPv6 (RFC 4291 §2.5.5.2) is one of IPv4.
 * Undefined for everything else: names, zones (RFC 4007), brackets, ports, leading zeros.
 */
export function ipAddressOctets(text: string): Octets | undefined {
  if (text.length > MAX_TEXT_LENGTH) return undefined;
  if (!text.includes(':')) return ipv4Octets(text);
  const octets = ipv6Octets(text);
  return octets !== undefined && isMapped(octets) ? octets.slice(12) : octets;
}

/** The one spelling of an address, for IPv6 that of RFC 5952. */
export function ipAddressText(octets: Octets): string {
  return octets.length === 4 ? octets.join('.') : ipv6Text(groupsOf(octets));
}

function ipv4Octets(text: string): Octets | undefined {
  const parts = text.split('.', 5);
  if (parts.length !== 4) return undefined;
  const octets = new Uint8Array(4);
  for (const [index, part] of parts.entries()) {
    // A leading zero means octal to some and nothing to others.
    if (!/^(?:0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    octets[index] = Number(part);
  }
  return octets;
}

function ipv6Octets(text: string): Octets | undefined {
  const halves = text.split('::', 3);
  if (halves.length > 2) return undefined;
  const [before, after] = halves.map((half, index) => groupsIn(half, index === halves.length - 1));
  if (before === undefined || (halves.length === 2 && after === undefined)) return undefined;
  const known = before.length + (after?.length ?? 0);
  // RFC 5952 §4.2.2 wants "::" to stand for two groups or more; RFC 4291 for one or more.
  if (after === undefined ? known !== IPV6_GROUP_COUNT : known >= IPV6_GROUP_COUNT)
    return undefined;
  const groups = [...before, ...zeros(IPV6_GROUP_COUNT - known), ...(after ?? [])];
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}

/** The groups of one side of `::`; undefined where it has something else. The last may be two groups as a dotted address. */
function groupsIn(half: string, isLast: boolean): readonly number[] | undefined {
  if (half === '') return [];
  const groups: number[] = [];
  const parts = half.split(':');
  for (const [index, part] of parts.entries()) {
    if (isLast && index === parts.length - 1 && part.includes('.')) {
      const octets = ipv4Octets(part);
      if (octets === undefined) return undefined;
      groups.push(...groupsOf(octets));
    } else if (/^[\da-f]{1,4}$/i.test(part)) groups.push(Number.parseInt(part, 16));
    else return undefined;
  }
  return groups;
}

function isMapped(octets: Octets): boolean {
  return (
    octets.subarray(0, 10).every((octet) => octet === 0) && octets[10] === 255 && octets[11] === 255
  );
}

function groupsOf(octets: Octets): number[] {
  return Array.from({ length: octets.length / 2 }, (_, index) => {
    const [high = 0, low = 0] = octets.subarray(index * 2);
    return high * 256 + low;
  });
}

/** RFC 5952 §4: no leading zeros, lower case, the first of the longest runs of zeros shortened. */
function ipv6Text(groups: readonly number[]): string {
  const [start, length] = longestZeros(groups);
  const hex = groups.map((group) => group.toString(16));
  if (length < 2) return hex.join(':');
  return `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`;
}

function longestZeros(groups: readonly number[]): readonly [start: number, length: number] {
  let best: readonly [number, number] = [0, 0];
  let length = 0;
  for (const [index, group] of groups.entries()) {
    length = group === 0 ? length + 1 : 0;
    if (length > best[1]) best = [index + 1 - length, length];
  }
  return best;
}

function zeros(count: number): number[] {
  return Array.from({ length: count }, () => 0);
}
