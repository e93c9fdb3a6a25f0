/**
 * Owns that nobody's chunked body is read who may not send one: node:http makes an object of each chunk, of which a read of 64 KiB has
 * ten thousand where they are small, and hands all of them on in one turn.
 */
import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Metrics } from '../foundation/index.js';

/** What node:http is told for a request after which the octets are no HTTP any more. */
const NO_HTTP = 2;

/** The parser says of each whether it asks for another protocol. */
type Incoming = IncomingMessage & { readonly upgrade?: boolean };
type OnIncoming = (request: Incoming, keepsAlive: boolean) => number | undefined;

/**
 * Such a request is answered as any other, its connection is not read on and ends with the answer. A body with a length costs one
 * object for each read, and is left to node:http. `onIncoming` is no public part of node:http; where it is something else one day,
 * bodies are read as before.
 */
export function leaveUnwantedBodies(
  server: Server,
  isWanted: (request: IncomingMessage) => boolean,
  metrics: Metrics,
): void {
  const listeners = server.listeners('connection');
  // In their place, not beside them: who takes connections over before node:http does wants one listener to hand the others to.
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    // Node's own makes the parser.
    for (const listener of listeners) listener.call(server, socket);
    const { parser } = socket as Socket & { parser?: { onIncoming?: OnIncoming } | null };
    const given = parser?.onIncoming;
    if (parser === undefined || parser === null || typeof given !== 'function') return;
    parser.onIncoming = (request, keepsAlive) => {
      const isLeft =
        request.headers['transfer-encoding'] !== undefined &&
        request.upgrade !== true &&
        !isWanted(request);
      if (!isLeft) return given(request, keepsAlive);
      metrics.count('http_bodies_left');
      const answer = given(request, false);
      socket.pause();
      return answer || NO_HTTP;
    };
  });
}
