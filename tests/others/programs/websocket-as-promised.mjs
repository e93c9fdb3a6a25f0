import WebSocketAsPromised from 'websocket-as-promised';
import { echoServer, finish, WebSocket } from './common.mjs';

const { url } = await echoServer();
const socket = new WebSocketAsPromised(url, {
  createWebSocket: (address) => new WebSocket(address),
  extractMessageData: (event) => event,
});
socket.onMessage.addListener((data) => finish(String(data), 'a'));
await socket.open();
socket.send('a');
