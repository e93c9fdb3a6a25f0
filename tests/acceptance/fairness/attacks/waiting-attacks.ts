/** Owns the attacks by what waits or is kept: handlers that hang, stores that stall, readers that do not read, rings, work queues. */
import type { Ground } from '../../ground.js';
import { clientFrame, text } from '../../raw-connection.js';
import { messages, nativeSettled, stompSettled, type Attack } from './attack.js';
import { listOf } from './native-attacks.js';

const sendTo = (destination: string, body: string): Buffer =>
  text(`{"type":"send","destination":"${destination}","body":${body}}`);

/** SENDs, and every delivery rejected until the queue gives it up. */
async function rejects(ground: Ground, size: number): Promise<void> {
  const consumer = await ground.stomp();
  const queue = `/work/${ground.mark}`;
  let rest = '';
  consumer.onChunk = (chunk) => {
    const heard = rest + chunk.toString('latin1');
    const found = [...heard.matchAll(/\nack:([^\n]+)\n/g)];
    const end = found.reduce((_, { index, 0: whole }) => index + whole.length, 0);
    rest = heard.slice(Math.max(end, heard.length - 200));
    const nacks = found.map(([, id]) => `NACK\nid:${id}\n\n\0`);
    if (nacks.length > 0) void consumer.write(text(nacks.join('')));
  };
  const frame = `SEND\ndestination:${queue}\n\n\0`;
  const subscribe = `SUBSCRIBE\nid:w\ndestination:${queue}\nack:client-individual\n\n\0`;
  await stompSettled(consumer, text(subscribe));
  await stompSettled(consumer, text(frame.repeat(1_000 * size)));
  // Each is delivered twenty times: as many questions, and what was rejected before each is back by its answer.
  for (let round = 0; round < 20; round++) await stompSettled(consumer, text('\n'));
}

async function slowReader(ground: Ground, size: number): Promise<void> {
  const destination = `/topic/${ground.mark}`;
  const readers = await ground.many(20, async () => {
    const reader = await ground.native();
    await nativeSettled(reader, text(`{"type":"subscribe","destination":"${destination}"}`));
    reader.socket.pause();
    return reader;
  });
  const publisher = await ground.native();
  const one = sendTo(destination, `"${'.'.repeat(4_096)}"`);
  const octets = Buffer.concat(Array.from({ length: 2_000 * size }, () => one));
  await nativeSettled(publisher, octets);
  for (const reader of readers) reader.close();
}

/** Nobody ends its message: the server has to let go of some. */
async function unfinishedMessages(ground: Ground, size: number): Promise<void> {
  const crowd = await ground.many(300 * size, () => ground.native());
  const part = sendTo('/topic/a', `"${'é'.repeat(500_000)}"`).subarray(0, 990_000);
  await Promise.all(crowd.map((connection) => connection.write(part)));
  const last = await ground.native();
  await nativeSettled(last, Buffer.alloc(0));
}

/** Replies up to what one connection may have, on many that read nothing. */
async function slowAskers(ground: Ground, size: number): Promise<void> {
  const request = (id: number): string =>
    `{"type":"request","id":${id},"destination":"/app/echo","body":"${'.'.repeat(95_000)}"}`;
  const requests = Buffer.concat(Array.from({ length: 40 }, (_, id) => text(request(id))));
  const crowd = await ground.many(100 * size, () => ground.native());
  for (const { socket } of crowd) socket.pause();
  await Promise.all(crowd.map((connection) => connection.write(requests)));
  const last = await ground.native();
  await nativeSettled(last, Buffer.alloc(0));
}

