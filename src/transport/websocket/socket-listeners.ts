/** Owns what listens to the socket below a connection: functions that all connections share, without a closure for each. */
import type { Duplex } from 'node:stream';
import type { StaticReadBuffer } from './static-read-buffer.js';

/** The connection that a socket belongs to. */
export interface SocketUser {
  received(chunk: Buffer): void;
  /** `[0, end)` of a buffer that is read into again afterwards. */
  receivedShared(buffer: Buffer, end: number): void;
  inputEnded(): void;
  socketGone(): void;
}

/** How the listeners below find the user of their socket. */
const kUser: unique symbol = Symbol('user');

type UsedSocket = Duplex & {
  [kUser]?: SocketUser;
  setTimeout?: (timeoutMs: number) => void;
  setNoDelay?: (noDelay: boolean) => void;
};

/** Whether a socket already carries a WebSocket connection. */
export function hasUser(socket: Duplex): boolean {
  return (socket as UsedSocket)[kUser] !== undefined;
}

/** Lets a connection listen to its socket; `head` is what came together with the handshake. The caller resumes it. */
export function listenTo(
  duplex: Duplex,
  user: SocketUser,
  staticRead: StaticReadBuffer,
  head: Buffer,
): void {
  const socket = duplex as UsedSocket;
  socket[kUser] = user;
  // What node:http set up for a request does not hold for what follows it.
  socket.setTimeout?.(0);
  socket.setNoDelay?.(true);
  // Before there is a listener: afterwards the stream would emit it at once, before whoever accepts can listen.
  if (head.length > 0) socket.unshift(head);
  socket.on('close', socketClosed);
  // With the shared buffer only `head` comes as 'data'.
  const isShared = staticRead.install(socket, socketRead);
  if (!isShared || head.length > 0) socket.on('data', socketData);
  socket.on('end', socketEnded);
  socket.on('error', socketFailed);
}

function socketData(this: UsedSocket, chunk: Buffer): void {
  this[kUser]?.received(chunk);
}

function socketRead(this: UsedSocket, byteCount: number, buffer: Buffer): boolean {
  this[kUser]?.receivedShared(buffer, byteCount);
  return true;
}

function socketEnded(this: UsedSocket): void {
  this[kUser]?.inputEnded();
}

function socketFailed(this: UsedSocket): void {
  // The 'close' that follows tells; the peer's reset is no error of ours.
  this.destroy();
}

function socketClosed(this: UsedSocket): void {
  this[kUser]?.socketGone();
}
