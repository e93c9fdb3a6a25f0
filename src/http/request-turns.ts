/** Owns when the requests of an HTTP server are handled: those of a connection one by one, no more in a turn than it has room for. */
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

/** The requests of one connection that have no answer yet. */
interface Line {
  count: number;
  /** Whether one of them is being answered: what that takes, a file for one, is had once for a connection and not for each request. */
  isBusy: boolean;
  readonly waiting: (() => void)[];
  /** One for each connection, so that the turns know it again. */
  readonly step: () => void;
}

/** A listener in front of another: node:http reads all requests of a chunk, thousands where they are small, before it reads on. */
export function inTurns(listener: RequestListener, options: RequestTurnsOptions): RequestListener {
  const { turns, metrics, maxPipelinedRequestCount } = options;
  const lines = new WeakMap<Socket, Line>();
  const lineOf = (socket: Socket): Line => {
    let line = lines.get(socket);
    if (line === undefined) {
      const made: Line = { count: 0, isBusy: false, waiting: [], step: () => next(socket, made) };
      lines.set(socket, (line = made));
    }
    return line;
  };
  const next = (socket: Socket, line: Line): void => {
    if (line.isBusy) return;
    const handle = line.waiting.shift();
    turns.spend(REQUEST_UNITS);
    if (!socket.destroyed) handle?.();
  };
  const answered = (line: Line): void => {
    line.count -= 1;
    line.isBusy = false;
    if (line.waiting.length > 0) turns.later(line.step, 'prompt');
  };
  return (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request;
    if (socket.destroyed) return;
    const line = lineOf(socket);
    if (line.count >= maxPipelinedRequestCount) {
      metrics.count('limit_reached', { limit: 'maxPipelinedRequestCount' });
      leaveRest(socket);
      socket.destroy();
      return;
    }
    line.count += 1;
    const handle = (): void => {
      line.isBusy = true;
      response.once('close', () => answered(line));
      listener(request, response);
    };
    const mayBegin = !line.isBusy && line.waiting.length === 0;
    if (mayBegin && turns.spend(REQUEST_UNITS)) return handle();
    line.waiting.push(handle);
    if (!line.isBusy) turns.later(line.step, 'prompt');
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