export const WAITING_ATTACKS: readonly Attack[] = [
  {
    name: 'hung-handler',
    // The server stops reading, so there is no end to compare.
    isScaled: false,
    what: '2 connections × 256 messages of 64 KiB `[[],[],…` wait for a handler that hangs',
    go: async (ground, size) => {
      const body = listOf(() => '[]', '[]', 65_000);
      const octets = Buffer.concat(
        Array.from({ length: 256 * size }, () => sendTo('/app/hang', body)),
      );
      const crowd = await ground.many(2, () => ground.native());
      await Promise.all(crowd.map((connection) => nativeSettled(connection, octets)));
    },
  },
  {
    name: 'stalled-store',
    what: '90,000 SENDs to a store that stalls',
    setup: 'stalled-store',
    isScaled: false,
    go: async (ground, size) => {
      const connection = await ground.native();
      await nativeSettled(
        connection,
        messages(90_000 * 50 * size, () => '{"type":"send","destination":"/topic/stalled"}'),
      );
    },
  },
  {
    name: 'large-topics',
    what: '300 topics, each with a message of 1 MB and a reader',
    go: async (ground, size) => {
      const connection = await ground.native();
      const body = Buffer.alloc(1_000_000, 0x2e);
      for (let index = 0; index < 300 * size; index++) {
        const destination = `/topic/${ground.mark}/${index}`;
        const head = Buffer.from(`{"type":"send","destination":"${destination}"}\n`);
        await connection.write(text(`{"type":"subscribe","destination":"${destination}"}`));
        await connection.write(clientFrame(0x82, Buffer.concat([head, body])));
      }
      await nativeSettled(connection, Buffer.alloc(0));
    },
  },
  {
    name: 'large-histories',
    what: '300 messages of 1 MB to one topic with a history',
    go: async (ground, size) => {
      const connection = await ground.native();
      const head = Buffer.from('{"type":"send","destination":"/topic/history/large"}\n');
      const octets = clientFrame(0x82, Buffer.concat([head, Buffer.alloc(1_000_000, 0x2e)]));
      for (let index = 0; index < 300 * size; index++) await connection.write(octets);
      await nativeSettled(connection, Buffer.alloc(0));
    },
  },
  {
    name: 'message-ids',
    what: '40,000 SENDs, each with a message id of 255 characters, to 8 topics',
    go: async (ground, size) => {
      const connection = await ground.native();
      const octets = messages(40_000 * 340 * size, (index) => {
        const messageId = String(index).padEnd(255, 'i');
        return `{"type":"send","destination":"/topic/ids/${index % 8}","messageId":"${messageId}"}`;
      });
      await nativeSettled(connection, octets);
    },
  },
  {
    name: 'work-queues',
    what: '20,000 messages of 10 kB to work queues that nobody consumes',
    go: async (ground, size) => {
      const connection = await ground.native();
      const body = `"${'.'.repeat(10_000)}"`;
      const octets = Buffer.concat(
        Array.from({ length: 20_000 * size }, (_, index) =>
          sendTo(`/work/many/${index % 8}`, body),
        ),
      );
      await nativeSettled(connection, octets);
    },
  },
  {
    name: 'work-rejects',
    what: '1,000 messages of a work queue, each rejected until it is given up',
    go: rejects,
  },
  {
    name: 'slow-reader',
    what: '20 readers that do not read; 2,000 messages of 4 KiB',
    go: slowReader,
  },
  {
    name: 'slow-asker',
    what: '200 requests of 100 kB whose replies are not read for a second',
    go: async (ground, size) => {
      const connection = await ground.native();
      connection.socket.pause();
      const body = `"${'.'.repeat(100_000)}"`;
      for (let index = 0; index < 200 * size; index++) {
        const request = `{"type":"request","id":${index},"destination":"/app/echo","body":${body}}`;
        void connection.write(text(request));
      }
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      connection.socket.resume();
      await nativeSettled(connection, Buffer.alloc(0));
    },
  },
  {
    name: 'unfinished-messages',
    isScaled: false,
    what: '300 connections send 990 kB of a message of 1 MB that is not ASCII, and no more',
    go: unfinishedMessages,
  },
  {
    name: 'slow-askers',
    isScaled: false,
    what: '100 connections ask for 4 MB of replies each and read nothing',
    go: slowAskers,
  },
  {
    name: 'handshake-fields',
    what: '1,000 connections whose handshake has 400 fields',
    go: (ground, size) => {
      const fields = Array.from({ length: 400 }, (_, index) => `x${index}: y`);
      return ground.many(1_000 * size, () => ground.open({ subprotocol: 'tideway.v1', fields }));
    },
  },
];
