import { buildSchema } from 'graphql';
import { createClient } from 'graphql-ws';
import { useServer } from 'graphql-ws/use/ws';
import { checkEngine, finish, once, WebSocket, WebSocketServer } from './common.mjs';

checkEngine('graphql-ws');
const server = new WebSocketServer({ port: 0 });
const schema = buildSchema('type Query { hello: String }');
useServer({ schema, roots: { query: { hello: () => 'world' } } }, server);
await once(server, 'listening');
const url = `ws://127.0.0.1:${server.address().port}`;
const client = createClient({ url, webSocketImpl: WebSocket });
for await (const { data } of client.iterate({ query: '{ hello }' })) finish(data.hello, 'world');
