/** The part of faye-websocket that the interop tests use; it ships no types. */
declare module 'faye-websocket' {
  import type { EventEmitter } from 'node:events';
  import type { IncomingMessage } from 'node:http';
  import type { Duplex } from 'node:stream';

  export interface FayeOptions {
    readonly maxLength?: number;
  }

  export default class FayeWebSocket extends EventEmitter {
    static isWebSocket(request: IncomingMessage): boolean;
    static readonly Client: new (
      url: string,
      protocols?: string[],
      options?: FayeOptions,
    ) => FayeWebSocket;
    constructor(
      request: IncomingMessage,
      socket: Duplex,
      head: Buffer,
      protocols?: string[],
      options?: FayeOptions,
    );
    readonly protocol: string;
    send(data: string | Buffer): boolean;
    ping(message: string, callback: () => void): boolean;
    close(code?: number, reason?: string): void;
  }
}
