/** The endpoint under test: our server and our client with an echoing application that writes down what it is told. */
import { createHash } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { WebSocket, WebSocketServer } from 'tideway/websocket';
import { GOOD_HEADERS } from '../raw-peer.js';
import { summaryOf, type Role } from './frames.js';
import { play, type PeerView } from './peer.js';
import type { Case } from './case.js';

/** What came of a case. */
export interface Verdict extends PeerView {
  /** What the application was told, in order. */
  readonly told: readonly string[];
}

/** Runs cases against one role of the engine. */
export interface Bench {
  readonly role: Role;
  run(one: Case): Promise<Verdict>;
  close(): Promise<void>;
}

/** Echoes, and keeps what it is told until the connection is over. */
function listen(socket: WebSocket, one: Case): { told: string[]; closed: Promise<void> } {
  const told: string[] = [];
  socket.on('message', (data, isBinary) => {
    const payload = data as Buffer;
    told.push(`${isBinary ? 'binary' : 'text'} ${summaryOf(payload, !isBinary)}`);
    socket.send(payload, { binary: isBinary });
  });
  socket.on('ping', (data) => told.push(`ping ${summaryOf(data, false)}`));
  socket.on('pong', (data) => told.push(`pong ${summaryOf(data, false)}`));
  socket.on('error', (error: Error & { code?: string }) => {
    told.push(`error ${error.code ?? error.message}`);
  });
  const closed = new Promise<void>((resolve) => {
    socket.addEventListener('close', ({ code, reason, wasClean }) => {
      told.push(`close ${code} ${JSON.stringify(reason)} ${wasClean ? 'clean' : 'unclean'}`);
      resolve();
    });
  });
  if (one.act !== undefined) {
    if (socket.readyState === WebSocket.OPEN) one.act(socket);
    else socket.on('open', () => one.act?.(socket));
  }
  return { told, closed };
}

/** Our server, one for each set of options, and raw TCP clients. */
export function serverBench(): Bench {
  const servers = new Map<string, Promise<WebSocketServer>>();
  const accepted = new EventEmitter();

  const serverFor = (one: Case): Promise<WebSocketServer> => {
    const key = JSON.stringify(one.options ?? {});
    const started =
      servers.get(key) ??
      (async () => {
        const server = new WebSocketServer({ port: 0, host: '127.0.0.1', ...one.options });
        server.on('connection', (socket, request) => accepted.emit(request.url ?? '', socket));
        await once(server, 'listening');
        return server;
      })();
    servers.set(key, started);
    return started;
  };

  let count = 0;
  return {
    role: 'server',
    async run(one) {
      const server = await serverFor(one);
      const target = `/${count++}`;
      const opened = new Promise<ReturnType<typeof listen>>((resolve) => {
        accepted.once(target, (socket: WebSocket) => resolve(listen(socket, one)));
      });
      const { port } = server.address() as AddressInfo;
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
      const extension =
        one.extension === undefined ? [] : [`Sec-WebSocket-Extensions: ${one.extension.offer}`];
      const lines = [`GET ${target} HTTP/1.1`, ...GOOD_HEADERS, ...extension, '', ''];
      socket.write(lines.join('\r\n'));
      const head = await afterHead(socket);
      const [{ told, closed }, view] = await Promise.all([
        opened,
        play(one, 'client', socket, head),
      ]);
      await closed;
      return { ...view, told };
    },
    async close() {
      for (const server of servers.values()) (await server).close();
    },
  };
}

/** Our client, and a raw TCP server. */
export function clientBench(): Bench {
  const arrivals = new EventEmitter();
  const listening = (async (): Promise<Server> => {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      socket.once('data', (request: Buffer) => {
        const target = /^GET (\S+)/.exec(request.toString('latin1'))?.[1] ?? '';
        arrivals.emit(target, socket, request.toString('latin1'));
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return server;
  })();

  let count = 0;
  return {
    role: 'client',
    async run(one) {
      const { port } = (await listening).address() as AddressInfo;
      const target = `/${count++}`;
      const arrived = new Promise<PeerView>((resolve, reject) => {
        arrivals.once(target, (socket: Socket, request: string) => {
          socket.write(answerTo(request, one));
          play(one, 'server', socket).then(resolve, reject);
        });
      });
      const client = new WebSocket(`ws://127.0.0.1:${port}${target}`, { ...one.options });
      const { told, closed } = listen(client, one);
      const view = await arrived;
      await closed;
      return { ...view, told };
    },
    async close() {
      (await listening).close();
    },
  };
}

/** A good answer to a handshake. */
export function answerTo(request: string, one: Pick<Case, 'extension'> = {}): string {
  const key = /^sec-websocket-key: (\S+)/im.exec(request)?.[1] ?? '';
  const accept = createHash('sha1')
    .update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64');
  const extension =
    one.extension === undefined ? [] : [`Sec-WebSocket-Extensions: ${one.extension.answer}`];
  return [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${accept}`,
    ...extension,
    '',
    '',
  ].join('\r\n');
}

/** Reads the head of the server's answer, and gives back what came behind it. */
async function afterHead(socket: Socket): Promise<Buffer> {
  let received = Buffer.alloc(0);
  for (;;) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    received = Buffer.concat([received, chunk]);
    const end = received.indexOf('\r\n\r\n');
    if (end < 0) continue;
    const status = received.toString('latin1', 9, 12);
    if (status !== '101') throw new Error(`the handshake was answered with ${status}`);
    socket.pause();
    return received.subarray(end + 4);
  }
}
