/** Owns the attacks by native frames, small ones in chunks of 64 KiB, and by bodies that are dear to parse. */
import { clientFrame, text, type RawConnection } from '../../raw-connection.js';
import { messages, nativeSettled, stompSettled, type Attack } from './attack.js';

const FULL_BYTES = 1_048_576;

/** 1 MiB of small WebSocket messages, in chunks of 64 KiB. */
function chunksOf(
  name: string,
  what: string,
  message: (index: number, mark: string) => string,
): Attack {
  return {
    name: `native-${name}`,
    what: `1 MiB of small native frames: ${what}`,
    go: async (ground, size) => {
      const connection = await ground.native();
      const octets = messages(FULL_BYTES * size, (index) => message(index, ground.mark));
      await nativeSettled(connection, octets);
    },
  };
}

/** Octets of the engine's own frames, in chunks of 64 KiB. */
function rawFrames(name: string, what: string, frame: Buffer, first: Buffer, last: Buffer): Attack {
  return {
    name: `frames-${name}`,
    what,
    go: async (ground, size) => {
      const connection = await ground.native();
      const count = Math.floor((FULL_BYTES * size) / 8);
      const body = Buffer.concat(Array.from({ length: count }, () => frame));
      await nativeSettled(connection, Buffer.concat([first, body, last]));
    },
  };
}

const BODY_BYTES = 1_048_000;

/** Five messages whose bodies have as many values as octets allow. */
function bodies(
  name: string,
  what: string,
  member: (index: number) => string,
  ends: string,
): Attack {
  return {
    name: `json-${name}`,
    what: `bodies of 1 MiB, five to a topic and five to a handler in each dialect: ${what}`,
    go: async (ground, size) => {
      const body = listOf(member, ends, BODY_BYTES * size);
      const native = await ground.native();
      for (const destination of [`/topic/${ground.mark}`, '/app/nothing']) {
        const octets = text(`{"type":"send","destination":"${destination}","body":${body}}`);
        await fiveTimes(native, octets, nativeSettled);
      }
      const stomp = await ground.stomp();
      const type = 'content-type:application/json\n';
      for (const destination of [`/topic/${ground.mark}`, '/app/nothing']) {
        const octets = text(`SEND\ndestination:${destination}\n${type}\n${body}\0`);
        await fiveTimes(stomp, octets, stompSettled);
      }
    },
  };
}

async function fiveTimes(
  connection: RawConnection,
  octets: Buffer,
  settled: (connection: RawConnection, octets: Buffer) => Promise<void>,
): Promise<void> {
  for (let count = 0; count < 5 && !connection.isClosed; count++) await settled(connection, octets);
}

export function listOf(member: (index: number) => string, ends: string, maxBytes: number): string {
  const members: string[] = [];
  let bytes = 2;
  for (let index = 0; bytes < maxBytes; index++) {
    const one = member(index);
    members.push(one);
    bytes += one.length + 1;
  }
  return `${ends[0]}${members.join(',')}${ends[1]}`;
}

export const NATIVE_ATTACKS: readonly Attack[] = [
  chunksOf('send', 'send', (_, mark) => `{"type":"send","destination":"/topic/${mark}"}`),
  chunksOf(
    'send-receipt',
    'send with an id',
    (index, mark) => `{"type":"send","id":${index},"destination":"/topic/${mark}"}`,
  ),
  chunksOf('send-app', 'send to a handler', () => '{"type":"send","destination":"/app/echo"}'),
  chunksOf(
    'send-app-fails',
    'send to a handler that throws',
    () => '{"type":"send","destination":"/app/fail"}',
  ),
  chunksOf(
    'send-work',
    'send to a work queue',
    (_, mark) => `{"type":"send","destination":"/work/${mark}"}`,
  ),
  chunksOf(
    'send-user',
    'send to a user',
    () => '{"type":"send","destination":"/user/ada/queue/x"}',
  ),
  chunksOf(
    'request',
    'request',
    (index) => `{"type":"request","id":${index},"destination":"/app/echo"}`,
  ),
  chunksOf('cancel', 'request and cancel in pairs', (index) =>
    index % 2 === 0
      ? `{"type":"request","id":${index},"destination":"/app/later"}`
      : `{"type":"cancel","id":${index - 1}}`,
  ),
  chunksOf(
    'subscribe',
    'subscribe and unsubscribe in pairs',
    (index, mark) =>
      `{"type":"${index % 2 === 0 ? 'subscribe' : 'unsubscribe'}","destination":"/topic/${mark}"}`,
  ),
  chunksOf(
    'acknowledge',
    'acknowledge of nothing',
    () => '{"type":"acknowledge","destination":"/topic/a","epoch":"a","offset":1}',
  ),
  chunksOf(
    'reject',
    'reject of nothing',
    () => '{"type":"reject","destination":"/topic/a","epoch":"a","offset":1}',
  ),
  chunksOf('authenticate', 'authenticate', () => '{"type":"authenticate","token":"a"}'),
  chunksOf('heartbeat', 'heartbeat', () => '{"type":"heartbeat"}'),
  chunksOf('ack', 'ack', () => '{"type":"ack","received":1}'),
  chunksOf('connect', 'connect once more', () => '{"type":"connect"}'),
  chunksOf('unknown', 'an unknown type', () => '{"type":"a"}'),
  chunksOf('garbage', 'no JSON', () => 'x'),
  rawFrames(
    'fragments',
    '1 MiB in fragments of one octet, of one message',
    clientFrame(0x00, 'x'),
    clientFrame(0x01, '{"type":"heartbeat","a":"'),
    clientFrame(0x80, '"}'),
  ),
  rawFrames(
    'empty',
    '131,000 empty fragments of one message',
    clientFrame(0x00),
    clientFrame(0x01, '{"type":"heartbeat"'),
    clientFrame(0x80, '}'),
  ),
  {
    name: 'native-handler-sends',
    what: '2,000 sends to a handler that sends 100 messages itself',
    go: async (ground, size) => {
      const connection = await ground.native();
      const octets = messages(100_000 * size, () => '{"type":"send","destination":"/app/sends"}');
      await nativeSettled(connection, octets);
    },
  },
  {
    name: 'fragments-crowd',
    what: '20 connections, each with 131,000 fragments of one octet, and 190 Pings among them',
    go: async (ground, size) => {
      const fragments = Array.from({ length: 690 }, () => clientFrame(0x00, 'x'));
      const part = Buffer.concat([...fragments, clientFrame(0x89, 'y'.repeat(125))]);
      const parts = Array.from({ length: 190 * size }, () => part);
      const first = clientFrame(0x01, '{"type":"heartbeat","a":"');
      const octets = Buffer.concat([first, ...parts, clientFrame(0x80, '"}')]);
      const crowd = await ground.many(20, () => ground.native());
      await Promise.all(crowd.map((connection) => nativeSettled(connection, octets)));
    },
  },
  {
    name: 'native-unknown-crowd',
    what: '50 connections with 256 KiB of unknown frames each, at once',
    go: async (ground, size) => {
      const octets = messages(262_144 * size, () => '{"type":"a"}');
      const connections = await ground.many(50, () => ground.native());
      await Promise.all(connections.map((connection) => nativeSettled(connection, octets)));
    },
  },
  bodies('lists', '[],[],…', () => '[]', '[]'),
  bodies('members', 'small members', (index) => `"${index.toString(36)}":0`, '{}'),
];
