/** Owns createWebSocketStream: a WebSocket as a stream of Node, with backpressure in both directions. */
import { Duplex, type DuplexOptions } from 'node:stream';
import type { RawData } from '../socket/payload.js';
import type { WebSocket } from './web-socket.js';

/**
 * A Duplex over a connection. Each write is one binary message, or text when it is a string and `decodeStrings`
 * is false; each message is one chunk, text as a string in `readableObjectMode`. Ending it closes the connection,
 * destroying it drops the connection, and it is destroyed when the connection has ended. `options` are those of Duplex.
 */
export function createWebSocketStream(socket: WebSocket, options: DuplexOptions = {}): Duplex {
  return new StreamAdapter(socket, options).duplex;
}

type Done = (error?: Error | null) => void;

/** What stands between a connection and its stream. */
class StreamAdapter {
  readonly duplex: Duplex;
  readonly #socket: WebSocket;
  /** After a failure the connection says Close by itself; dropping it would lose the Close frame. */
  #dropsOnDestroy = true;

  constructor(socket: WebSocket, options: DuplexOptions) {
    this.#socket = socket;
    this.duplex = new Duplex({
      ...options,
      autoDestroy: false,
      emitClose: false,
      objectMode: false,
      writableObjectMode: false,
      read: () => this.#read(),
      write: (chunk: Buffer | string, _, done) => this.#write(chunk, done),
      final: (done) => this.#end(done),
      destroy: (error, done) => this.#destroy(error, done),
    });
    this.#listen();
  }

  #listen(): void {
    const { duplex } = this;
    this.#socket.on('message', (data, isBinary) => this.#received(data, isBinary));
    this.#socket.once('error', (error) => {
      if (duplex.destroyed) return;
      this.#dropsOnDestroy = false;
      duplex.destroy(error);
    });
    this.#socket.once('close', () => {
      if (!duplex.destroyed) duplex.push(null);
    });
    duplex.on('end', () => {
      if (!duplex.destroyed && duplex.writableFinished) duplex.destroy();
    });
    duplex.once('error', (error) => {
      duplex.destroy();
      // With this listener alone the error would vanish, which no stream's error may.
      if (duplex.listenerCount('error') === 0) duplex.emit('error', error);
    });
  }

  #received(data: RawData, isBinary: boolean): void {
    const isText = !isBinary && this.duplex.readableObjectMode;
    if (!this.duplex.push(isText ? (data as Buffer).toString() : data)) this.#socket.pause();
  }

  #read(): void {
    if (this.#socket.isPaused) this.#socket.resume();
  }

  #write(chunk: Buffer | string, done: Done): void {
    if (this.#socket.readyState === this.#socket.CONNECTING) {
      this.#socket.once('open', () => this.#write(chunk, done));
    } else this.#socket.send(chunk, done);
  }

  #end(done: Done): void {
    const socket = this.#socket;
    if (socket.readyState === socket.CONNECTING) {
      socket.once('open', () => this.#end(done));
      return;
    }
    // Without a socket the handshake failed; its error is on the way and destroys the stream.
    const below = socket._socket;
    if (below === null) return;
    if (below.writableFinished) {
      done();
      if (this.duplex.readableEnded) this.duplex.destroy();
      return;
    }
    // Not destroyed here: the end of input, which comes with 'close', follows.
    below.once('finish', () => done());
    socket.close();
  }

  #destroy(error: Error | null, done: (error: Error | null) => void): void {
    const socket = this.#socket;
    const tellClosed = (): void => process.nextTick(() => this.duplex.emit('close'));
    if (socket.readyState === socket.CLOSED) {
      done(error);
      tellClosed();
      return;
    }
    let isTold = false;
    socket.once('error', (late) => {
      isTold = true;
      done(late);
    });
    socket.once('close', () => {
      if (!isTold) done(error);
      tellClosed();
    });
    if (this.#dropsOnDestroy) socket.terminate();
  }
}
