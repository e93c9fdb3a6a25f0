/** Owns the attacks by crowds: many connections, many subscriptions, and all at once. */
import type { Ground } from '../../ground.js';
import { text, upgradeRequest, type RawConnection } from '../../raw-connection.js';
import { ANSWER_WITHIN_MS, messages, nativeSettled, stompSettled, type Attack } from './attack.js';

const subscribe = (id: number | string, destination: string): string =>
  `SUBSCRIBE\nid:${id}\ndestination:${destination}\n\n\0`;
const send = (destination: string): string => `SEND\ndestination:${destination}\n\n\0`;

/** A connection with so many subscriptions of its own. */
async function subscriber(
  ground: Ground,
  count: number,
  name: (index: number) => string,
): Promise<RawConnection> {
  const connection = await ground.stomp();
  const frames = Array.from({ length: count }, (_, index) => subscribe(index, name(index)));
  await stompSettled(connection, text(frames.join('')));
  return connection;
}

/** Every pattern of up to three `*` and of `**` that holds a destination of so many segments below `/topic`. */
function overlapping(segments: readonly string[]): readonly string[] {
  const patterns: string[] = [];
  for (let length = 0; length <= segments.length; length++) {
    for (let stars = 0; stars < 2 ** length; stars++) {
      const names = segments.slice(0, length).map((name, at) => (stars & (1 << at) ? '*' : name));
      if (names.filter((name) => name === '*').length > 3) continue;
      patterns.push(['/topic', ...names, ...(length < segments.length ? ['**'] : [])].join('/'));
    }
  }
  return patterns;
}

/** Patterns with three `*` at any of so many places, literals at the others, and a last segment that nothing has. */
function patternsOfThree(count: number): readonly string[] {
  const patterns: string[] = [];
  for (let first = 0; first < count; first++) {
    for (let second = 0; second < first; second++) {
      for (let third = 0; third < second; third++) {
        const stars = new Set([first, second, third]);
        const names = Array.from({ length: count }, (_, at) => (stars.has(at) ? '*' : 'a'));
        patterns.push(`/topic/${names.join('/')}/none`);
      }
    }
  }
  return patterns;
}

const CROWD = 2_000;
const RECOVERED_COUNT = 100;

/** Publishes what a crowd then recovers; answers the cursor before it. */
async function history(ground: Ground, destination: string): Promise<string> {
  const publisher = await ground.native();
  let epoch = '';
  publisher.onChunk = (chunk) => {
    epoch = /"epoch":"([^"]+)"/.exec(chunk.toString('latin1'))?.[1] ?? epoch;
  };
  const body = '.'.repeat(100);
  const octets = Array.from({ length: RECOVERED_COUNT + 1 }, (_, index) =>
    text(`{"type":"send","id":${index + 1},"destination":"${destination}","body":"${body}"}`),
  );
  await nativeSettled(publisher, Buffer.concat(octets));
  return `${epoch}:1`;
}

async function comeBack(ground: Ground, size: number): Promise<void> {
  const destination = `/topic/history/${ground.mark}`;
  const cursor = await history(ground, destination);
  const crowd = await ground.many(CROWD * size, () => ground.native());
  const subscribes = text(
    `{"type":"subscribe","id":1,"destination":"${destination}","cursor":"${cursor}"}`,
  );
  const last = `"offset":${RECOVERED_COUNT + 1}`;
  const recovered = crowd.map((connection) => connection.until(last, 20_000));
  for (const connection of crowd) void connection.write(subscribes);
  await Promise.all(recovered);
}

/** Opens with the whole of a crowd at once: handshakes and first messages. */
async function connects(ground: Ground, size: number): Promise<void> {
  const request = Buffer.concat([
    Buffer.from(upgradeRequest({ subprotocol: 'tideway.v1' })),
    text('{"type":"connect"}'),
  ]);
  const crowd = Array.from({ length: CROWD * size }, () => ground.bare());
  const connected = crowd.map((connection) => connection.until('"connected"', 20_000));
  for (const connection of crowd) void connection.write(request);
  await Promise.all(connected);
}

/** All of them read ten topics and are gone in the same moment. */
async function disconnects(ground: Ground, size: number): Promise<void> {
  const frames = Array.from({ length: 10 }, (_, index) =>
    text(`{"type":"subscribe","destination":"/topic/crowd/${index}"}`),
  );
  const octets = Buffer.concat(frames);
  await ground.many(CROWD * size, async () => {
    const connection = await ground.native();
    await nativeSettled(connection, octets);
    return connection;
  });
  ground.closeAll();
}

