/** Owns binding an HTTP server to an address, saying what was bound, and letting go of it. */
import type { Server as HttpServer } from 'node:http';
import { BlockList, isIPv6, type Socket } from 'node:net';
import type { Timers } from '../foundation/index.js';

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** Where a server listens. */
export interface BoundAddress {
  readonly host: string;
  readonly port: number;
  readonly isLoopback: boolean;
}

/**
 * Resolves when bound. Rejects with the system's error, whose `code` is `EADDRINUSE` for a taken port, and with a RangeError for
 * what is none.
 */
export function bind(
  server: HttpServer,
  options: { readonly port: number; readonly host?: string },
  defaultHost: string,
): Promise<void> {
  // Programs in JavaScript say `listen(8080)`, too.
  const given = Object(options) as Partial<typeof options>;
  const port = portOf(given.port);
  const host = given.host ?? defaultHost;
  return new Promise((resolve, reject) => {
    const failed = (error: Error): void => reject(error);
    server.once('error', failed);
    server.listen(port, host, () => {
      server.off('error', failed);
      resolve();
    });
  });
}

/** Node takes any other text for the path of a socket of its own, and nothing for a port that the system chooses. */
function portOf(given: unknown): number {
  const port = typeof given === 'string' && given !== '' ? Number(given) : given;
  if (typeof port === 'number' && Number.isInteger(port) && port >= 0 && port <= 65_535)
    return port;
  const shown = typeof given === 'string' ? `"${given}"` : String(given);
  throw new RangeError(
    `port is ${shown}, not a number from 0 to 65535; say listen({ port: 8080 })`,
  );
}

/**
 * Closes an HTTP server as soon as the requests that it has are answered, and after `graceMs` in any case.
 * Node alone would wait for what is no request yet: browsers open connections that they may need later.
 */
export class HttpClosing {
  readonly #server: HttpServer;
  /** Requests without an answer. */
  #openCount = 0;
  readonly #openOf = new WeakMap<Socket, { count: number }>();
  #isClosing = false;

  constructor(server: HttpServer) {
    this.#server = server;
    server.on('request', ({ socket }, response) => {
      const open = this.#openOf.get(socket) ?? this.#newSocket(socket);
      open.count += 1;
      this.#openCount += 1;
      response.once('close', () => this.#settled(open, Math.min(open.count, 1)));
    });
  }

  async close(time: Timers, graceMs: number): Promise<void> {
    this.#isClosing = true;
    const server = this.#server;
    const cancel = time.after(graceMs, () => server.closeAllConnections());
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      this.#closeWhenAnswered();
    });
    cancel();
  }

  /** Of a pipeline, answers that are not begun when the connection ends are told of by no event. */
  #newSocket(socket: Socket): { count: number } {
    const open = { count: 0 };
    this.#openOf.set(socket, open);
    socket.once('close', () => this.#settled(open, open.count));
    return open;
  }

  #settled(open: { count: number }, count: number): void {
    open.count -= count;
    this.#openCount -= count;
    this.#closeWhenAnswered();
  }

  #closeWhenAnswered(): void {
    if (this.#isClosing && this.#openCount === 0) this.#server.closeAllConnections();
  }
}

/** The bound address; undefined when it does not listen. A socket file counts as loopback: nobody else reaches it. */
export function boundAddress(server: HttpServer): BoundAddress | undefined {
  const address = server.address();
  if (address === null) return undefined;
  if (typeof address === 'string') return { host: address, port: 0, isLoopback: true };
  const family = isIPv6(address.address) ? 'ipv6' : 'ipv4';
  return {
    host: address.address,
    port: address.port,
    isLoopback: LOOPBACK.check(address.address, family),
  };
}

/** The origins of pages that a loopback server itself serves, with TLS or without. */
export function loopbackOrigins(port: number): readonly string[] {
  // RFC 6454 §6.2: the default port of the scheme does not stand in an origin.
  return ['localhost', '127.0.0.1', '[::1]'].flatMap((host) => [
    new URL(`http://${host}:${port}`).origin,
    new URL(`https://${host}:${port}`).origin,
  ]);
}

/** An address as one types it into a browser. */
export function urlOf({ host, port }: BoundAddress): string {
  const isAny = host === '0.0.0.0' || host === '::';
  const name = isAny || host === '127.0.0.1' ? 'localhost' : isIPv6(host) ? `[${host}]` : host;
  return `http://${name}:${port}`;
}
