// Tideway's engine: an echo with the API of `ws`, a fan-out with what the broker's sessions use.
import { createServer } from 'node:http';
import { SharedBatch, SharedMessage } from '../../dist/session/index.js';
import { WebSocketServer, acceptWebSocketConnections } from '../../dist/transport/index.js';
import { UNLIMITED_BYTES, ready, role } from './program.mjs';

if (role.startsWith('fan-out')) fanOut();
else echo();

function echo() {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', maxPayload: UNLIMITED_BYTES });
  server.on('connection', (socket) => {
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  server.on('listening', () => ready(server.address().port));
}

function fanOut() {
  const server = createServer();
  const subscribers = new Set();
  let pending = [];
  const flush = () => {
    const batch = new SharedBatch(pending);
    pending = [];
    for (const subscriber of subscribers) subscriber.sendBatch(batch);
  };
  // Publications of a loop turn leave together, as those of the broker do.
  const publish = (octets) => {
    if (pending.push(new SharedMessage(octets, false)) === 1) setImmediate(flush);
  };
  acceptWebSocketConnections({
    server,
    paths: ['/sub', '/pub'],
    perMessageDeflate: role === 'fan-out-deflate',
    accept: (connection) => {
      if (connection.handshake.path === '/sub') subscribers.add(connection);
      return {
        textReceived: (text) => publish(Buffer.from(text)),
        binaryReceived: publish,
        writable: () => {},
        closed: () => subscribers.delete(connection),
      };
    },
  });
  server.listen(0, '127.0.0.1', () => ready(server.address().port));
}
