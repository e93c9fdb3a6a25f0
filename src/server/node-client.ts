/** Owns `tideway/client` on Node: where there is no global WebSocket (before Node 22), the engine's takes its place. */
import { Client as WebClient, type ClientOptions } from '../client/index.js';
import { WebSocket as EngineWebSocket } from '../transport/index.js';

export * from '../client/index.js';

/** The client, which finds a WebSocket class on every supported Node. */
export class Client extends WebClient {
  constructor(options: ClientOptions) {
    const hasGlobal = typeof globalThis.WebSocket === 'function';
    super(hasGlobal ? options : { WebSocket: EngineWebSocket, ...options });
  }
}
