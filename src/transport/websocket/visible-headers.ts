/** Owns which header fields of a handshake count: those that an application can see too. */
import type { IncomingMessage } from 'node:http';
import { collectHeaders, type HeaderFields } from '../../protocol/websocket/index.js';

/** The fields as they stood on the wire; `maxHeadersCount` of node:http leaves some out of `headers` alone. */
export function visibleHeaders(message: IncomingMessage): HeaderFields {
  const fields = new Map(collectHeaders(message.rawHeaders));
  if (message.headers.upgrade === undefined) fields.delete('upgrade');
  return fields;
}
