import { Server } from '@hocuspocus/server';
import { checkEngine, finish, once, WebSocket } from './common.mjs';

checkEngine('@hocuspocus/server');
const server = new Server({ port: 0, address: '127.0.0.1', quiet: true });
await server.listen();
const socket = new WebSocket(`ws://127.0.0.1:${server.address.port}`);
await once(socket, 'open');
socket.close(1000);
finish((await once(socket, 'close'))[0], 1000);
