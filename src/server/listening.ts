/** Owns binding an HTTP server to an address, and saying what was bound. */
import type { Server as HttpServer } from 'node:http';
import { BlockList, isIPv6 } from 'node:net';

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** Where a server listens. */
export interface BoundAddress {
  readonly host: string;
  readonly port: number;
  readonly isLoopback: boolean;
}

/** Resolves when bound. Rejects with the system's error, whose `code` is `EADDRINUSE` for a taken port. */
export function bind(server: HttpServer, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error): void => reject(error);
    server.once('error', failed);
    server.listen(port, host, () => {
      server.off('error', failed);
      resolve();
    });
  });
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
  return ['localhost', '127.0.0.1', '[::1]'].flatMap((host) => [
    `http://${host}:${port}`,
    `https://${host}:${port}`,
  ]);
}

/** An address as one types it into a browser. */
export function urlOf({ host, port }: BoundAddress): string {
  const isAny = host === '0.0.0.0' || host === '::';
  const name = isAny || host === '127.0.0.1' ? 'localhost' : isIPv6(host) ? `[${host}]` : host;
  return `http://${name}:${port}`;
}
