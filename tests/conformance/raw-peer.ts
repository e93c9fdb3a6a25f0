/** Owns a peer that speaks octets: a raw TCP connection which says exactly what a test tells it to. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

export const GOOD_HEADERS: readonly string[] = [
  'Host: localhost',
  'Upgrade: websocket',
  'Connection: Upgrade',
  `Sec-WebSocket-Key: ${KEY}`,
  'Sec-WebSocket-Version: 13',
];

/** What came back for a request. */
export interface Answer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** A raw connection that keeps all it receives. */
export class RawPeer {
  readonly socket: Socket;
  received: Buffer = Buffer.alloc(0);
  readonly ended: Promise<void>;
  #onData: () => void = () => {};

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('data', (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk]);
      this.#onData();
    });
    this.socket.on('error', () => {});
    this.ended = new Promise((resolve) => {
      this.socket.on('end', () => resolve());
      this.socket.on('close', () => resolve());
    });
  }

  /** Waits until what has been received fulfils a condition, or the connection ends. */
  async until(isEnough: (received: Buffer) => boolean): Promise<void> {
    const enough = new Promise<void>((resolve) => {
      this.#onData = () => {
        if (isEnough(this.received)) resolve();
      };
      this.#onData();
    });
    await Promise.race([enough, this.ended]);
  }

  /** Sends a request head and takes the answer's head off what was received. */
  async request(
    lines: readonly string[],
    target = '/',
    start = `GET ${target} HTTP/1.1`,
  ): Promise<Answer> {
    this.socket.write([start, ...lines, '', ''].join('\r\n'));
    await this.until((received) => received.includes('\r\n\r\n'));
    const text = this.received.toString('latin1');
    const end = text.indexOf('\r\n\r\n');
    const head = text.slice(0, end);
    this.received = this.received.subarray(end + 4);
    const status = Number(head.split(' ')[1]);
    if (status !== 101) await this.ended;
    return { status, head, body: this.received.toString() };
  }

  destroy(): void {
    this.socket.destroy();
  }
}

/** A peer that is through the handshake. */
export async function openRaw(port: number, target = '/'): Promise<RawPeer> {
  const peer = new RawPeer(port);
  await once(peer.socket, 'connect');
  const { status } = await peer.request(GOOD_HEADERS, target);
  if (status !== 101) throw new Error(`the handshake was answered with ${status}`);
  return peer;
}

/** A client's frame with a mask, of up to 65,535 octets. */
export function maskedFrame(first: number, payload: string | Uint8Array = ''): Buffer {
  const octets = Buffer.from(payload as string);
  const mask = Buffer.of(0x11, 0x82, 0xf3, 0x04);
  const length =
    octets.length < 126
      ? Buffer.of(0x80 | octets.length)
      : Buffer.of(0x80 | 126, octets.length >> 8, octets.length & 255);
  const masked = octets.map((octet, index) => octet ^ mask[index % 4]!);
  return Buffer.concat([Buffer.of(first), length, mask, masked]);
}

/** The payload of a Close frame. */
export function closePayload(code: number, reason = ''): Buffer {
  const payload = Buffer.from(`\0\0${reason}`);
  payload.writeUInt16BE(code);
  return payload;
}

/** A server's Close frame with only a code. */
export function closeFrame(code: number): Buffer {
  return Buffer.of(0x88, 2, code >> 8, code & 255);
}
