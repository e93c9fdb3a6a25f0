/** The part of the package websocket that the interop tests use; it ships no types. */
declare module 'websocket' {
  import type { EventEmitter } from 'node:events';
  import type { Server } from 'node:http';

  export interface Message {
    readonly type: 'utf8' | 'binary';
    readonly utf8Data?: string;
    readonly binaryData?: Buffer;
  }
  export interface Connection extends EventEmitter {
    readonly protocol: string | undefined;
    on(event: 'message', listener: (message: Message) => void): this;
    on(event: 'close', listener: (code: number, reason: string) => void): this;
    sendUTF(data: string): void;
    sendBytes(data: Buffer): void;
    close(code?: number, reason?: string): void;
  }
  export interface Request {
    readonly requestedProtocols: readonly string[];
    accept(protocol?: string | null, origin?: string): Connection;
  }
  export interface Limits {
    readonly maxReceivedFrameSize?: number;
    readonly maxReceivedMessageSize?: number;
    readonly fragmentationThreshold?: number;
  }
  const websocket: {
    readonly server: new (config: Limits & { readonly httpServer: Server }) => {
      on(event: 'request', listener: (request: Request) => void): void;
    };
    readonly client: new (config: Limits) => {
      connect(url: string, protocols: readonly string[]): void;
      on(event: 'connect', listener: (connection: Connection) => void): void;
      on(event: 'connectFailed', listener: (error: Error) => void): void;
    };
  };
  export default websocket;
}
