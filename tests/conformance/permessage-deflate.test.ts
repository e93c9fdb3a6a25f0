/** Proves permessage-deflate (RFC 7692) on the wire: what is agreed, what is refused, order, limits, and what is written. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { WebSocket, WebSocketServer, type PerMessageDeflateOptions } from 'tideway/websocket';
import { checkBound } from '../acceptance-bound.js';
import { largestDistance } from './inflate-distances.js';
import { GOOD_HEADERS, RawPeer, closeFrame, closePayload, maskedFrame } from './raw-peer.js';

const MIB = 1_048_576;
const NO_TAKEOVER = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover';
const TAIL = Buffer.of(0, 0, 0xff, 0xff);

interface Running {
  readonly server: WebSocketServer;
  readonly port: number;
  readonly url: string;
}

async function run(
  context: TestContext,
  perMessageDeflate: boolean | PerMessageDeflateOptions,
  options: { maxMessageBytes?: number } = {},
): Promise<Running> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate, ...options });
  await once(server, 'listening');
  context.after(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { server, port, url: `ws://127.0.0.1:${port}/` };
}

/** A raw client that offers compression, the server's end of it, and what was answered. */
async function open(
  running: Running,
  offer = 'permessage-deflate',
): Promise<{ peer: RawPeer; socket: WebSocket; answer: string; told: string[] }> {
  const accepted = once(running.server, 'connection') as Promise<[WebSocket]>;
  const peer = new RawPeer(running.port);
  const { status, head } = await peer.request([
    ...GOOD_HEADERS,
    `Sec-WebSocket-Extensions: ${offer}`,
  ]);
  assert.equal(status, 101);
  const [socket] = await accepted;
  const told: string[] = [];
  socket.on('message', (data, isBinary) => {
    told.push(`${isBinary ? 'binary' : 'text'} ${(data as Buffer).length}`);
  });
  socket.on('ping', (data) => told.push(`ping ${data.toString()}`));
  socket.on('error', (error) => told.push(`error ${(error as NodeJS.ErrnoException).code}`));
  socket.on('close', (code) => told.push(`close ${code}`));
  const answer = /^Sec-WebSocket-Extensions: (.*)$/m.exec(head)?.[1] ?? '';
  return { peer, socket, answer, told };
}

