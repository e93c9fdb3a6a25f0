import { createServer } from 'tideway';
import WebSocket from 'tideway/websocket';

const server = createServer();
server.listen({ port: 0 }).then((address) => {
  const socket = new WebSocket(`ws://127.0.0.1:${address.port}/ws`, 'v12.stomp');
  socket.on('open', () => socket.send('CONNECT\naccept-version:1.2\nhost:x\n\n\0'));
  socket.on('message', (data) => {
    const [, version] = /^server:tideway\/(.*)$/m.exec(String(data)) ?? [];
    console.log(version === process.env.TIDEWAY_VERSION ? 'fine' : String(data));
    socket.terminate();
    void server.close();
  });
});