export const CROWD_ATTACKS: readonly Attack[] = [
  {
    name: 'fan-out',
    what: 'one SEND to 100 connections × 1,000 subscriptions of one topic',
    isScaled: false,
    go: async (ground) => {
      const destination = `/topic/${ground.mark}`;
      const crowd = await ground.many(100, () => subscriber(ground, 1_000, () => destination));
      const delivered = crowd.map((one) => one.until('the last', ANSWER_WITHIN_MS, 1_000));
      void crowd[0]?.write(text(`SEND\ndestination:${destination}\n\nthe last\0`));
      await Promise.all(delivered);
    },
  },
  {
    name: 'overlapping-patterns',
    what: '200 SENDs, each held by 250 patterns of each of 4 connections',
    go: async (ground, size) => {
      const segments = [ground.mark, 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
      const patterns = overlapping(segments).slice(0, 250);
      const crowd = await ground.many(4, () =>
        subscriber(ground, patterns.length, (index) => patterns[index] ?? ''),
      );
      const destination = `/topic/${segments.join('/')}`;
      const last = `SEND\ndestination:${destination}\n\nthe last\0`;
      const delivered = crowd.map((one) =>
        one.until('the last', ANSWER_WITHIN_MS, patterns.length),
      );
      void crowd[0]?.write(text(send(destination).repeat(200 * size) + last));
      await Promise.all(delivered);
    },
  },
  {
    name: 'patterns-of-nothing',
    what: '10,000 patterns of 10 connections that hold nothing; 2,000 SENDs',
    go: async (ground, size) => {
      const crowd = await ground.many(10, (one) =>
        subscriber(ground, 1_000, (index) => `/topic/${ground.mark}-${one}/${index}/*`),
      );
      await stompSettled(crowd[0]!, text(send('/topic/somewhere').repeat(2_000 * size)));
    },
  },
  {
    name: 'ways-through-patterns',
    what: '3,200 patterns of 4 connections with three `*` among 28 segments; 300 SENDs to new topics that all but match each',
    isScaled: false,
    go: async (ground) => {
      const patterns = patternsOfThree(28).slice(0, 3_200);
      const crowd = await ground.many(4, (one) =>
        subscriber(ground, patterns.length / 4, (index) => patterns[4 * index + one] ?? ''),
      );
      const sends = Array.from({ length: 300 }, (_, index) =>
        send(`/topic${'/a'.repeat(28)}/${index}`),
      );
      await stompSettled(crowd[0]!, text(sends.join('')));
    },
  },
  {
    name: 'streams-and-patterns',
    what: '4,000 streams × 1,000 patterns of one connection that does not read',
    go: async (ground, size) => {
      const reader = await subscriber(ground, 1_000, () => `/topic/${ground.mark}/*`);
      reader.socket.pause();
      const publisher = await ground.stomp();
      const frames = Array.from({ length: 4_000 * size }, (_, index) =>
        send(`/topic/${ground.mark}/${index}`),
      );
      await stompSettled(publisher, text(frames.join('')));
    },
  },
  {
    name: 'come-back',
    what: '2,000 clients come back at once, each with 100 messages to recover',
    go: comeBack,
  },
  { name: 'connects', what: '2,000 clients connect at once', go: connects },
  {
    name: 'disconnects',
    what: '2,000 sessions of 10 subscriptions are gone at once',
    go: disconnects,
  },
  {
    name: 'new-topics',
    what: '99,000 subscribes to topics that nobody knows, with unsubscribes',
    go: async (ground, size) => {
      const connection = await ground.native();
      const octets = messages(99_000 * 2 * 78 * size, (index) => {
        const type = index % 2 === 0 ? 'subscribe' : 'unsubscribe';
        return `{"type":"${type}","destination":"/topic/${ground.mark}/${Math.floor(index / 2)}"}`;
      });
      await nativeSettled(connection, octets);
    },
  },
  {
    name: 'held-topics',
    what: '40 connections with 1,000 subscriptions each, every one to a topic that nobody knows',
    go: (ground, size) =>
      ground.many(40 * size, (one) =>
        subscriber(ground, 1_000, (index) => `/topic/${ground.mark}/${one}/${index}`),
      ),
  },
  {
    name: 'http-requests',
    what: '1 MiB of pipelined requests: /health, and publishing without a key',
    go: async (ground, size) => {
      const count = Math.round((1_048_576 * size) / 120);
      const requests = 'GET /health HTTP/1.1\r\nHost: a\r\n\r\n'
        .concat('POST /api/publish HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}')
        .repeat(count);
      const connection = ground.bare();
      const answered = connection.until('/ended', 20_000);
      void connection.write(Buffer.from(requests));
      void connection.write(
        Buffer.from('GET /ended HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'),
      );
      await answered;
    },
  },
];
