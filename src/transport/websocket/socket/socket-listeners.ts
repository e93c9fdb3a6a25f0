/** Owns what listens to the socket below a connection: functions that all connections share, without a closure for each. */
import type { Duplex } from 'node:stream';
import type { StaticReadBuffer } from '../tuning/static-read-buffer.js';

/** Whom a socket belongs to for the time being. */
export interface SocketUser {
  received(chunk: Buffer): void;
  inputEnded(): void;
  socketGone(): void;
}

/** A WebSocket connection, the last user of a socket. */
export interface SocketEndpoint extends SocketUser {
  /** `[0, end)` of a buffer that is read into again afterwards. */
  receivedShared(buffer: Buffer, end: number): void;
}

/** How the listeners below find the user of their socket. */
const kUser: unique symbol = Symbol('user');

/** Set on a socket that the application has got hold of. */
const kSharesData: unique symbol = Symbol('shares data');

type UsedSocket = Duplex & {
  [kUser]?: SocketUser | undefined;
  [kSharesData]?: true;
  setTimeout?: (timeoutMs: number) => void;
  setNoDelay?: (noDelay: boolean) => void;
};

/** Whether a socket already carries a WebSocket connection. */
export function hasEndpoint(socket: Duplex): boolean {
  const user = (socket as UsedSocket)[kUser];
  return user !== undefined && 'receivedShared' in user;
}

/** Lets a connection listen to its socket; `head` is what came together with the handshake. The caller resumes it. */
export function listenTo(
  duplex: Duplex,
  endpoint: SocketEndpoint,
  staticRead: StaticReadBuffer,
  head: Buffer,
): void {
  const socket = duplex as UsedSocket;
  // What node:http set up for a request does not hold for what follows it.
  socket.setTimeout?.(0);
  socket.setNoDelay?.(true);
  // Before there is a listener: afterwards the stream would emit it at once, before whoever accepts can listen.
  if (head.length > 0) socket.unshift(head);
  setUser(socket, endpoint);
  dropIdleListener(socket);
  // With the shared buffer only `head` comes as 'data'.
  staticRead.install(socket, socketRead);
}

/**
 * Tells a user from now on, or nobody. The listeners stay when the user changes: taking one off would leave
 * the socket's table of listeners in a form that takes three times the memory.
 */
export function setUser(duplex: Duplex, user: SocketUser | undefined): void {
  const socket = duplex as UsedSocket;
  const isListening = kUser in socket;
  socket[kUser] = user;
  if (isListening) return;
  socket.on('close', socketClosed);
  socket.on('data', socketData);
  socket.on('end', socketEnded);
  destroyOnError(socket);
}

/**
 * The listener to 'end' that node:net adds does nothing where a socket may stay half open; alone, ours needs no array.
 * It goes after ours has come, because a table of listeners that lost its only one for an event may change its form.
 */
function dropIdleListener(socket: UsedSocket): void {
  if (!socket.allowHalfOpen) return;
  for (const listener of socket.listeners('end')) {
    if (listener.name === 'onReadableStreamEnd') socket.off('end', listener as () => void);
  }
}

/** Takes the listeners off again, for whoever brings his own. */
export function leaveSocket(socket: Duplex): void {
  // Deleted, because its presence says that the listeners are there: the next user needs them again.
  delete (socket as UsedSocket)[kUser];
  socket.off('close', socketClosed).off('data', socketData);
  socket.off('end', socketEnded).off('error', socketFailed);
}

/** The 'close' that follows tells; the peer's reset is no error of ours. */
export function destroyOnError(socket: Duplex): void {
  if (!socket.listeners('error').includes(socketFailed)) socket.on('error', socketFailed);
}

/** Lets others listen to 'data' from now on, which the shared buffer would leave out. */
export function sharesData(socket: Duplex): void {
  (socket as UsedSocket)[kSharesData] ??= true;
}

function socketData(this: UsedSocket, chunk: Buffer): void {
  this[kUser]?.received(chunk);
}

function socketRead(this: UsedSocket, byteCount: number, buffer: Buffer): boolean {
  if (this[kSharesData] === true && this.listenerCount('data') > 1) {
    this.emit('data', Buffer.copyBytesFrom(buffer, 0, byteCount));
  } else (this[kUser] as SocketEndpoint).receivedShared(buffer, byteCount);
  return true;
}

function socketEnded(this: UsedSocket): void {
  this[kUser]?.inputEnded();
}

function socketFailed(this: UsedSocket): void {
  this.destroy();
}

function socketClosed(this: UsedSocket): void {
  this[kUser]?.socketGone();
}
