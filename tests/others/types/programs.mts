/** What programs typed for `ws` say, in modules: it compiles against `@types/ws` and against `tideway/websocket`. */
import WebSocket from 'ws';
import {
  type WebSocket as OwnSocket,
  WebSocketServer,
  type Server,
  createWebSocketStream,
  type RawData,
  type Data,
  type ServerOptions,
  type ClientOptions,
  type CloseEvent,
  type MessageEvent,
  type ErrorEvent,
  type Event,
  type AddressInfo,
  type CertMeta,
  type EventListenerOptions,
  type FinishRequestCallback,
  type PerMessageDeflateOptions,
  type VerifyClientCallbackAsync,
  type VerifyClientCallbackSync,
} from 'ws';
import { type IncomingMessage, createServer } from 'http';
import type { Duplex } from 'stream';

class My extends WebSocket {
  isAlive = true;
  name?: string;
}
const sync: VerifyClientCallbackSync = ({ origin, secure, req }) => secure || origin === req.url;
const later: VerifyClientCallbackAsync = (info, done) => done(info.secure, 401, 'no', { a: 'b' });
const options: ServerOptions = { port: 0 };
options.perMessageDeflate = { threshold: 10 };
options.verifyClient = sync;
options.verifyClient = later;
const server: Server<typeof My> = new WebSocketServer({ port: 0, WebSocket: My });
const plain = new WebSocketServer(options);
const third: WebSocketServer = new WebSocketServer({ noServer: true });
server.on('connection', function (socket, request) {
  const set: Set<My> = this.clients as Set<My>;
  set.has(socket);
  socket.isAlive = false;
  socket.on('pong', function (this: WebSocket) {
    this.terminate();
  });
  socket.on('message', function (data, isBinary) {
    this.send(data, { binary: isBinary });
  });
  socket.onmessage = (event) => {
    const d: Data = event.data;
    event.target.send(d);
  };
  request.url?.length;
});
for (const client of server.clients) if (client.readyState === WebSocket.OPEN) client.ping();
plain.on('headers', (headers, request) => {
  headers.push(request.url ?? '');
});
plain.on('wsClientError', (error, socket: Duplex) => {
  socket.destroy(error);
});
third.handleUpgrade({} as IncomingMessage, {} as Duplex, Buffer.alloc(0), (ws) =>
  third.emit('connection', ws),
);
const a: WebSocket = new WebSocket('ws://x', ['a'], { headers: { a: 'b' }, host: 'x' });
const b = new WebSocket(new URL('ws://x'), {
  timeout: 1,
  rejectUnauthorized: false,
} as ClientOptions);
a.addEventListener('close', (event: CloseEvent) => event.code + event.reason.length);
a.addEventListener(
  'error',
  {
    handleEvent(event: ErrorEvent) {
      event.error.code;
    },
  },
  { once: true },
);
a.removeEventListener('open', (event: Event) => event.type);
a.on('whatever', (...args) => args[0].anything);
a.once('unexpected-response', (request, response) => {
  request.destroy();
  response.statusCode;
});
b.off('close', (code: number, reason: Buffer) => code + reason.length);
const read = (data: WebSocket.RawData | RawData): string =>
  Array.isArray(data) ? Buffer.concat(data).toString() : data.toString();
createWebSocketStream(b, { encoding: 'utf8' }).pipe(process.stdout);
const o: WebSocket.ClientOptions & { finishRequest?: FinishRequestCallback } = {
  finishRequest: (r, ws) => {
    r.end();
    ws.url;
  },
};
const e: EventListenerOptions = { once: true };
const c: CertMeta = 'x';
const p: PerMessageDeflateOptions = {};
const ad = server.address() as AddressInfo;
const m: (event: MessageEvent) => void = (event) => read(event.data as RawData);
const s2 = new WebSocketServer({ server: createServer() });
s2.shouldHandle({} as IncomingMessage);
declare module 'ws' {
  interface WebSocket {
    wasSeen?: boolean;
  }
}
s2.on('connection', (socket: OwnSocket) => {
  socket.wasSeen = false;
  socket.ping(null, false, (error: Error) => error);
  socket.send('x', (error?: Error) => error);
});
export { o, e, c, p, ad, m, s2, a };
