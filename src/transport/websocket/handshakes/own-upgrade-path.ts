/** Owns the way of plain upgrade requests past node:http, which would leave a third of its memory behind on every connection. */
import { IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { Deadline, type Octets, type TurnBudget } from '../../../foundation/index.js';
import { readUpgradeHead, type UpgradeHead } from '../../../protocol/websocket/index.js';
import type { EngineLoop } from '../socket/engine-loop.js';
import { leaveSocket, setUser, type SocketUser } from '../socket/socket-listeners.js';

/** What may be done with the path of a server. */
export interface UpgradePath {
  /** Drops the connections that have not said anything yet and leaves new ones to node:http; for when the server closes. */
  close(): void;
}

/** What an upgrade counts for in a turn: as much as a hundred small messages, so each looks at the clock. */
export const CONNECT_UNITS = 16;
/** What a connection counts for that is accepted and has said nothing yet. */
const ACCEPT_UNITS = 4;
/** A shorter silence is the way of the first octets, or their wait for a turn: nobody is ended for it. */
const MIN_SILENCE_MS = 2_000;

export interface UpgradePathOptions {
  /** Time for the first octets; then the connection is answered with 408. */
  readonly firstOctetTimeoutMs: number;
  /** What connects are counted in; they wait for a later turn when one is over. Default: they never wait. */
  readonly turns?: TurnBudget;
  /** Connections that have said nothing yet. One more ends the oldest, or itself where that one is new too. Default: any number. */
  readonly maxWaitingCount?: number;
  /** Told when there is one more. */
  readonly overflowed?: () => void;
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
  options: UpgradePathOptions,
): UpgradePath | undefined {
  const listeners = server.listeners('connection');
  if (listeners.length !== 1 || !canMakeRequests()) return undefined;
  const listener = listeners[0] as ConnectionListener;
  const path = new OwnUpgradePath(server, listener, loop, options);
  server.off('connection', listener);
  server.on('connection', (socket: Socket) => path.accept(socket));
  return path;
}

class OwnUpgradePath implements UpgradePath {
  readonly #server: Server;
  readonly #listener: ConnectionListener;
  readonly #loop: EngineLoop;
  readonly #options: UpgradePathOptions;
  readonly #waiting = new Set<WaitingConnection>();
  #isClosed = false;

  constructor(
    server: Server,
    listener: ConnectionListener,
    loop: EngineLoop,
    options: UpgradePathOptions,
  ) {
    this.#server = server;
    this.#listener = listener;
    this.#loop = loop;
    this.#options = options;
  }

  accept(socket: Socket): void {
    if (this.#isClosed) {
      this.#listener.call(this.#server, socket);
      return;
    }
    const { firstOctetTimeoutMs, maxWaitingCount = Infinity, turns } = this.#options;
    const nowMs = this.#loop.time.monotonicMs();
    if (this.#waiting.size >= maxWaitingCount && !this.#endOldest(nowMs)) {
      socket.destroy();
      return;
    }
    turns?.spend(ACCEPT_UNITS);
    const waiting = new WaitingConnection(this, socket, nowMs);
    this.#waiting.add(waiting);
    if (firstOctetTimeoutMs > 0) this.#loop.deadlines.set(waiting.deadline, firstOctetTimeoutMs);
    setUser(socket, waiting);
  }

  close(): void {
    this.#isClosed = true;
    const { turns } = this.#options;
    const end = ({ socket }: WaitingConnection): unknown => socket.destroy();
    if (turns === undefined) this.#waiting.forEach(end);
    else void turns.inSlices(this.#waiting, end);
  }

  /** Makes room for one more; false where the oldest is too new to be ended for it, or is about to be served. */
  #endOldest(nowMs: number): boolean {
    this.#options.overflowed?.();
    const [oldest] = this.#waiting;
    if (oldest === undefined || oldest.isHeld) return false;
    if (nowMs - oldest.acceptedAtMs < MIN_SILENCE_MS) return false;
    this.forget(oldest);
    oldest.socket.destroy();
    return true;
  }

  forget(waiting: WaitingConnection): void {
    this.#waiting.delete(waiting);
    this.#options.turns?.forget(waiting.goOn);
    this.#loop.deadlines.clear(waiting.deadline);
    setUser(waiting.socket, undefined);
  }

  /** The first octets are there: they are looked at now, or in a later turn when this one is over. */
  received(waiting: WaitingConnection, chunk: Buffer): void {
    // As node:http does before 'upgrade': whoever takes the socket says when it flows. What comes meanwhile waits in it.
    (waiting.socket as { readableFlowing: boolean | null }).readableFlowing = null;
    const { turns } = this.#options;
    if (turns === undefined || turns.hasRoom) this.take(waiting, chunk);
    else {
      this.#loop.deadlines.clear(waiting.deadline);
      waiting.hold(chunk);
      turns.later(waiting.goOn, 'arrival');
    }
  }

  take(waiting: WaitingConnection, chunk: Buffer): void {
    const { socket } = waiting;
    this.forget(waiting);
    const head = readUpgradeHead(chunk, asciiText);
    if (head !== undefined && this.#server.listenerCount('upgrade') > 0) {
      const request = requestOf(socket, head);
      this.#server.emit('upgrade', request, socket, chunk.subarray(head.end));
    } else {
      leaveSocket(socket);
      // It stands before what comes, because ticks run before the next read.
      socket.unshift(chunk);
      this.#listener.call(this.#server, socket);
      this.#options.turns?.spend(CONNECT_UNITS);
    }
  }
}

/** A connection that has not said anything yet, or not been listened to. */
class WaitingConnection implements SocketUser {
  readonly socket: Socket;
  readonly acceptedAtMs: number;
  readonly deadline: Deadline = new Deadline(() => this.#timedOut());
  readonly #path: OwnUpgradePath;
  #held: Buffer | undefined = undefined;

  constructor(path: OwnUpgradePath, socket: Socket, acceptedAtMs: number) {
    this.#path = path;
    this.socket = socket;
    this.acceptedAtMs = acceptedAtMs;
  }

  /** A step of a later turn. */
  readonly goOn = (): void => {
    if (this.#held !== undefined) this.#path.take(this, this.#held);
  };

  /** Whether it has spoken, and waits for its turn. */
  get isHeld(): boolean {
    return this.#held !== undefined;
  }

  hold(chunk: Buffer): void {
    this.#held = chunk;
  }

  received(chunk: Buffer): void {
    this.#path.received(this, chunk);
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
