/** Owns one face for the clients that other people wrote, and the bodies that are sent through them. */
import { once } from 'node:events';
import WsClient from 'ws';
import * as undici from 'undici';
import websocket, { type Connection } from 'websocket';
import { WebSocket } from 'tideway/websocket';

export interface Message {
  readonly data: Buffer;
  readonly isBinary: boolean;
}

export interface Closed {
  readonly code: number;
  readonly reason: string;
}

/** A client of any make. */
export interface PeerClient {
  readonly protocol: string;
  send(data: string | Buffer): void;
  /** The next message, in order. */
  next(): Promise<Message>;
  close(code?: number, reason?: string): void;
  readonly closed: Promise<Closed>;
}

export interface Peer {
  readonly name: string;
  /** Whether its API can close without a code. */
  readonly closesWithoutCode: boolean;
  open(url: string, protocols?: string[]): Promise<PeerClient>;
}

/** Messages in the order of their arrival, for whoever asks next. */
class Inbox {
  readonly #waiting: ((message: Message) => void)[] = [];
  readonly #messages: Message[] = [];

  put(message: Message): void {
    const taker = this.#waiting.shift();
    if (taker === undefined) this.#messages.push(message);
    else taker(message);
  }

  next(): Promise<Message> {
    const message = this.#messages.shift();
    if (message !== undefined) return Promise.resolve(message);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

/** A client with the API of `ws`: that of `ws` itself and ours. */
function emitterPeer(name: string, Client: typeof WebSocket): Peer {
  return {
    name,
    closesWithoutCode: true,
    async open(url, protocols = []) {
      const socket = new Client(url, protocols);
      const inbox = new Inbox();
      socket.on('message', (data, isBinary) => inbox.put({ data: data as Buffer, isBinary }));
      const closed = new Promise<Closed>((resolve) => {
        socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }));
      });
      await once(socket, 'open');
      return {
        protocol: socket.protocol,
        send: (data) => socket.send(data),
        next: () => inbox.next(),
        close: (code, reason) => socket.close(code, reason),
        closed,
      };
    },
  };
}

/** A client with the API of browsers. */
function browserPeer(name: string, Client: typeof undici.WebSocket): Peer {
  return {
    name,
    closesWithoutCode: true,
    async open(url, protocols = []) {
      const socket = new Client(url, protocols);
      socket.binaryType = 'arraybuffer';
      const inbox = new Inbox();
      socket.addEventListener('message', ({ data }: { data: string | ArrayBuffer }) => {
        const isBinary = typeof data !== 'string';
        inbox.put({ data: Buffer.from(data as string), isBinary });
      });
      const closed = new Promise<Closed>((resolve) => {
        socket.addEventListener('close', ({ code, reason }) => resolve({ code, reason }));
      });
      await new Promise((resolve, reject) => {
        socket.addEventListener('open', resolve);
        socket.addEventListener('error', reject);
      });
      return {
        protocol: socket.protocol,
        send: (data) => socket.send(data),
        next: () => inbox.next(),
        close: (code, reason) => socket.close(code, reason),
        closed,
      };
    },
  };
}

/** The client of the package websocket; that with the API of browsers, beside it, loses empty messages. */
const websocketPeer: Peer = {
  name: 'websocket',
  closesWithoutCode: false,
  async open(url, protocols = []) {
    const limit = 1 << 22;
    const client = new websocket.client({
      maxReceivedFrameSize: limit,
      maxReceivedMessageSize: limit,
    });
    client.connect(url, protocols);
    const connection = await new Promise<Connection>((resolve, reject) => {
      client.on('connect', resolve);
      client.on('connectFailed', reject);
    });
    const inbox = new Inbox();
    connection.on('message', ({ utf8Data, binaryData }) => {
      const isBinary = binaryData !== undefined;
      inbox.put({ data: binaryData ?? Buffer.from(utf8Data ?? ''), isBinary });
    });
    const closed = new Promise<Closed>((resolve) => {
      connection.on('close', (code, reason) => resolve({ code, reason }));
    });
    return {
      protocol: connection.protocol ?? '',
      send: (data) =>
        typeof data === 'string' ? connection.sendUTF(data) : connection.sendBytes(data),
      next: () => inbox.next(),
      close: (code, reason) => connection.close(code, reason),
      closed,
    };
  },
};

const globalClient = (globalThis as { WebSocket?: typeof undici.WebSocket }).WebSocket;

export const ours: Peer = emitterPeer('ours', WebSocket);

/** Clients that others wrote; Node's own only where this Node has one. */
export const foreignPeers: readonly Peer[] = [
  emitterPeer('ws', WsClient as unknown as typeof WebSocket),
  browserPeer('undici', undici.WebSocket),
  websocketPeer,
  ...(globalClient === undefined ? [] : [browserPeer("Node's WebSocket", globalClient)]),
];

/** Bodies at every border of the length field (RFC 6455 §5.2), as text and as octets. */
export const bodies: readonly (string | Buffer)[] = [0, 125, 126, 65_535, 65_536, 1 << 20].flatMap(
  (size) => [
    'a'.repeat(size),
    // The same number of octets with characters of more than one.
    'é'.repeat(size >> 1) + 'a'.repeat(size & 1),
    Buffer.from(Uint8Array.from({ length: size }, (_, index) => index * 7)),
  ],
);