function compressed(plain: string | Buffer): Buffer {
  return deflateRawSync(plain, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
}

/** A client's frame of any length, with a mask of zeroes. */
function frame(first: number, payload: Uint8Array): Buffer {
  if (payload.length < 65_536) return maskedFrame(first, payload);
  const header = Buffer.alloc(14);
  header[0] = first;
  header[1] = 0x80 | 127;
  header.writeBigUInt64BE(BigInt(payload.length), 2);
  return Buffer.concat([header, payload]);
}

/** The frames of a server that are whole. */
function framesIn(received: Buffer): { first: number; payload: Buffer }[] {
  const frames: { first: number; payload: Buffer }[] = [];
  let at = 0;
  while (at + 2 <= received.length) {
    const length = received[at + 1]!;
    const start = at + (length < 126 ? 2 : length === 126 ? 4 : 10);
    if (start > received.length) break;
    const bytes =
      length < 126
        ? length
        : length === 126
          ? received.readUInt16BE(at + 2)
          : Number(received.readBigUInt64BE(at + 2));
    if (start + bytes > received.length) break;
    frames.push({ first: received[at]!, payload: received.subarray(start, start + bytes) });
    at = start + bytes;
  }
  return frames;
}

async function frames(peer: RawPeer, count: number): Promise<{ first: number; payload: Buffer }[]> {
  await peer.until((received) => framesIn(received).length >= count);
  return framesIn(peer.received);
}

function inflated(payload: Buffer, windowBits = 15): string {
  const octets = Buffer.concat([payload, TAIL]);
  return inflateRawSync(octets, { finishFlush: constants.Z_SYNC_FLUSH, windowBits }).toString();
}

/** Text that compresses, of at least so many octets. */
function words(byteLength: number): string {
  let text = '';
  for (let index = 0; text.length < byteLength; index++) text += `word ${(index * 7919) % 1013} `;
  return text;
}

test('compression is off unless it is asked for, and then keeps no window', async (context) => {
  const off = await open(await run(context, false));
  assert.deepEqual([off.answer, off.socket.extensions], ['', '']);
  const on = await open(await run(context, true));
  assert.equal(
    on.answer,
    'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
  );
  assert.equal(on.socket.extensions, 'permessage-deflate');
  const given = await open(await run(context, {}));
  assert.equal(given.answer, 'permessage-deflate');
});

test('[hardening 12] offers that are malformed are answered with 400, others beside them count', async (context) => {
  const running = await run(context, true);
  for (const parameters of ['server_max_window_bits=7', 'client_max_window_bits=16', 'x=1']) {
    const peer = new RawPeer(running.port);
    const offer = `permessage-deflate; ${parameters}`;
    const { status, body } = await peer.request([
      ...GOOD_HEADERS,
      `Sec-WebSocket-Extensions: ${offer}`,
    ]);
    assert.equal(status, 400);
    assert.match(body, /Sec-WebSocket-Extensions/);
    const { answer } = await open(running, `${offer}, permessage-deflate`);
    assert.match(answer, /^permessage-deflate;/);
  }
});

test('RFC 7692 §5.1: an offer that is declined leaves a connection without compression', async (context) => {
  const { answer, peer, told } = await open(await run(context, { clientMaxWindowBits: 9 }));
  assert.equal(answer, '');
  peer.socket.write(maskedFrame(0xc1, compressed('no')));
  await peer.ended;
  assert.ok(told.includes('error WS_ERR_UNEXPECTED_RSV_1'), told.join());
});

test('[hardening 12] RSV1 where it does not belong is 1002, garbage and wrong text are 1007', async (context) => {
  const running = await run(context, true);
  for (const [name, octets, code, error] of [
    ['RSV1 in a Ping', maskedFrame(0xc9), 1002, 'WS_ERR_UNEXPECTED_RSV_1'],
    [
      'RSV1 in a continuation',
      Buffer.concat([maskedFrame(0x41, compressed('a')), maskedFrame(0xc0, 'b')]),
      1002,
      'WS_ERR_UNEXPECTED_RSV_1',
    ],
    ['RSV2', maskedFrame(0xe1), 1002, 'WS_ERR_UNEXPECTED_RSV_2_3'],
    ['garbage', maskedFrame(0xc1, Buffer.alloc(40, 0xff)), 1007, 'Z_DATA_ERROR'],
    ['much garbage', maskedFrame(0xc1, Buffer.alloc(50_000, 0xff)), 1007, 'Z_DATA_ERROR'],
    ['cut data', maskedFrame(0xc1, compressed(words(500)).subarray(0, 90)), 1007, undefined],
    [
      'text that is not UTF-8',
      maskedFrame(0xc1, compressed(Buffer.of(0x61, 0xff))),
      1007,
      'WS_ERR_INVALID_UTF8',
    ],
  ] as const) {
    const { peer, told } = await open(running);
    const startedAtMs = performance.now();
    peer.socket.write(octets);
    await peer.ended;
    checkBound(performance.now() - startedAtMs < 1000, name);
    assert.equal(Buffer.compare(peer.received, closeFrame(code)), 0, name);
    if (error !== undefined) assert.ok(told.includes(`error ${error}`), `${name}: ${told.join()}`);
  }
});

test('[hardening 13] 1 GiB out of 1 MiB is 1009 before the output exceeds the limit by more than a chunk', async (context) => {
  const block = deflateRawSync(Buffer.alloc(MIB), { finishFlush: constants.Z_FULL_FLUSH });
  const count = Math.floor((MIB - 64) / block.length);
  const bomb = Buffer.concat([...Array<Buffer>(count).fill(block), Buffer.of(0)]);
  assert.ok(bomb.length <= MIB && count > 950, `${count} MiB out of ${bomb.length}`);
  const sent = frame(0xc2, bomb);
  for (const limit of [MIB, 16 * MIB]) {
    const { peer, told } = await open(await run(context, true, { maxMessageBytes: limit }));
    const before = process.memoryUsage();
    let peakBytes = 0;
    const sampling = setInterval(() => {
      const { arrayBuffers } = process.memoryUsage();
      peakBytes = Math.max(peakBytes, arrayBuffers - before.arrayBuffers);
    }, 1);
    const startedAtMs = performance.now();
    peer.socket.write(sent);
    await peer.ended;
    clearInterval(sampling);
    assert.equal(Buffer.compare(peer.received, closeFrame(1009)), 0);
    assert.deepEqual(told.slice(0, 1), ['error WS_ERR_UNSUPPORTED_MESSAGE_LENGTH']);
    context.diagnostic(
      `figure: ${count} MiB out of ${bomb.length} octets, limit ${limit}: refused in ` +
        `${(performance.now() - startedAtMs).toFixed(0)} ms, ` +
        `buffers grew by ${(peakBytes / MIB).toFixed(1)} MiB at most`,
    );
    // What came in (several times: chunks, message, input of zlib), the output up to the limit, and a chunk.
    checkBound(peakBytes < limit + 9 * MIB, `${peakBytes} octets`);
  }
});

test('messages keep their order around a large one that is inflated off the thread', async (context) => {
  const { peer, told, socket } = await open(await run(context, true));
  const large = Buffer.concat([randomBytes(40_000), Buffer.alloc(200_000)]);
  peer.socket.write(
    Buffer.concat([
      maskedFrame(0xc1, compressed('small')),
      frame(0xc2, compressed(large)),
      maskedFrame(0x81, 'plain'),
      maskedFrame(0x89, 'p'),
      frame(0xc2, compressed(large)),
      maskedFrame(0xc1, compressed('end!')),
      maskedFrame(0x88, closePayload(1000)),
    ]),
  );
  await once(socket, 'close');
  const expected = ['text 5', 'binary 240000', 'text 5', 'ping p', 'binary 240000', 'text 4'];
  assert.deepEqual(told, [...expected, 'close 1000']);
  const kinds = framesIn(peer.received).map(({ first }) => first);
  assert.deepEqual(kinds, [0x8a, 0x88]);
});

/** A message as some sender might write it. */
const sentMessages = fc.array(
  fc.record({
    plain: fc
      .tuple(fc.string({ unit: 'binary', maxLength: 60 }), fc.integer({ min: 0, max: 2_000 }))
      .map(([unit, times]) => Buffer.from(unit.repeat(times))),
    isText: fc.boolean(),
    isCompressed: fc.boolean(),
    level: fc.integer({ min: 0, max: 9 }),
    /** Where it is cut into frames, as parts of its length. */
    cuts: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 4 }),
  }),
  { minLength: 1, maxLength: 8 },
);

