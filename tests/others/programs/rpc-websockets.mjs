import { checkEngine, finish, once, require } from './common.mjs';

checkEngine('rpc-websockets');
const { Client, Server } = require('rpc-websockets');
const server = new Server({ port: 0, host: '127.0.0.1' });
server.register('sum', ([a, b]) => a + b);
await once(server, 'listening');
const client = new Client(`ws://127.0.0.1:${server.wss.address().port}`);
client.on('open', async () => finish(await client.call('sum', [1, 2]), 3));
