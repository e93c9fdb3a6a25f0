import express from 'express';
import expressWs from 'express-ws';
import { checkEngine, finish, once, WebSocket } from './common.mjs';

checkEngine('express-ws');
const { app } = expressWs(express());
app.ws('/echo', (socket) => socket.on('message', (data) => socket.send(`echo ${data}`)));
const server = app.listen(0, '127.0.0.1', async () => {
  const socket = new WebSocket(`ws://127.0.0.1:${server.address().port}/echo`);
  await once(socket, 'open');
  socket.send('a');
  finish(String((await once(socket, 'message'))[0]), 'echo a');
});
