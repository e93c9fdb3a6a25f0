import { createServer } from 'node:http';
import { checkEngine, finish, require } from './common.mjs';

checkEngine('primus');
const Primus = require('primus');
const http = createServer();
const primus = new Primus(http, { transformer: 'websockets' });
primus.on('connection', (spark) => spark.on('data', (data) => spark.write(`echo ${data}`)));
http.listen(0, '127.0.0.1', () => {
  const socket = new primus.Socket(`http://127.0.0.1:${http.address().port}`);
  socket.on('data', (data) => finish(data, 'echo a'));
  socket.write('a');
});