test('however messages are compressed, fragmented and split into chunks, they arrive as they were', async (context) => {
  const running = await run(context, {});
  await fc.assert(
    fc.asyncProperty(
      sentMessages,
      fc.array(fc.integer({ min: 1, max: 5_000 }), { maxLength: 30 }),
      fc.boolean(),
      async (messages, chunkLengths, keepsContext) => {
        const offer = keepsContext ? 'permessage-deflate' : NO_TAKEOVER;
        const { peer, socket } = await open(running, offer);
        const received: string[] = [];
        const isEnough = new Promise<void>((resolve) => {
          socket.on('message', (data, isBinary) => {
            received.push(`${isBinary ? 'binary' : 'text'} ${(data as Buffer).toString('hex')}`);
            if (received.length === messages.length) resolve();
          });
          socket.on('close', () => resolve());
        });
        let window: Buffer = Buffer.alloc(0);
        const written: Buffer[] = [];
        for (const { plain, isText, isCompressed, level, cuts } of messages) {
          const options = { level, finishFlush: constants.Z_SYNC_FLUSH };
          const dictionary = window.length > 0 ? { dictionary: window } : {};
          const payload = isCompressed
            ? deflateRawSync(plain, { ...options, ...dictionary }).subarray(0, -4)
            : plain;
          if (isCompressed && keepsContext)
            window = Buffer.concat([window, plain]).subarray(-32768);
          const ends = [...cuts.map((cut) => Math.floor(cut * payload.length)), payload.length];
          let start = 0;
          ends
            .sort((a, b) => a - b)
            .forEach((end, index) => {
              const opcode = index > 0 ? 0 : (isText ? 1 : 2) | (isCompressed ? 0x40 : 0);
              const fin = index === ends.length - 1 ? 0x80 : 0;
              written.push(frame(opcode | fin, payload.subarray(start, end)));
              start = end;
            });
        }
        let octets = Buffer.concat(written);
        for (const length of chunkLengths) {
          peer.socket.write(octets.subarray(0, length));
          octets = octets.subarray(length);
          await new Promise(setImmediate);
        }
        peer.socket.write(octets);
        await isEnough;
        const expected = messages.map(
          ({ plain, isText }) => `${isText ? 'text' : 'binary'} ${plain.toString('hex')}`,
        );
        assert.deepEqual(received, expected);
        peer.destroy();
      },
    ),
    { numRuns: 40 },
  );
});

