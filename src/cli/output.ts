/** Owns how a message that came in is printed: one line of JSON. */
import { octetsOf } from '../foundation/index.js';
import type { Content } from '../server/node-client.js';

/** The body alone: JSON as JSON, text as a JSON string, octets as base64 with a name for it. */
export function bodyLine(content: Content): string {
  const { body, encoding } = printable(content);
  return JSON.stringify(
    encoding === undefined ? body : { contentType: content.contentType, encoding, body },
  );
}

/** Everything about it. Octets are base64, and `encoding` says so, as in the HTTP API. */
export function wholeLine(type: string, content: Content): string {
  const { body: _body, headers, ...members } = content;
  return JSON.stringify({
    type,
    ...members,
    ...(headers.length > 0 && { headers }),
    ...printable(content),
  });
}

function printable({ body, contentType }: Content): { body: unknown; encoding?: 'base64' } {
  const octets = octetsOf(body);
  if (octets === undefined) return { body };
  const text = /^text\//i.test(contentType) ? decoded(octets) : undefined;
  if (text !== undefined) return { body: text };
  return { encoding: 'base64', body: Buffer.from(octets).toString('base64') };
}

/** Undefined when the octets are not UTF-8, whatever was said about them. */
function decoded(octets: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(octets);
  } catch {
    return undefined;
  }
}
