import fastify from 'fastify';
import websocket from '@fastify/websocket';
import { checkEngine, finish, once, WebSocket } from './common.mjs';

checkEngine('@fastify/websocket');
const application = fastify();
await application.register(websocket);
application.get('/echo', { websocket: true }, (socket) =>
  socket.on('message', (data) => socket.send(`echo ${data}`)),
);
const address = await application.listen({ port: 0, host: '127.0.0.1' });
const socket = new WebSocket(`${address.replace('http', 'ws')}/echo`);
await once(socket, 'open');
socket.send('a');
finish(String((await once(socket, 'message'))[0]), 'echo a');
