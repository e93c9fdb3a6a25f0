/** Owns what a forwarded message looks like as an HTTP request: the body as it is, the rest in headers, and their signature. */
import { createHmac } from 'node:crypto';
import { RequestError } from '../foundation/index.js';
import type { ForwardedMessage } from '../mounts/app/index.js';

/** Octets of the headers of one message: back ends take 8 KiB at least. */
export const MAX_FORWARD_HEADER_BYTES = 8_192;

/** What is signed, in this order, each value followed by a line feed; then comes the body. An absent one is empty. */
export const SIGNED_HEADERS = [
  'tideway-timestamp',
  'tideway-operation',
  'tideway-destination',
  'tideway-variables',
  'tideway-user',
  'tideway-session-id',
  'tideway-headers',
  'content-type',
] as const;

/** Headers of HTTP by their names in lower case. */
export type ForwardHeaders = Readonly<Record<string, string>>;

/**
 * The headers of a message. A subscription has no body, and so no content type.
 * Throws `message/too-large` when they are more than back ends take, and `message/invalid` for a content type that is none.
 */
export function forwardHeadersOf(forwarded: ForwardedMessage, nowMs: number): ForwardHeaders {
  const { operation, destination, variables, message, principalName, sessionId } = forwarded;
  const headers: Record<string, string> = {
    'tideway-timestamp': String(Math.floor(nowMs / 1000)),
    'tideway-operation': operation,
    'tideway-destination': escaped(destination),
    ...(operation !== 'subscribe' && { 'content-type': contentTypeOf(message.contentType) }),
    ...(variables.size > 0 && { 'tideway-variables': formOf(variables) }),
    ...(principalName !== undefined && { 'tideway-user': escaped(principalName) }),
    ...(sessionId !== undefined && { 'tideway-session-id': escaped(sessionId) }),
    ...(message.headers.length > 0 && { 'tideway-headers': formOf(message.headers) }),
  };
  let bytes = 0;
  for (const [name, value] of Object.entries(headers)) bytes += name.length + value.length + 4;
  if (bytes <= MAX_FORWARD_HEADER_BYTES) return headers;
  throw new RequestError(
    'message/too-large',
    `destination and headers of this message have ${bytes} octets; ${MAX_FORWARD_HEADER_BYTES} can be forwarded`,
  );
}

/** `v1=` and HMAC-SHA-256 in hexadecimal digits, over everything that Tideway says of the message. */
export function signatureOf(headers: ForwardHeaders, body: Uint8Array, secret: string): string {
  const hmac = createHmac('sha256', secret);
  for (const name of SIGNED_HEADERS) hmac.update(`${headers[name] ?? ''}\n`);
  return `v1=${hmac.update(body).digest('hex')}`;
}

/** Percent-encoded (RFC 3986 §2.1): UTF-8 as ASCII, without line breaks, the same in every language. `/` stays. */
function escaped(text: string): string {
  // Half of a surrogate pair is no UTF-8; a Buffer replaces it.
  return encodeURIComponent(Buffer.from(text).toString()).replaceAll('%2F', '/');
}

/** `name=value&name=value`, as forms are encoded: every language reads it, in order, repeated names and all. */
function formOf(pairs: Iterable<readonly [string, string]>): string {
  const form = new URLSearchParams();
  for (const [name, value] of pairs) form.append(name, value);
  return form.toString();
}

/** RFC 9110 §5.5: a field value is visible ASCII, with spaces and tabs inside. */
function contentTypeOf(contentType: string): string {
  if (/^[\x21-\x7E](?:[\t\x20-\x7E]*[\x21-\x7E])?$/.test(contentType)) return contentType;
  throw new RequestError('message/invalid', 'the content type is none that HTTP can carry');
}
