/** Owns how connections end whose requests node:http gives up: those of a crowd in turns, as it finds all that are late at once. */
import type { Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { TurnBudget } from '../foundation/index.js';

/** What ending one costs, about: an answer and the end of a socket. */
const END_UNITS = 16;

/** What node:http answers by itself where nobody listens. */
const STATUS_OF_CODE: Readonly<Record<string, string>> = {
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: '413 Payload Too Large',
};

/** Answers what node:http would, and ends the connection, in a turn that has room for it. */
export function endFailedInTurns(server: Server, turns: TurnBudget): void {
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    turns.later(() => {
      turns.spend(END_UNITS);
      end(socket, error);
    }, 'backlog');
  });
}

function end(socket: Duplex, { code = '' }: NodeJS.ErrnoException): void {
  // An answer that has begun cannot become another one.
  const begun = (socket as { _httpMessage?: { headersSent?: boolean } | null })._httpMessage;
  if (socket.writable && code !== 'ECONNRESET' && begun?.headersSent !== true) {
    const status = STATUS_OF_CODE[code] ?? '400 Bad Request';
    socket.write(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`);
  }
  socket.destroy();
}
