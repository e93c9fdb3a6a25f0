/** Owns the way of plain upgrade requests past node:http, which would leave a third of its memory behind on every connection. */
import { IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { Deadline, type Octets } from '../../foundation/index.js';
import { readUpgradeHead, type UpgradeHead } from '../../protocol/websocket/index.js';
import type { EngineLoop } from './engine-loop.js';
import { leaveSocket, setUser, type SocketUser } from './socket-listeners.js';

/** What may be done with the path of a server. */
export interface UpgradePath {
  /** Drops the connections that have not said anything yet and leaves new ones to node:http; for when the server closes. */
  close(): void;
}

type ConnectionListener = (this: Server, socket: Socket) => void;

/**
 * Looks at the first octets of every connection that an HTTP server accepts. A whole upgrade request that is plain beyond doubt
 * becomes the event 'upgrade', with an IncomingMessage, as node:http would have it. All else, also what is malformed, too
 * long or not all there, goes to node:http untouched, with its grammar, limits and time-outs. For plain HTTP
 * only. Undefined, and nothing is changed, when this Node is not as expected.
 */
export function takeUpgrades(
  server: Server,
  loop: EngineLoop,
  firstOctetTimeoutMs: number,
): UpgradePath | undefined {
  const listeners = server.listeners('connection');
  if (listeners.length !== 1 || !canMakeRequests()) return undefined;
  const listener = listeners[0] as ConnectionListener;
  const path = new OwnUpgradePath(server, listener, loop, firstOctetTimeoutMs);
  server.off('connection', listener);
  server.on('connection', (socket: Socket) => path.accept(socket));
  return path;
}

class OwnUpgradePath implements UpgradePath {
  readonly #server: Server;
  readonly #listener: ConnectionListener;
  readonly #loop: EngineLoop;
  readonly #timeoutMs: number;
  readonly #waiting = new Set<WaitingConnection>();
  #isClosed = false;

  constructor(server: Server, listener: ConnectionListener, loop: EngineLoop, timeoutMs: number) {
    this.#server = server;
    this.#listener = listener;
    this.#loop = loop;
    this.#timeoutMs = timeoutMs;
  }

  accept(socket: Socket): void {
    if (this.#isClosed) {
      this.#listener.call(this.#server, socket);
      return;
    }
    const waiting = new WaitingConnection(this, socket);
    this.#waiting.add(waiting);
    if (this.#timeoutMs > 0) this.#loop.deadlines.set(waiting.deadline, this.#timeoutMs);
    setUser(socket, waiting);
  }

  close(): void {
    this.#isClosed = true;
    for (const { socket } of this.#waiting) socket.destroy();
  }

  forget(waiting: WaitingConnection): void {
    this.#waiting.delete(waiting);
    this.#loop.deadlines.clear(waiting.deadline);
    setUser(waiting.socket, undefined);
  }

  received(socket: Socket, chunk: Buffer): void {
    // As node:http does before 'upgrade': whoever takes the socket says when it flows.
    (socket as { readableFlowing: boolean | null }).readableFlowing = null;
    const head = readUpgradeHead(chunk, asciiText);
    if (head !== undefined && this.#server.listenerCount('upgrade') > 0) {
      const request = requestOf(socket, head);
      this.#server.emit('upgrade', request, socket, chunk.subarray(head.end));
    } else {
      leaveSocket(socket);
      // It stands before what comes, because ticks run before the next read.
      socket.unshift(chunk);
      this.#listener.call(this.#server, socket);
    }
  }
}

/** A connection that has not said anything yet. */
class WaitingConnection implements SocketUser {
  readonly socket: Socket;
  readonly deadline: Deadline = new Deadline(() => this.#timedOut());
  readonly #path: OwnUpgradePath;

  constructor(path: OwnUpgradePath, socket: Socket) {
    this.#path = path;
    this.socket = socket;
  }

  received(chunk: Buffer): void {
    this.#path.forget(this);
    this.#path.received(this.socket, chunk);
  }

  inputEnded(): void {
    this.socket.destroy();
  }

  socketGone(): void {
    this.#path.forget(this);
  }

  #timedOut(): void {
    const { socket } = this;
    this.#path.forget(this);
    // RFC 7231 §6.5.7, and what node:http says.
    socket.end('HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n', () => socket.destroy());
  }
}

/** Each text is a string of its own: a part of a longer one would keep all of it alive. */
function asciiText(octets: Octets, start: number, end: number): string {
  return (octets as Buffer).toString('latin1', start, end);
}

/** The part of IncomingMessage with which node:http itself fills it. */
interface FillableRequest {
  readonly _addHeaderLines?: (rawHeaders: readonly string[], count: number) => void;
}

function requestOf(socket: Socket, head: UpgradeHead): IncomingMessage {
  const request = new IncomingMessage(socket);
  request.httpVersionMajor = 1;
  request.httpVersionMinor = 1;
  request.httpVersion = '1.1';
  request.method = 'GET';
  request.url = head.target;
  (request as FillableRequest)._addHeaderLines?.(head.rawHeaders, head.rawHeaders.length);
  // There is no body: the request is complete, and whoever reads it sees its end.
  request.complete = true;
  request.push(null);
  return request;
}

function canMakeRequests(): boolean {
  const { _addHeaderLines: fill } = IncomingMessage.prototype as FillableRequest;
  if (typeof fill !== 'function') return false;
  const request = new IncomingMessage(undefined as unknown as Socket);
  fill.call(request, ['Host', 'a', 'Cookie', 'b', 'Cookie', 'c'], 6);
  return request.headers.host === 'a' && request.headers.cookie === 'b; c';
}
