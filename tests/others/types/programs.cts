/** What programs typed for `ws` say, in CommonJS: it compiles against `@types/ws` and against `tideway/websocket`. */
import WebSocket = require('ws');

class My extends WebSocket {
  isAlive = true;
}
const server: WebSocket.Server<typeof My> = new WebSocket.Server({ port: 0, WebSocket: My });
const plain: WebSocket.WebSocketServer = new WebSocket.WebSocketServer({ noServer: true });
server.on('connection', (socket) => (socket.isAlive = false));
plain.on('connection', (socket: WebSocket) => socket.send('x'));
const client: WebSocket.WebSocket = new WebSocket.WebSocket('ws://x');
const read = (data: WebSocket.Data): number => (typeof data === 'string' ? data.length : 0);
client.on('message', (data: WebSocket.RawData) => read(data));
client.onmessage = ({ data }) => read(data);
const options: WebSocket.ServerOptions = {};
const decide: WebSocket.VerifyClientCallbackSync = ({ origin }) => origin === 'http://good';
options.verifyClient = decide;
WebSocket.createWebSocketStream(client).end();
export = options;