test('a large message is told although its sender ended the connection behind it', async (context) => {
  const { peer, told, socket } = await open(await run(context, true));
  peer.socket.end(frame(0xc2, compressed(Buffer.concat([randomBytes(40_000), Buffer.alloc(MIB)]))));
  await once(socket, 'close');
  assert.deepEqual(told, [`binary ${MIB + 40_000}`, 'close 1006']);
});

test('a connection that goes while a message is inflated tells nothing but its end', async (context) => {
  const { peer, told, socket } = await open(await run(context, true));
  const large = frame(
    0xc2,
    compressed(Buffer.concat([randomBytes(50_000), Buffer.alloc(8 * MIB)])),
  );
  peer.socket.write(Buffer.concat([maskedFrame(0x89, 'now'), large]));
  socket.once('ping', () => setImmediate(() => socket.terminate()));
  await once(socket, 'close');
  assert.deepEqual(told, ['ping now', 'close 1006']);
  peer.destroy();
});

test('a connection that is paused while a message is inflated keeps it until it is resumed', async (context) => {
  const running = await run(context, true);
  const { peer, told, socket } = await open(running);
  const large = frame(0xc2, compressed(Buffer.concat([randomBytes(40_000), Buffer.alloc(90_000)])));
  peer.socket.write(Buffer.concat([maskedFrame(0x89, 'now'), large, maskedFrame(0x81, 'next')]));
  await once(socket, 'ping');
  socket.pause();
  assert.equal(socket.isPaused, true);
  // The large messages of another connection take the same way, and more of it.
  const other = await open(running);
  for (let index = 0; index < 3; index++) {
    other.peer.socket.write(large);
    await once(other.socket, 'message');
  }
  assert.deepEqual(told, ['ping now']);
  socket.resume();
  while (told.length < 3) await once(socket, 'message');
  assert.deepEqual(told, ['ping now', 'binary 130000', 'text 4']);
  peer.destroy();
  other.peer.destroy();
});

