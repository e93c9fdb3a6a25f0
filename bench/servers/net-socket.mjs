// Bare sockets of Node with one listener: what a connection costs before anybody adds to it.
import { createServer } from 'node:net';
import { ready } from './program.mjs';

const server = createServer({ noDelay: true }, (socket) => {
  socket.on('data', () => {});
  socket.on('error', () => {});
});
server.listen(0, '127.0.0.1', () => ready(server.address().port));
