// The floor of an echo: raw sockets of Node with one static read buffer, and no WebSocket work at all.
import { Socket, createServer } from 'node:net';
import { ready } from '../servers/program.mjs';

const READ_BUFFER = Buffer.allocUnsafeSlow(65_536);

// `onread` is public for outgoing connections only; a new socket around the handle has it for this one.
const server = createServer({ pauseOnConnect: true }, (accepted) => {
  const handle = accepted._handle;
  accepted._handle = null;
  const socket = new Socket({
    handle,
    onread: {
      buffer: READ_BUFFER,
      callback: (length, buffer) => {
        echo(socket, buffer.subarray(0, length));
        return true;
      },
    },
  });
  // As every WebSocket server has it.
  socket.setNoDelay(true);
  socket.on('error', () => socket.destroy());
  socket.resume();
});

function echo(socket, octets) {
  socket.write(octets);
  // The next read goes into the same buffer.
  if (socket.writableLength > 0)
    throw new Error('the kernel did not take all: use smaller messages');
}

server.listen(0, '127.0.0.1', () => ready(server.address().port));
