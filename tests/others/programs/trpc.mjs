import { createTRPCClient, createWSClient, wsLink } from '@trpc/client';
import { initTRPC } from '@trpc/server';
import { applyWSSHandler } from '@trpc/server/adapters/ws';
import { checkEngine, finish, once, WebSocket, WebSocketServer } from './common.mjs';

checkEngine('@trpc/server');
const trpc = initTRPC.create();
const router = trpc.router({ hello: trpc.procedure.query(() => 'world') });
const wss = new WebSocketServer({ port: 0 });
applyWSSHandler({ wss, router });
await once(wss, 'listening');
const url = `ws://127.0.0.1:${wss.address().port}`;
const client = createTRPCClient({
  links: [wsLink({ client: createWSClient({ url, WebSocket }) })],
});
finish(await client.hello.query(), 'world');
