/** Owns what the hardening tests of the server share: a server of `createServer` that counts, and a load process in both dialects. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { createServer, MemoryMetrics, type ServerOptions, type TidewayServer } from 'tideway';
import { Child } from './child.js';

export interface RunningServer {
  readonly server: TidewayServer;
  readonly metrics: MemoryMetrics;
  readonly port: number;
}

/** Ends with the test. */
export async function listening(
  context: TestContext,
  options: ServerOptions = {},
): Promise<RunningServer> {
  const metrics = new MemoryMetrics();
  const server = createServer({ log: false, metrics, ...options });
  server.app.map('/echo', ({ payload }) => payload);
  const { port } = await server.listen({ port: 0 });
  context.after(() => server.close());
  return { server, metrics, port };
}

/** A load process; what it is asked it must answer. */
export function dialectLoad(
  context: TestContext,
): <T>(kind: string, argument?: object) => Promise<T> {
  const child = Child.start(new URL('./dialect-load.js', import.meta.url));
  context.after(() => child.end());
  return async <T>(kind: string, argument?: object) => {
    const value = await child.ask<T>(kind, argument, MAX_LOAD_MS);
    assert.equal(child.ended, undefined, child.said);
    return value as T;
  };
}

/** As long as the longest acceptance test. */
const MAX_LOAD_MS = 30 * 60_000;

/** The load has seen the end of every connection; the server sees the last ones a moment later. */
export async function withoutSessions(server: TidewayServer): Promise<void> {
  while (server.sessionCount > 0) await new Promise((resolve) => setTimeout(resolve, 5));
}
