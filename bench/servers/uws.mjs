// uWebSockets.js, in the packaging that the registry has: its topics do the fan-out.
import { createRequire } from 'node:module';
import { UNLIMITED_BYTES, isSubscriber, ready, role } from './program.mjs';

const uws = createRequire(import.meta.url)('uwebsockets');
const isCompressed = role === 'fan-out-deflate';

const app = uws.App();
app.ws('/*', {
  maxPayloadLength: UNLIMITED_BYTES,
  maxBackpressure: UNLIMITED_BYTES,
  closeOnBackpressureLimit: true,
  idleTimeout: 0,
  compression: isCompressed ? uws.SHARED_COMPRESSOR : uws.DISABLED,
  upgrade(response, request, context) {
    response.upgrade(
      { isSubscriber: isSubscriber(request.getUrl()) },
      request.getHeader('sec-websocket-key'),
      request.getHeader('sec-websocket-protocol'),
      request.getHeader('sec-websocket-extensions'),
      context,
    );
  },
  open(socket) {
    if (socket.getUserData().isSubscriber) socket.subscribe('all');
  },
  message(socket, message, isBinary) {
    if (role.startsWith('fan-out')) app.publish('all', message, isBinary, isCompressed);
    else socket.send(message, isBinary);
  },
});
app.listen('127.0.0.1', 0, (listening) => {
  if (!listening) throw new Error('uWebSockets.js does not listen');
  ready(uws.us_socket_local_port(listening));
});
