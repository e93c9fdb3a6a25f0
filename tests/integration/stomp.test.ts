/** Owns what a client of STOMP is promised, frame by frame, against the real server. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { createServer, type ServerOptions, type TidewayServer } from 'tideway';
import { StompPeer } from './stomp-peer.js';

async function listening(context: TestContext, options?: ServerOptions): Promise<TidewayServer> {
  const server = createServer(options);
  await server.listen({ port: 0 });
  context.after(() => server.close());
  return server;
}

test('connect, subscribe, send, message', async (context) => {
  const server = await listening(context);
  const peer = await StompPeer.open(server.url);
  peer.say('SUBSCRIBE', { id: 'sub-0', destination: '/topic/a', receipt: 'r1' });
  await peer.frame('RECEIPT', { 'receipt-id': 'r1' });
  peer.say('SEND', { destination: '/topic/a', shade: 'blue' }, 'hello');
  const message = await peer.frame('MESSAGE');
  assert.equal(message.body.toString(), 'hello');
});
