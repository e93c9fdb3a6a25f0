// Socket.IO with its defaults: one room, one event.
import { createServer } from 'node:http';
import { Server } from 'socket.io';
import { ready } from './program.mjs';

const http = createServer();
const io = new Server(http, { transports: ['websocket'], serveClient: false });
io.on('connection', (socket) => {
  if (socket.handshake.query.role === 'subscriber') void socket.join('room');
  socket.on('publish', (text) => io.to('room').emit('publication', text));
});
http.listen(0, '127.0.0.1', () => ready(http.address().port));
