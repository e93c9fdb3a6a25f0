/** Owns upgrades that came behind requests whose answers are still owed: a connection changes its language when the last is written. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { Deadline, type DeadlineWheel } from '../../../foundation/index.js';
import { hasEndpoint } from '../socket/socket-listeners.js';

/** How node:http marks the answer that a socket carries now; the next of a pipeline follows when it is over. */
interface AnsweringSocket {
  readonly _httpMessage?: ServerResponse | null;
}

/** An answer to the upgrade itself is not owed: frameworks (Fastify) assign one, to refuse with. */
function owedAnswer(socket: Duplex, upgrade: IncomingMessage): ServerResponse | undefined {
  const answer = (socket as AnsweringSocket)._httpMessage ?? undefined;
  return answer?.req === upgrade ? undefined : answer;
}

/**
 * node:http hands an upgrade over as soon as it has read it. Whatever it still owes to requests before it would then be written
 * between our frames (RFC 9112 §9.3.2: answers come in the order of their requests, and 101 is one of them).
 */
export class OwedAnswers {
  readonly #deadlines: DeadlineWheel;
  readonly #timeoutMs: number;
  readonly #waiting = new Set<Duplex>();

  /** `timeoutMs`: then the connection is dropped; 0: never. */
  constructor(deadlines: DeadlineWheel, timeoutMs: number) {
    this.#deadlines = deadlines;
    this.#timeoutMs = timeoutMs;
  }

  /** Runs `upgrade` once nothing is owed any more, at once where nothing is; never when the socket has gone meanwhile. */
  after(socket: Duplex, request: IncomingMessage, upgrade: () => void): void {
    const first = owedAnswer(socket, request);
    if (first === undefined) return upgrade();
    const deadline = new Deadline(() => socket.destroy());
    if (this.#timeoutMs > 0) this.#deadlines.set(deadline, this.#timeoutMs);
    this.#waiting.add(socket);
    const failed = (): void => void socket.destroy();
    // node:http has let go of the socket, and would no longer tell an answer that it may go on.
    const drained = (): void => void owedAnswer(socket, request)?.emit('drain');
    const over = (): void => {
      this.#deadlines.clear(deadline);
      this.#waiting.delete(socket);
      socket.off('error', failed).off('drain', drained).off('close', over);
    };
    const answered = (): void => {
      if (!this.#waiting.has(socket)) return;
      const next = owedAnswer(socket, request);
      if (next !== undefined) {
        next.once('close', answered);
        return;
      }
      over();
      // Another listener for upgrades has taken it.
      if (hasEndpoint(socket)) return;
      // One of the answers may have said that it is the last.
      if (socket.writable && !socket.destroyed) upgrade();
      else socket.destroy();
    };
    socket.on('error', failed).on('drain', drained).on('close', over);
    first.once('close', answered);
  }

  /** Drops those that wait. */
  close(): void {
    for (const socket of this.#waiting) socket.destroy();
  }
}
