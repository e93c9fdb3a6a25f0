/** Owns clients of the native dialect without sockets, on a server whose time stands still until it is moved. */
import { createServer, type Log, type ServerOptions, type TidewayServer } from 'tideway';
import { ConnectionPair, VirtualTime } from 'tideway/testing';

export type Frame = Readonly<Record<string, unknown>> & { readonly type: string };

export interface MemoryServer {
  readonly server: TidewayServer;
  readonly time: VirtualTime;
  /** What the server's log was told of errors. */
  readonly errors: readonly string[];
  /** A client that has connected; its token is its principal's name. It comes from loopback, unless another address is given. */
  readonly connect: (name?: string, fields?: object, address?: string) => Promise<MemoryPeer>;
  /** Lets everything happen that is due now. */
  readonly settle: () => Promise<void>;
}

/** A server where everything is allowed that `options` and rules do not forbid. */
export function memoryServer(options: ServerOptions = {}): MemoryServer {
  const time = new VirtualTime(1_000);
  const errors: string[] = [];
  const silent = (): void => {};
  const error = (message: string): number => errors.push(message);
  const log: Log = { debug: silent, info: silent, warn: silent, error };
  const authenticate = async ({ token }: { token: string | undefined }) => {
    return { name: token, claims: {}, expiresAtMs: undefined };
  };
  // Handlers of these tests may hang.
  const limits = { drainTimeoutMs: 0, ...options.limits };
  const server = createServer({ authenticate, time, log, ...options, limits });
  server.access.allow(['subscribe', 'send', 'request'], '/**');
  const settle = async (): Promise<void> => {
    for (let count = 0; count < 4; count++) {
      await new Promise((resolve) => setImmediate(resolve));
      time.advance(0);
    }
    await new Promise((resolve) => setImmediate(resolve));
  };
  let count = 0;
  const connect = async (name?: string, fields?: object, address?: string): Promise<MemoryPeer> => {
    const connectionId = `connection-${++count}`;
    const handshake =
      address === undefined ? {} : { peer: { address, port: 1, isSecure: false, share: address } };
    const pair = new ConnectionPair(time, server.accept, { connectionId, handshake });
    const peer = new MemoryPeer(pair, settle);
    const [connected] = await peer.say({ type: 'connect', token: name, ...fields });
    peer.sessionId = String(connected?.['sessionId']);
    return peer;
  };
  return { server, time, errors, connect, settle };
}

export class MemoryPeer {
  readonly pair: ConnectionPair;
  sessionId = '';
  readonly #settle: () => Promise<void>;

  constructor(pair: ConnectionPair, settle: () => Promise<void>) {
    this.pair = pair;
    this.#settle = settle;
  }

  /** Sends frames, lets everything happen, and answers what came. */
  async say(...frames: readonly object[]): Promise<readonly Frame[]> {
    for (const frame of frames) this.pair.sendText(JSON.stringify(frame));
    await this.#settle();
    return this.heard();
  }

  /** What came since the last look. */
  heard(): readonly Frame[] {
    const decoder = new TextDecoder();
    return this.pair.take().map(({ octets, isBinary }) => {
      const text = decoder.decode(octets);
      return JSON.parse(isBinary ? text.slice(0, text.indexOf('\n')) : text) as Frame;
    });
  }

  /** Subscribes to destinations, and forgets the answers. */
  async subscribe(...destinations: readonly string[]): Promise<void> {
    await this.say(...destinations.map((destination) => ({ type: 'subscribe', destination })));
  }
}

/** Of publications, where they came and what they said. */
export function told(frames: readonly Frame[]): [unknown, unknown][] {
  return frames
    .filter(({ type }) => type === 'publication')
    .map(({ destination, body }) => [destination, body]);
}
