// Owns what the programs have in common: that they run on Tideway, an echo to speak with, and an end.
import { createRequire } from 'node:module';
import { once } from 'node:events';
import WebSocket, { WebSocketServer } from 'ws';

const require = createRequire(import.meta.url);

/** Ends the program in error unless `name` is given Tideway where it asks for `ws`. */
export function checkEngine(name) {
  let folder = require.resolve.paths(name)[0];
  const found = createRequire(`${folder}/${name}/package.json`)('ws');
  if (found.prepare === undefined) throw new Error(`${name} is not given Tideway`);
}

/** A server that answers what it is sent, and its address. */
export async function echoServer(answer = (text) => text) {
  const server = new WebSocketServer({ port: 0 });
  server.on('connection', (socket) =>
    socket.on('message', async (data) => socket.send(await answer(String(data)))),
  );
  await once(server, 'listening');
  return { server, url: `ws://127.0.0.1:${server.address().port}` };
}

/** Says what came of it, for whoever started this program, and ends it. */
export function finish(actual, expected) {
  const isFine = actual === expected;
  console.log(isFine ? 'fine' : `expected ${expected}, got ${actual}`);
  process.exit(isFine ? 0 : 1);
}

export { WebSocket, WebSocketServer, once, require };
