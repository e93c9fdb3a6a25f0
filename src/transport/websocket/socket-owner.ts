/** Owns how the listeners of a socket find whose it is: the same functions for every socket, instead of closures for each. */
import type { Duplex } from 'node:stream';

/** Who is told what happens to a socket. */
export interface SocketOwner {
  received(chunk: Buffer): void;
  inputEnded(): void;
  socketGone(): void;
}

const kOwner: unique symbol = Symbol('owner');

type OwnedSocket = Duplex & { [kOwner]?: SocketOwner | undefined };

export function ownerOf(socket: Duplex): SocketOwner | undefined {
  return (socket as OwnedSocket)[kOwner];
}

/**
 * Tells an owner from now on, or nobody. The listeners stay when the owner changes: taking one off would
 * leave the table of listeners in a form that takes three times the memory.
 */
export function setOwner(socket: Duplex, owner: SocketOwner | undefined): void {
  const isListening = kOwner in socket;
  (socket as OwnedSocket)[kOwner] = owner;
  if (isListening) return;
  socket.on('close', socketGone);
  socket.on('data', received);
  socket.on('end', inputEnded);
  destroyOnError(socket);
}

/** Takes the listeners off again, for whoever has listeners of his own. */
export function disown(socket: Duplex): void {
  (socket as OwnedSocket)[kOwner] = undefined;
  socket.off('close', socketGone).off('data', received).off('end', inputEnded).off('error', failed);
}

/** The 'close' that follows tells; the peer's reset is no error of ours. */
export function destroyOnError(socket: Duplex): void {
  if (socket.listenerCount('error', failed) === 0) socket.on('error', failed);
}

function received(this: OwnedSocket, chunk: Buffer): void {
  this[kOwner]?.received(chunk);
}

function inputEnded(this: OwnedSocket): void {
  this[kOwner]?.inputEnded();
}

function failed(this: OwnedSocket): void {
  this.destroy();
}

function socketGone(this: OwnedSocket): void {
  this[kOwner]?.socketGone();
}
