import fastify from 'fastify';
import websocket from '@fastify/websocket';
import { checkEngine, finish, once } from './common.mjs';

checkEngine('@fastify/websocket');
const application = fastify();
await application.register(websocket);
application.get('/echo', { websocket: true }, (socket) =>
  socket.on('message', (data) => socket.send(`echo ${data}`)),
);
await application.ready();
const socket = await application.injectWS('/echo');
socket.send('a');
const [data] = await once(socket, 'message');
socket.terminate();
finish(String(data), 'echo a');
