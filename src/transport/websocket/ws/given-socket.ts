/** Owns `setSocket`: a connection over a stream whose opening handshake somebody else has made, as test tools of frameworks do. */
import type { Duplex } from 'node:stream';
import type { ClientOptions } from './client-options.js';
import { EndpointTerms } from '../socket/endpoint-terms.js';
import { EngineLoop, masksFrom } from '../socket/engine-loop.js';
import { resolveLimits } from '../limits/limits.js';
import type { AcceptedSocket } from './web-socket-types.js';

/** What `setSocket` takes: of the options of a client, those that hold for an open connection. */
export type GivenSocketOptions = Pick<
  ClientOptions,
  | 'allowSynchronousEvents'
  | 'autoPong'
  | 'generateMask'
  | 'loop'
  | 'maxBufferedChunks'
  | 'maxFragments'
  | 'maxPayload'
  | 'skipUTF8Validation'
>;

/** The stream as a connection of a server's end or a client's, without subprotocol and extensions. */
export function acceptedFrom(
  socket: Duplex,
  head: Buffer,
  isClient: boolean,
  options: GivenSocketOptions = {},
): AcceptedSocket {
  const terms = new EndpointTerms(
    isClient ? 'client' : 'server',
    options.loop ?? new EngineLoop(),
    resolveLimits({ maxPayload: options.maxPayload, maxFragments: options.maxFragments }),
    {
      checksUtf8: options.skipUTF8Validation !== true,
      masks: masksFrom(options.generateMask),
    },
  );
  return { socket, head, terms, subprotocol: '', options };
}
