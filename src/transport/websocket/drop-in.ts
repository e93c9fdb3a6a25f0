/** The door `tideway/websocket`: the engine's exports, and those that `ws` has beside them, so that an import is all that changes. */
import * as engine from './index.js';
import { WebSocket } from './ws/web-socket.js';

export * from './index.js';
export { WebSocketServer as Server } from './ws/server.js';
// `import WebSocket from 'ws'` and `const WebSocket = require('ws')`; see docs/decisions/0007.
export { WebSocket as default, WebSocket as 'module.exports' };

// What is exported is on the class too: `new WebSocket.Server()`, and all there is for `require`.
for (const [name, value] of Object.entries({ ...engine, Server: engine.WebSocketServer })) {
  Object.defineProperty(WebSocket, name, { value, enumerable: true, configurable: true });
}
