// Bun's own server, run by Bun: its topics do the fan-out.
import { UNLIMITED_BYTES, isSubscriber, ready, role } from './program.mjs';

const { Bun } = globalThis;
const isFanOut = role.startsWith('fan-out');
const server = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  fetch(request, upgrading) {
    const { pathname } = new URL(request.url);
    if (upgrading.upgrade(request, { data: { isSubscriber: isSubscriber(pathname) } })) return;
    return new Response('a WebSocket is wanted', { status: 426 });
  },
  websocket: {
    maxPayloadLength: UNLIMITED_BYTES,
    backpressureLimit: UNLIMITED_BYTES,
    closeOnBackpressureLimit: true,
    idleTimeout: 0,
    perMessageDeflate: role === 'fan-out-deflate',
    open(socket) {
      if (socket.data.isSubscriber) socket.subscribe('all');
    },
    message(socket, message) {
      if (isFanOut) server.publish('all', message, role === 'fan-out-deflate');
      else socket.send(message);
    },
  },
});
ready(server.port, () => Bun.gc(true));