test('a message is compressed from the threshold on, unless told not to or not agreed', async (context) => {
  const { peer, socket } = await open(await run(context, { threshold: 100 }), NO_TAKEOVER);
  const text = words(100);
  socket.send(text.slice(0, 99));
  socket.send(text.slice(0, 100));
  socket.send(text, { compress: false });
  socket.send(randomBytes(200));
  const [short, long, asked, random] = await frames(peer, 4);
  assert.deepEqual([short!.first, asked!.first], [0x81, 0x81]);
  assert.equal(long!.first, 0xc1);
  assert.equal(inflated(long!.payload), text.slice(0, 100));
  // What compression makes larger goes out as it is.
  assert.equal(random!.first, 0x82);
  peer.destroy();
  const plain = await open(await run(context, false));
  plain.socket.send(words(5_000), { compress: true });
  assert.equal((await frames(plain.peer, 1))[0]!.first, 0x81);
  plain.peer.destroy();
});

test('RFC 7692 §7.2.1: no message ends with 00 00 FF FF, and an empty one is one octet', async (context) => {
  const { peer, socket } = await open(await run(context, { threshold: 0 }));
  for (const text of ['', 'Hello', words(3_000), words(100_000)]) socket.send(text);
  const written = await frames(peer, 4);
  assert.deepEqual(
    written.map(({ first }) => first),
    [0xc1, 0xc1, 0xc1, 0xc1],
  );
  for (const { payload } of written) assert.ok(!payload.subarray(-4).equals(TAIL));
  assert.equal(written[0]!.payload.toString('hex'), '00');
  assert.equal(written[1]!.payload.toString('hex'), 'f248cdc9c90700');
  peer.destroy();
});

test('RFC 7692 §6.1: fragments are compressed as one message with RSV1 in the first', async (context) => {
  for (const offer of ['permessage-deflate', NO_TAKEOVER]) {
    const { peer, socket } = await open(await run(context, { threshold: 10 }), offer);
    const text = words(90_000);
    socket.send(text.slice(0, 1_000), { fin: false });
    socket.send('', { fin: false });
    socket.ping('between');
    socket.send(text.slice(1_000, 80_000), { fin: false });
    socket.send(text.slice(80_000), { fin: true });
    socket.send('', { fin: false });
    socket.send('', { fin: true });
    const all = (await frames(peer, 7)).filter(({ first }) => first !== 0x89);
    assert.deepEqual(
      all.slice(0, 4).map(({ first }) => first),
      [0x41, 0x00, 0x00, 0x80],
    );
    const payload = Buffer.concat(all.slice(0, 4).map((one) => one.payload));
    assert.equal(inflated(payload), text);
    peer.destroy();
  }
});

test('what is sent around a large message keeps its order, the Close frame too', async (context) => {
  const { peer, socket } = await open(await run(context, true));
  const large = words(500_000);
  const written: string[] = [];
  socket.send('first', (error) => written.push(`first ${String(error)}`));
  socket.send(large, (error) => written.push(`large ${String(error)}`));
  assert.ok(socket.bufferedAmount >= 500_000);
  socket.send('small', (error) => written.push(`small ${String(error)}`));
  socket.send(large);
  socket.close(4000, 'bye');
  const all = await frames(peer, 5);
  assert.deepEqual(
    all.map(({ first }) => first),
    [0x81, 0xc1, 0x81, 0xc1, 0x88],
  );
  assert.equal(inflated(all[1]!.payload), large);
  assert.equal(inflated(all[3]!.payload), large);
  assert.deepEqual(written, ['first undefined', 'large undefined', 'small undefined']);
  peer.socket.write(maskedFrame(0x88, closePayload(4000)));
  const [code] = await once(socket, 'close');
  assert.equal(code, 4000);
});

test('callbacks of messages whose connection goes while they are compressed get an error', async (context) => {
  const { peer, socket } = await open(await run(context, true));
  const errors: unknown[] = [];
  socket.send(words(400_000), (error) => errors.push(error));
  socket.send('behind it', (error) => errors.push(error));
  socket.terminate();
  await once(socket, 'close');
  assert.deepEqual(
    errors.map((error) => error instanceof Error),
    [true, true],
  );
  assert.equal(socket.bufferedAmount, 0);
  peer.destroy();
});

