/** Owns the grammar of the header fields in which proxies name whom they forward for: Forwarded (RFC 7239) and X-Forwarded-For. */
import { ipAddressOctets, type Octets } from '../foundation/index.js';

export const FORWARDED = 'forwarded';
export const X_FORWARDED_FOR = 'x-forwarded-for';

/** One that a proxy names; without octets where it has no address. */
export interface ForwardedNode {
  readonly octets: Octets | undefined;
  /** 0 where it is not said. */
  readonly port: number;
}

/**
 * What the elements of X-Forwarded-For name, the last first: what stands on the right was written by the proxy that is
 * nearest, what stands on the left by anybody. Undefined for an element that names no address.
 */
export function* listedNodes(value: string): Generator<ForwardedNode | undefined> {
  for (const element of elementsFromRight(value)) yield nodeOf(element);
}

/** What the elements of Forwarded name by `for`, the last first. */
export function* forwardedNodes(value: string): Generator<ForwardedNode | undefined> {
  for (const element of elementsFromRight(value)) yield nodeOf(forParameterOf(element) ?? '');
}

/**
 * The elements between commas, the last first, without white space around them. Quotes are read from the right too: one that a
 * client left open cannot swallow what a proxy has written behind it.
 */
function* elementsFromRight(value: string): Generator<string> {
  if (value === '') return;
  let end = value.length;
  let isQuoted = false;
  for (let at = value.length - 1; at >= 0; at--) {
    const mark = value[at];
    if (mark === '"' && !isEscaped(value, at)) isQuoted = !isQuoted;
    else if (mark === ',' && !isQuoted) {
      yield value.slice(at + 1, end).trim();
      end = at;
    }
  }
  yield value.slice(0, end).trim();
}

/** RFC 7230 §3.2.6: whether an odd number of backslashes stands before it. */
function isEscaped(value: string, at: number): boolean {
  let start = at;
  while (value[start - 1] === '\\') start -= 1;
  return (at - start) % 2 === 1;
}

/** RFC 7239 §4: `for=…` among pairs with semicolons between them; undefined where it is not there, or twice. */
function forParameterOf(element: string): string | undefined {
  // Quoted values may have semicolons in them, and say `for=` in the words of a client.
  const pair = /\s*([\w!#$%&'*+.^`|~-]+)=(?:"((?:[^"\\]|\\.)*)"|([^"\s;,]*))\s*(?:;|$)/y;
  let found: string | undefined;
  while (pair.lastIndex < element.length) {
    const match = pair.exec(element);
    if (match === null) return undefined;
    const [, name = '', quoted, plain = ''] = match;
    if (name.toLowerCase() !== 'for') continue;
    if (found !== undefined) return undefined;
    found = quoted ?? plain;
  }
  return found;
}

/** RFC 7239 §6, and what is usual in X-Forwarded-For: an address, one of IPv6 in brackets or not, perhaps with a port. */
function nodeOf(text: string): ForwardedNode | undefined {
  const [, bracketed, dotted, port = '0'] =
    /^(?:\[([^\]]*)\]|([\d.]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const octets = ipAddressOctets(bracketed ?? dotted ?? text);
  // Brackets are of IPv6 alone.
  if (octets === undefined || bracketed?.includes(':') === false) return undefined;
  return Number(port) > 65_535 ? undefined : { octets, port: Number(port) };
}
