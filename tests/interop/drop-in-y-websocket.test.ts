/** Proves that y-websocket's provider runs on our WebSocket, against documents that a server of ours keeps. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import * as decoding from 'lib0/decoding';
import * as encoding from 'lib0/encoding';
import * as syncProtocol from 'y-protocols/sync';
import { WebsocketProvider } from 'y-websocket';
import * as Y from 'yjs';
import WebSocket from 'tideway/websocket';

const SYNC = 0;

function frame(write: (encoder: encoding.Encoder) => void): Uint8Array {
  const encoder = encoding.createEncoder();
  encoding.writeVarUint(encoder, SYNC);
  write(encoder);
  return encoding.toUint8Array(encoder);
}

/** One document, kept in step with everybody who is connected: what a y-websocket server does. */
async function serveDocument(t: TestContext): Promise<{ document: Y.Doc; url: string }> {
  const document = new Y.Doc();
  const server = new WebSocket.Server({ port: 0 });
  t.after(() => {
    for (const client of server.clients) client.terminate();
    server.close();
    document.destroy();
  });
  document.on('update', (update: Uint8Array, origin: unknown) => {
    const message = frame((encoder) => syncProtocol.writeUpdate(encoder, update));
    for (const client of server.clients) if (client !== origin) client.send(message);
  });
  server.on('connection', (socket) => {
    socket.binaryType = 'arraybuffer';
    socket.on('message', (data) => {
      const decoder = decoding.createDecoder(new Uint8Array(data as ArrayBuffer));
      if (decoding.readVarUint(decoder) !== SYNC) return;
      const answer = frame((encoder) => {
        syncProtocol.readSyncMessage(decoder, encoder, document, socket);
      });
      // One octet says only what kind of message it is.
      if (answer.length > 1) socket.send(answer);
    });
    socket.send(frame((encoder) => syncProtocol.writeSyncStep1(encoder, document)));
  });
  await once(server, 'listening');
  return { document, url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

async function join(t: TestContext, url: string): Promise<Y.Doc> {
  const document = new Y.Doc();
  const provider = new WebsocketProvider(url, 'room', document, {
    WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
    // Otherwise documents of one process would find each other without the server.
    disableBc: true,
  });
  t.after(() => {
    provider.destroy();
    // With it goes the timer of its awareness.
    document.destroy();
  });
  await new Promise<void>((resolve) => provider.once('sync', () => resolve()));
  return document;
}

/** Waits until a document has all of some texts. */
async function untilTexts(document: Y.Doc, expected: readonly string[]): Promise<void> {
  const page = document.getText('page');
  while (!expected.every((text) => page.toJSON().includes(text))) {
    await new Promise<void>((resolve) => document.once('update', () => resolve()));
  }
}

test('y-websocket: two documents and the one of the server become the same', async (t) => {
  const { document, url } = await serveDocument(t);
  document.getText('page').insert(0, 'from the server; ');
  const [ada, bob] = await Promise.all([join(t, url), join(t, url)]);
  assert.equal(ada.getText('page').toJSON(), 'from the server; ');
  ada.getText('page').insert(0, 'from ada; ');
  const long = `from bob: ${'ü'.repeat(50_000)}; `;
  bob.getText('page').insert(0, long);
  const everything = ['from ada; ', long, 'from the server; '];
  await Promise.all([ada, bob, document].map((one) => untilTexts(one, everything)));
  assert.equal(ada.getText('page').toJSON(), bob.getText('page').toJSON());
  assert.equal(ada.getText('page').toJSON(), document.getText('page').toJSON());
});
