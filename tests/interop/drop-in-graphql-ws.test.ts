/** Proves that graphql-ws runs on our server and on our client in the place of those of ws. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { buildSchema } from 'graphql';
import { createClient } from 'graphql-ws';
import { useServer } from 'graphql-ws/use/ws';
import type { WebSocketServer as WsServer } from 'ws';
import { WebSocket, WebSocketServer } from 'tideway/websocket';

const schema = buildSchema(
  'type Query { hello: String } type Subscription { countTo(end: Int!): Int }',
);

const roots = {
  query: { hello: () => 'world' },
  subscription: {
    async *countTo({ end }: { end: number }) {
      for (let count = 1; count <= end; count++) yield await Promise.resolve({ countTo: count });
    },
  },
};

test('graphql-ws: a query, a subscription and a refusal, on our server with our client', async (t) => {
  const server = new WebSocketServer({ port: 0, path: '/graphql' });
  t.after(() => server.close());
  const subprotocols: string[] = [];
  server.on('connection', (socket) => subprotocols.push(socket.protocol));
  // Its types name the server of ws.
  const running = useServer(
    { schema, roots, onConnect: ({ connectionParams }) => connectionParams?.['token'] !== 'bad' },
    server as unknown as WsServer,
  );
  t.after(() => running.dispose());
  await once(server, 'listening');
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`;

  const client = createClient({ url, webSocketImpl: WebSocket, retryAttempts: 0 });
  t.after(() => client.dispose());
  const results = [];
  for await (const { data } of client.iterate({ query: '{ hello }' }))
    results.push(data?.['hello']);
  const query = 'subscription { countTo(end: 3) }';
  for await (const { data } of client.iterate({ query })) results.push(data?.['countTo']);
  assert.deepEqual(results, ['world', 1, 2, 3]);
  assert.deepEqual(new Set(subprotocols), new Set(['graphql-transport-ws']));

  const refused = createClient({
    url,
    webSocketImpl: WebSocket,
    connectionParams: { token: 'bad' },
    retryAttempts: 0,
  });
  t.after(() => refused.dispose());
  await assert.rejects(refused.iterate({ query: '{ hello }' }).next(), (error: unknown) => {
    const { code, reason } = error as { code: number; reason: string };
    assert.deepEqual([code, reason], [4403, 'Forbidden']);
    return true;
  });
});
