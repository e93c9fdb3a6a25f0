import { createServer } from 'node:http';
import { checkEngine, finish, require, WebSocketServer } from './common.mjs';

checkEngine('superwstest');
const loaded = await import('superwstest');
const request = loaded.default?.default ?? loaded.default;
const http = createServer();
new WebSocketServer({ server: http }).on('connection', (socket) =>
  socket.on('message', (data) => socket.send(`echo ${data}`)),
);
http.listen(0, '127.0.0.1', async () => {
  await request(http).ws('/').sendText('a').expectText('echo a').close(1000).expectClosed(1000);
  finish('closed', 'closed');
});
