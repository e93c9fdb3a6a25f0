import jayson from 'jayson';
import { checkEngine, finish, once, require, WebSocketServer } from './common.mjs';

checkEngine('jayson');
const server = new jayson.Server({ add: ([a, b], done) => done(null, a + b) });
const wss = server.websocket({ port: 0 });
await once(wss, 'listening');
const client = jayson.Client.websocket({ url: `ws://127.0.0.1:${wss.address().port}` });
client.ws.on('open', () => client.request('add', [1, 2], (_, { result }) => finish(result, 3)));
