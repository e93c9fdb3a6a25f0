/** Owns the one read buffer that the plain TCP sockets of a loop share: private API of node:net, used only after a self-test. */
import { once, type EventEmitter } from 'node:events';
import { Socket, connect, createServer, type AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type { Masker } from '../../../protocol/websocket/index.js';
import { allocateMaskingMemory } from './masking-memory.js';

/** A large message comes in few reads, and the memory is touched only as far as octets arrive. */
export const STATIC_READ_BYTES = 262_144;

const SELF_TEST_MS = 2_000;

/** Called on the socket with what was read into the buffer; true goes on reading. */
export type StaticRead = (this: Socket, byteCount: number, buffer: Buffer) => boolean;

/** The parts of a socket that node:net keeps to itself, the same on Node 20 to 26. */
interface SocketHandle {
  reading: boolean;
  readStop(): number;
  useUserBuffer(buffer: Uint8Array): void;
}

type Slots = Record<symbol, unknown> & { readonly _handle?: unknown };

type State = 'untested' | 'testing' | 'usable' | 'unusable';

/**
 * A read event that lends one buffer instead of allocating one costs a quarter less. libuv asks for the memory, reads
 * and calls back in one go, so one buffer serves all sockets, as long as nothing that is kept points into it.
 */
export class StaticReadBuffer {
  /** Whoever parses what was read last. */
  reader: { destroy(): void } | undefined = undefined;
  #state: State = 'untested';
  #testing: Promise<boolean> = Promise.resolve(false);
  #buffer: Buffer | undefined = undefined;
  #bufferSlot: symbol | undefined = undefined;
  #callbackSlot: symbol | undefined = undefined;
  readonly #masker: Masker | undefined;

  /** The masker is the one that will unmask what is read. */
  constructor(masker?: Masker) {
    this.#masker = masker;
  }

  /** Whether `install` can succeed. */
  get isUsable(): boolean {
    return this.#state === 'usable';
  }

  /** Runs the self-test, once; what is accepted before its end reads in the ordinary way. Never rejects. */
  prepare(): Promise<boolean> {
    if (this.#state === 'untested') {
      this.#state = 'testing';
      this.#buffer = this.#allocate();
      this.#testing = this.#test().then(
        () => this.#conclude(true),
        () => this.#conclude(false),
      );
    }
    return this.#testing;
  }

  /** Lets a socket read into the buffer from now on; false leaves it as it was. The caller resumes it. */
  install(socket: Duplex, read: StaticRead): boolean {
    return this.#state === 'usable' && this.#take(socket, read);
  }

  #conclude(isUsable: boolean): boolean {
    this.#state = isUsable ? 'usable' : 'unusable';
    if (!isUsable) {
      this.#buffer = undefined;
      if (this.#masker !== undefined) this.#masker.vectors = undefined;
    }
    return isUsable;
  }

  #allocate(): Buffer {
    const vectors = allocateMaskingMemory(STATIC_READ_BYTES);
    if (this.#masker !== undefined) this.#masker.vectors = vectors;
    return (vectors?.octets as Buffer | undefined) ?? Buffer.allocUnsafeSlow(STATIC_READ_BYTES);
  }

  #take(socket: Duplex, read: StaticRead): boolean {
    if (!(socket instanceof Socket) || socket instanceof TLSSocket || socket.destroyed)
      return false;
    const slots = socket as unknown as Slots;
    const handle = slots._handle;
    if (!isTcpHandle(handle) || !this.#findSlots(slots)) return false;
    const [bufferSlot, callbackSlot] = [this.#bufferSlot!, this.#callbackSlot!];
    // Null as node:net left them; anything else is somebody's who reads in this way already.
    if (slots[bufferSlot] !== null || slots[callbackSlot] !== null) return false;
    if (handle.reading) {
      handle.reading = false;
      handle.readStop();
    }
    const buffer = this.#buffer!;
    // The slot also keeps the memory alive for as long as the handle may read into it.
    slots[bufferSlot] = buffer;
    slots[callbackSlot] = read;
    handle.useUserBuffer(buffer);
    return true;
  }

  #findSlots(slots: Slots): boolean {
    if (this.#bufferSlot === undefined) {
      const symbols = Object.getOwnPropertySymbols(slots);
      this.#bufferSlot = symbols.find(({ description }) => description === 'kBuffer');
      this.#callbackSlot = symbols.find(({ description }) => description === 'kBufferCb');
    }
    return this.#bufferSlot !== undefined && this.#callbackSlot !== undefined;
  }

  /** Rejects at the first thing that is not as expected. */
  async #test(): Promise<void> {
    // On Windows the system writes into the buffer while the loop does other things, so it cannot be shared.
    if (process.platform === 'win32') throw new Error('reads are not synchronous here');
    const pair = await openPair();
    const { accepted, peer } = pair;
    try {
      await this.#testReading(accepted, peer);
      const other = await pair.another();
      this.#installForTest(other.accepted, () => true);
      other.accepted.resume();
      other.peer.resetAndDestroy();
      await soon(other.accepted, 'error');
    } finally {
      pair.close();
    }
  }

  #installForTest(socket: Socket, read: StaticRead): void {
    if (!this.#take(socket, read)) throw new Error('node:net is not as expected');
  }

  async #testReading(accepted: Socket, peer: Socket): Promise<void> {
    const received: string[] = [];
    this.#installForTest(accepted, function (byteCount, buffer) {
      received.push(buffer.toString('latin1', 0, byteCount));
      this.emit('tideway-read');
      return true;
    });
    accepted.on('data', () => received.push('in the ordinary way'));
    accepted.resume();
    peer.write('first');
    await soon(accepted, 'tideway-read');
    accepted.pause();
    await new Promise((written) => peer.write('second', written));
    // It is in the kernel by now, so a few turns of the loop would read it.
    for (let turn = 0; turn < 4; turn++) await new Promise((next) => setImmediate(next));
    if (received.length !== 1) throw new Error('a paused socket was read from');
    accepted.resume();
    await soon(accepted, 'tideway-read');
    peer.end();
    await soon(accepted, 'end');
    if (received.join() !== 'first,second') throw new Error('octets did not arrive');
  }
}

