/** Runs the cases of the opening handshake: requests that our server answers, answers that our client judges. */
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'tideway/websocket';
import { RawPeer } from '../raw-peer.js';
import { answerTo } from './endpoint.js';
import { ANSWERS, OFFERS, REQUESTS, type Answer, type Request } from './handshake-tables.js';
import type { Result } from './matrix.js';

/** Runs all tables. */
export async function runHandshakes(): Promise<Result[]> {
  const results = await runRequests(REQUESTS, false);
  results.push(...(await runRequests(OFFERS, true)));
  for (const answer of ANSWERS) results.push(await runAnswer(answer));
  return results;
}

export async function runRequests(
  requests: readonly Request[],
  perMessageDeflate: boolean,
): Promise<Result[]> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const results = await Promise.all(requests.map((request) => runRequest(port, request)));
  server.close();
  return results;
}

async function runRequest(
  port: number,
  [name, expected, headers, start]: Request,
): Promise<Result> {
  const startedAtMs = performance.now();
  const peer = new RawPeer(port);
  const { status, head } = await peer.request(headers, '/', start);
  peer.destroy();
  const fields = head
    .split('\r\n')
    .filter((line) => /^(?:sec-websocket|upgrade|allow)/i.test(line))
    .join(', ');
  const isRight = expected === 'informational' || status === expected;
  return {
    name: `server: ${name}`,
    line: `${mark(expected)}answered ${status}${fields === '' ? '' : `, ${fields}`}`,
    fault: isRight ? undefined : `answered ${status}, expected ${expected}`,
    tookMs: performance.now() - startedAtMs,
  };
}

const mark = (expected: unknown): string => (expected === 'informational' ? 'informational; ' : '');

export async function runAnswer([name, isGood, edit, protocols = []]: Answer): Promise<Result> {
  const startedAtMs = performance.now();
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.once('data', (request: Buffer) => {
      socket.write(edit(answerTo(request.toString('latin1'))));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = new WebSocket(`ws://127.0.0.1:${port}/`, protocols);
  const line = await new Promise<string>((resolve) => {
    client.on('open', () => {
      resolve(`opened, subprotocol ${JSON.stringify(client.protocol)}, ${client.extensions}`);
    });
    client.on('error', (error) => resolve(`failed: ${error.message}`));
  });
  client.terminate();
  server.close();
  const isRight = isGood === 'informational' || line.startsWith('opened') === isGood;
  return {
    name: `client: ${name}`,
    line: mark(isGood) + line,
    fault: isRight ? undefined : `${line}, expected ${isGood === true ? 'open' : 'failure'}`,
    tookMs: performance.now() - startedAtMs,
  };
}