test('RFC 7692 §7.1.2.1: a window that was asked for is kept to, the smallest too', async (context) => {
  for (const windowBits of [8, 9, 10, 12, 15]) {
    for (const takeover of ['', '; server_no_context_takeover']) {
      const offer = `permessage-deflate; server_max_window_bits=${windowBits}${takeover}`;
      const { peer, socket, answer } = await open(await run(context, { threshold: 0 }), offer);
      assert.match(answer, new RegExp(`server_max_window_bits=${windowBits}`));
      const texts = [300, 3_000, 60_000, 300, 70_000].map((bytes, index) => words(bytes + index));
      for (const text of texts) socket.send(text);
      let largest = 0;
      for (const { payload } of await frames(peer, texts.length)) {
        largest = Math.max(largest, largestDistance(Buffer.concat([payload, TAIL])));
      }
      assert.ok(largest <= 2 ** windowBits, `${largest} octets back with ${windowBits} bits`);
      assert.ok(largest > 2 ** windowBits / 4 || windowBits > 12, `${largest} for ${windowBits}`);
      peer.destroy();
    }
  }
});

test('windows of connections stay inside their budget, and are given back', async (context) => {
  const running = await run(context, { maxContextTakeoverBytes: 2 * 65_536 });
  const first = await open(running);
  const second = await open(running);
  const third = await open(running);
  assert.equal(first.answer, 'permessage-deflate');
  assert.equal(second.answer, 'permessage-deflate');
  assert.match(third.answer, /server_no_context_takeover; client_no_context_takeover/);
  first.peer.destroy();
  await once(first.socket, 'close');
  assert.equal((await open(running)).answer, 'permessage-deflate');
});

test('hundreds of connections that compress leave nothing of zlib behind', async (context) => {
  const running = await run(context, { threshold: 0 });
  const message = words(2_000);
  const oneRound = async (): Promise<void> => {
    const clients = Array.from({ length: 50 }, () => new WebSocket(running.url));
    running.server.on('connection', echo);
    await Promise.all(
      clients.map(async (client, index) => {
        await once(client, 'open');
        client.send(message);
        const [data] = await once(client, 'message');
        assert.equal(String(data), message);
        // Some leave while a large message is being compressed or inflated.
        if (index % 2 === 0) {
          client.send(words(100_000));
          client.terminate();
        } else client.close();
        await once(client, 'close');
      }),
    );
    running.server.off('connection', echo);
  };
  for (let round = 0; round < 6; round++) await oneRound();
  while (running.server.clients!.size > 0) await new Promise(setImmediate);
  const left = process.getActiveResourcesInfo().filter((name) => /zlib/i.test(name));
  assert.deepEqual(left, []);
});

function echo(socket: WebSocket): void {
  socket.on('message', (data) => socket.send(data));
}

test('the client offers compression, and fails on an answer that is none to its offer', async (context) => {
  const running = await run(context, false);
  const requested = once(running.server, 'connection');
  const client = new WebSocket(running.url);
  await once(client, 'open');
  const [, request] = await requested;
  const header = request.headers['sec-websocket-extensions'];
  assert.equal(header, 'permessage-deflate; client_max_window_bits');
  client.terminate();
  const silent = new WebSocket(running.url, { perMessageDeflate: false });
  const [, quiet] = await once(running.server, 'connection');
  await once(silent, 'open');
  assert.equal(quiet.headers['sec-websocket-extensions'], undefined);
  silent.terminate();
  for (const answer of [
    'permessage-deflate; server_max_window_bits=16',
    'permessage-deflate; client_max_window_bits',
    'permessage-deflate; x',
    'permessage-deflate, permessage-deflate',
    'permessage-deflate; server_no_context_takeover; server_no_context_takeover',
  ]) {
    const lying = await run(context, false);
    lying.server.on('headers', (lines) => lines.push(`Sec-WebSocket-Extensions: ${answer}`));
    const [error] = (await once(new WebSocket(lying.url), 'error')) as [Error];
    assert.equal(error.message, 'Invalid Sec-WebSocket-Extensions header', answer);
  }
});
