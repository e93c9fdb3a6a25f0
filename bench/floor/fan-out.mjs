// The floor of a fan-out: one shared frame, one socket.write for each socket, and no WebSocket work at all.
import { createServer } from 'node:net';
import { ready } from '../servers/program.mjs';

const sockets = new Set();
/** The message of the case: a header for 64 octets and as many of payload. */
const PAYLOAD_BYTES = 64;
const FRAME = Buffer.concat([Buffer.of(0x81, PAYLOAD_BYTES), Buffer.alloc(PAYLOAD_BYTES, 'x')]);
const MASKED_FRAME_BYTES = FRAME.length + 4;

const server = createServer({ noDelay: true }, (socket) => {
  sockets.add(socket);
  socket.on('close', () => sockets.delete(socket));
  socket.on('error', () => socket.destroy());
  let octetCount = 0;
  socket.on('data', (chunk) => {
    // Whoever says something is the publisher.
    sockets.delete(socket);
    octetCount += chunk.length;
    const publicationCount = Math.floor(octetCount / MASKED_FRAME_BYTES);
    octetCount %= MASKED_FRAME_BYTES;
    if (publicationCount > 0) publish(publicationCount);
  });
});

function publish(count) {
  const frames = count === 1 ? FRAME : Buffer.concat(Array.from({ length: count }, () => FRAME));
  for (const socket of sockets) socket.write(frames);
}

server.listen(0, '127.0.0.1', () => ready(server.address().port));