function isTcpHandle(handle: unknown): handle is SocketHandle {
  if (typeof handle !== 'object' || handle === null) return false;
  const { useUserBuffer, readStop, reading } = handle as Partial<SocketHandle>;
  const isComplete = typeof useUserBuffer === 'function' && typeof readStop === 'function';
  return isComplete && typeof reading === 'boolean' && handle.constructor.name === 'TCP';
}

interface Pair {
  /** The end that a server has. */
  readonly accepted: Socket;
  readonly peer: Socket;
}

/** A connection to ourselves, and the way to more of them. Nothing of it keeps the process alive. */
async function openPair(): Promise<
  Pair & { another: () => Promise<Pair>; readonly close: () => void }
> {
  const server = createServer().unref();
  const sockets: Socket[] = [];
  const open = async (): Promise<Pair> => {
    const { port } = server.address() as AddressInfo;
    const peer = connect(port, '127.0.0.1').unref();
    sockets.push(peer);
    peer.on('error', ignore);
    const [accepted] = await Promise.all([acceptedBy(server, sockets), soon(peer, 'connect')]);
    // Somebody else may have connected at this very moment.
    if (accepted.remotePort !== peer.localPort) throw new Error('a stranger connected');
    accepted.on('error', ignore);
    return { accepted, peer };
  };
  const close = (): void => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  try {
    server.listen(0, '127.0.0.1');
    await soon(server, 'listening');
    return { ...(await open()), another: open, close };
  } catch (error) {
    close();
    throw error;
  }
}

async function acceptedBy(server: EventEmitter, sockets: Socket[]): Promise<Socket> {
  const [socket] = (await soon(server, 'connection')) as [Socket];
  sockets.push(socket.unref());
  return socket;
}

function soon(emitter: EventEmitter, event: string): Promise<unknown[]> {
  return once(emitter, event, { signal: AbortSignal.timeout(SELF_TEST_MS) });
}

function ignore(): void {}
