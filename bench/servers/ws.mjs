// `ws`, as its own examples use it.
import process from 'node:process';
import { UNLIMITED_BYTES, isSubscriber, ready, role } from './program.mjs';

// Without its optional native addon, as it is installed; `ws-bufferutil.mjs` is the one with it.
process.env.WS_NO_BUFFER_UTIL ??= '1';
const { WebSocketServer } = await import('ws');

const server = new WebSocketServer({
  port: 0,
  host: '127.0.0.1',
  maxPayload: UNLIMITED_BYTES,
  perMessageDeflate: role === 'fan-out-deflate' ? { threshold: 0 } : false,
});
const subscribers = new Set();

server.on('connection', (socket, request) => {
  if (isSubscriber(request.url)) subscribers.add(socket);
  socket.on('close', () => subscribers.delete(socket));
  socket.on('message', (data, isBinary) => {
    if (!role.startsWith('fan-out')) socket.send(data, { binary: isBinary });
    else for (const subscriber of subscribers) subscriber.send(data, { binary: isBinary });
  });
});
server.on('listening', () => ready(server.address().port));
