/** Owns which header fields of a handshake count: those that an application sees, and may have changed. */
import type { IncomingMessage } from 'node:http';
import { collectHeaders, type HeaderFields } from '../../../protocol/websocket/index.js';

/** What is given by hand may lack what node:http gives: a request from another process, or of a test. */
type Given = Partial<Pick<IncomingMessage, 'headers' | 'rawHeaders'>>;

/**
 * The fields of `headers`, because that is what an application reads and changes. One that is as it was sent counts with all
 * its values on the wire, since `headers` hides that some were repeated.
 */
export function visibleHeaders({ headers = {}, rawHeaders = [] }: Given): HeaderFields {
  const sent = collectHeaders(rawHeaders);
  const fields = new Map<string, readonly string[]>();
  for (const [key, value] of Object.entries(headers)) {
    if (value === undefined) continue;
    const name = key.toLowerCase();
    const wire = sent.get(name);
    const isAsSent = wire !== undefined && (wire[0] === value || wire.join(', ') === value);
    fields.set(name, isAsSent ? wire : Array.isArray(value) ? value.map(String) : [String(value)]);
  }
  return fields;
}
