/** Owns when the requests of an HTTP server are handled: so many of a connection at a time, and no more in a turn than it has room for. */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Metrics, TurnBudget } from '../foundation/index.js';

/** What handling one request costs, about: that of so many frames. */
const REQUEST_UNITS = 16;

export interface RequestTurnsOptions {
  readonly turns: TurnBudget;
  readonly metrics: Metrics;
  /** Requests of one connection without an answer; one more ends the connection. */
  readonly maxPipelinedRequestCount: number;
}

/** A listener in front of another: node:http reads all requests of a chunk, thousands where they are small, before it reads on. */
export function inTurns(listener: RequestListener, options: RequestTurnsOptions): RequestListener {
  const { turns, metrics, maxPipelinedRequestCount } = options;
  const unanswered = new WeakMap<Socket, number>();
  /** Requests that wait for a turn, by their sockets: one step for each socket, so that they stay in order. */
  const waiting = new WeakMap<Socket, (() => void)[]>();
  const wait = (socket: Socket, handle: () => void): void => {
    const line = waiting.get(socket);
    if (line !== undefined) {
      line.push(handle);
      return;
    }
    const own = [handle];
    waiting.set(socket, own);
    const step = (): void => {
      const next = own.shift();
      if (own.length === 0) waiting.delete(socket);
      else turns.later(step, 'prompt');
      turns.spend(REQUEST_UNITS);
      if (!socket.destroyed) next?.();
    };
    turns.later(step, 'prompt');
  };
  const answered = (socket: Socket): void => {
    unanswered.set(socket, (unanswered.get(socket) ?? 1) - 1);
  };
  return (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request;
    if (socket.destroyed) return;
    const count = (unanswered.get(socket) ?? 0) + 1;
    if (count > maxPipelinedRequestCount) {
      metrics.count('limit_reached', { limit: 'maxPipelinedRequestCount' });
      leaveRest(socket);
      socket.destroy();
      return;
    }
    unanswered.set(socket, count);
    response.once('close', () => answered(socket));
    const isWaiting = waiting.has(socket);
    if (!isWaiting && turns.spend(REQUEST_UNITS)) return listener(request, response);
    wait(socket, () => listener(request, response));
  };
}

/** What node:http is told for a request after which the octets are no HTTP any more. */
const NO_HTTP = 2;

/**
 * Makes node:http leave the rest of the chunk alone: it would parse thousands of requests of a socket that is gone. `onIncoming` is
 * no public part of it; where it is something else one day, the rest is parsed as before.
 */
function leaveRest(socket: Socket): void {
  const { parser } = socket as Socket & { parser?: { onIncoming?: unknown } | null };
  if (typeof parser?.onIncoming === 'function') parser.onIncoming = () => NO_HTTP;
}
