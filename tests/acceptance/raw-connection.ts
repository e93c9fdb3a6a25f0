/** Owns a WebSocket client that costs next to nothing: a raw socket, frames encoded beforehand, answers found by their octets. */
import { connect, type Socket } from 'node:net';
import { FrameWalk } from './frame-walk.js';

/** A client's frame; the mask is zero, so the payload stands as it is. */
export function clientFrame(firstOctet: number, payload: string | Uint8Array = ''): Buffer {
  const octets = Buffer.from(payload as string);
  const { length } = octets;
  const head =
    length < 126
      ? [firstOctet, 0x80 | length]
      : length < 65_536
        ? [firstOctet, 0xfe, length >> 8, length & 255]
        : [firstOctet, 0xff, 0, 0, 0, 0, length >>> 24, length >> 16, length >> 8, length];
  return Buffer.concat([Buffer.from(head), Buffer.alloc(4), octets]);
}

const CLOSE = clientFrame(0x88, Buffer.of(0x03, 0xe8));

/** A text message. */
export const text = (payload: string): Buffer => clientFrame(0x81, payload);

export interface OpenOptions {
  readonly subprotocol?: string;
  /** Header fields that the handshake says besides. */
  readonly fields?: readonly string[];
}

export type Seen = 'seen' | 'closed' | 'late';

interface Watched {
  readonly marker: Buffer;
  /** How often it has still to come. */
  leftCount: number;
  readonly resolve: (seen: Seen) => void;
}

/** No marker is longer. */
const TAIL_BYTES = 64;
const NONE = Buffer.alloc(0);
/** Ports of one source address are few, so they are spread over many. */
const ADDRESS_COUNT = 20;
let openedCount = 0;

export class RawConnection {
  readonly socket: Socket;
  isClosed = false;
  /** Resolves when its socket is gone. */
  readonly ended: Promise<void>;
  /** Hears every chunk that comes. */
  onChunk: ((chunk: Buffer) => void) | undefined;
  #watched: Watched[] = [];
  #tail: Buffer = NONE;
  #onClosed: (() => void)[] = [];
  #walk: FrameWalk | undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => this.#received(chunk));
    this.ended = new Promise((resolve) => {
      socket.once('close', () => {
        this.#closed();
        resolve();
      });
    });
  }

  /** A TCP connection without a handshake. */
  static bare(port: number): RawConnection {
    openedCount += 1;
    const localAddress = `127.0.0.${2 + (openedCount % ADDRESS_COUNT)}`;
    return new RawConnection(connect({ port, host: '127.0.0.1', localAddress, noDelay: true }));
  }

  /** A connection through its handshake; `isClosed` where it was refused. */
  static async open(port: number, options: OpenOptions = {}): Promise<RawConnection> {
    const connection = RawConnection.bare(port);
    await connection.upgrade(options);
    return connection;
  }

  /** Makes a WebSocket of it. */
  async upgrade(options: OpenOptions): Promise<void> {
    this.#walk = new FrameWalk();
    const answered = this.until('\r\n\r\n');
    this.socket.write(upgradeRequest(options));
    await answered;
  }

  /** Resolves once the kernel has taken it, or the connection is gone. */
  write(octets: Uint8Array): Promise<void> {
    if (this.isClosed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onClosed.push(resolve);
      this.socket.write(octets, () => {
        this.#onClosed = this.#onClosed.filter((one) => one !== resolve);
        resolve();
      });
    });
  }

  /** Waits for octets among what comes from now on, and for so many of them. */
  until(marker: string, withinMs: number = 30_000, count: number = 1): Promise<Seen> {
    if (this.isClosed) return Promise.resolve('closed');
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, withinMs, 'late' as const);
      const done = (seen: Seen): void => {
        clearTimeout(timer);
        resolve(seen);
      };
      this.#watched.push({ marker: Buffer.from(marker), leftCount: count, resolve: done });
    });
  }

  close(): void {
    this.socket.destroy();
  }

  #received(chunk: Buffer): void {
    this.onChunk?.(chunk);
    if (this.#walk?.sawClose(chunk) === true) {
      this.#walk = undefined;
      // Nothing follows it, and a server waits for the answer.
      this.socket.end(CLOSE);
      this.#find(chunk);
      this.#closed();
      return;
    }
    this.#find(chunk);
  }

  #find(chunk: Buffer): void {
    if (this.#watched.length === 0) {
      this.#tail = NONE;
      return;
    }
    const here = this.#tail.length === 0 ? chunk : Buffer.concat([this.#tail, chunk]);
    for (const one of this.#watched) one.leftCount -= countIn(here, one.marker, this.#tail.length);
    const seen = this.#watched.filter(({ leftCount }) => leftCount <= 0);
    if (seen.length > 0) {
      this.#watched = this.#watched.filter((one) => !seen.includes(one));
      for (const { resolve } of seen) resolve('seen');
    }
    // Copied, since a part of a chunk keeps all of it.
    this.#tail = Buffer.from(here.subarray(-TAIL_BYTES));
  }

  #closed(): void {
    this.isClosed = true;
    for (const { resolve } of this.#watched.splice(0)) resolve('closed');
    for (const resolve of this.#onClosed.splice(0)) resolve();
  }
}

/** How often octets stand in others, where they do not end within the first so many, which were looked at before. */
function countIn(octets: Buffer, marker: Buffer, knownBytes: number): number {
  let count = 0;
  let at = octets.indexOf(marker, Math.max(0, knownBytes - marker.length + 1));
  while (at >= 0) {
    count += 1;
    at = octets.indexOf(marker, at + marker.length);
  }
  return count;
}

export function upgradeRequest({ subprotocol, fields = [] }: OpenOptions): string {
  return [
    'GET /ws HTTP/1.1',
    'Host: localhost',
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version: 13',
    ...(subprotocol === undefined ? [] : [`Sec-WebSocket-Protocol: ${subprotocol}`]),
    ...fields,
    '',
    '',
  ].join('\r\n');
}
