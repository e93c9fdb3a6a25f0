import { serve } from '@hono/node-server';
import { createNodeWebSocket } from '@hono/node-ws';
import { Hono } from 'hono';
import { checkEngine, finish, once, WebSocket } from './common.mjs';

checkEngine('@hono/node-ws');
const app = new Hono();
const { injectWebSocket, upgradeWebSocket } = createNodeWebSocket({ app });
const echo = upgradeWebSocket(() => ({
  onMessage: ({ data }, socket) => socket.send(`echo ${data}`),
}));
app.get('/echo', echo);
const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, async ({ port }) => {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/echo`);
  await once(socket, 'open');
  socket.send('a');
  finish(String((await once(socket, 'message'))[0]), 'echo a');
});
injectWebSocket(server);
