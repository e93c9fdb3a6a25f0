import { createServer } from 'node:http';
import { Server } from 'engine.io';
import { Socket } from 'engine.io-client';
import { checkEngine, finish } from './common.mjs';

checkEngine('engine.io');
checkEngine('engine.io-client');
const http = createServer();
const server = new Server({ transports: ['websocket'] });
server.attach(http);
server.on('connection', (socket) => socket.on('message', (data) => socket.send(`echo ${data}`)));
http.listen(0, '127.0.0.1', () => {
  const url = `ws://127.0.0.1:${http.address().port}`;
  const socket = new Socket(url, { transports: ['websocket'] });
  socket.on('open', () => socket.send('a'));
  socket.on('message', (data) => finish(data, 'echo a'));
});
