/** Owns the attacks by one STOMP message full of frames, one for each command and each mount. */
import { text } from '../../raw-connection.js';
import {
  ANSWER_WITHIN_MS,
  filled,
  FULL_MESSAGE_BYTES,
  stompSettled,
  type Attack,
} from './attack.js';

/** One message of 1.1 MB that holds nothing but these frames. */
function fullOf(
  name: string,
  what: string,
  frame: (index: number, mark: string) => string,
): Attack {
  return {
    name: `stomp-${name}`,
    what: `one STOMP message of 1.1 MB: ${what}`,
    go: async (ground, size) => {
      const connection = await ground.stomp();
      const payload = filled(FULL_MESSAGE_BYTES * size, (index) => frame(index, ground.mark));
      await stompSettled(connection, text(payload));
    },
  };
}

const send = (destination: string, fields = ''): string =>
  `SEND\ndestination:${destination}\n${fields}\n\0`;
const HUNDRED_HEADERS = Array.from({ length: 100 }, (_, index) => `x${index}:y\n`).join('');
const PACED_FRAME_COUNT = 200;
const OWN_SUBSCRIPTION_COUNT = 1_000;
const OWN_SENDS_BYTES = 50_000;

/** 42,000 frames stay within every limit when their sender waits for each 200. */
function paced(name: string, destination: string): Attack {
  return {
    name: `stomp-paced-${name}`,
    what: `20,000 SENDs to ${destination}, 200 in each message, each message when the last is done`,
    go: async (ground, size) => {
      const connection = await ground.stomp();
      const octets = text(send(destination).repeat(PACED_FRAME_COUNT));
      const count = Math.round(100 * size);
      for (let index = 0; index < count && !connection.isClosed; index++) {
        await stompSettled(connection, octets);
      }
    },
  };
}

export const STOMP_ATTACKS: readonly Attack[] = [
  fullOf('send-app', '42,000 SENDs to /app', () => send('/app/echo')),
  fullOf('send-app-fails', 'SENDs to a handler that throws', () => send('/app/fail')),
  fullOf('send-topic', 'SENDs to a topic', (_, mark) => send(`/topic/${mark}`)),
  fullOf('send-topics', 'each SEND to another topic', (index, mark) =>
    send(`/topic/${mark}/${index}`),
  ),
  fullOf('send-user', 'SENDs to a user', () => send('/user/ada/queue/x')),
  fullOf('send-work', 'SENDs to a work queue', (_, mark) => send(`/work/${mark}`)),
  fullOf('send-receipt', 'SENDs with receipts', (index, mark) =>
    send(`/topic/${mark}`, `receipt:${index}\n`),
  ),
  fullOf('subscribe', 'SUBSCRIBE and UNSUBSCRIBE in pairs', (index, mark) =>
    index % 2 === 0
      ? `SUBSCRIBE\nid:a\ndestination:/topic/${mark}\n\n\0`
      : 'UNSUBSCRIBE\nid:a\n\n\0',
  ),
  fullOf('subscribe-pattern', 'the same with a pattern', (index, mark) =>
    index % 2 === 0
      ? `SUBSCRIBE\nid:a\ndestination:/topic/${mark}/**\n\n\0`
      : 'UNSUBSCRIBE\nid:a\n\n\0',
  ),
  fullOf('unsubscribe', 'UNSUBSCRIBEs of nothing', () => 'UNSUBSCRIBE\nid:a\n\n\0'),
  fullOf('ack', 'ACKs of nothing', () => 'ACK\nid:a\n\n\0'),
  fullOf('nack', 'NACKs of nothing', () => 'NACK\nid:a\n\n\0'),
  fullOf(
    'commit',
    'BEGIN and COMMIT in pairs',
    (index) => `${index % 2 === 0 ? 'BEGIN' : 'COMMIT'}\ntransaction:t\n\n\0`,
  ),
  fullOf(
    'abort',
    'BEGIN and ABORT in pairs',
    (index) => `${index % 2 === 0 ? 'BEGIN' : 'ABORT'}\ntransaction:t\n\n\0`,
  ),
  fullOf('transaction', 'transactions of 500 SENDs each', (index, mark) => {
    const at = index % 502;
    if (at === 0) return 'BEGIN\ntransaction:t\n\n\0';
    return at === 501 ? 'COMMIT\ntransaction:t\n\n\0' : send(`/topic/${mark}`, 'transaction:t\n');
  }),
  fullOf('headers', 'frames of 100 unknown headers', (_, mark) =>
    send(`/topic/${mark}`, HUNDRED_HEADERS),
  ),
  fullOf('line-ends', 'heartbeats', () => '\n'),
  {
    name: 'stomp-fatal',
    what: 'one STOMP message of 1.1 MB each: CONNECT, STOMP, COMMIT of nothing, DISCONNECT, MESSAGE, no command',
    go: async (ground, size) => {
      const wrong = [
        'CONNECT\naccept-version:1.2\nhost:a\n\n\0',
        'STOMP\naccept-version:1.2\nhost:a\n\n\0',
        'COMMIT\ntransaction:none\n\n\0',
        'DISCONNECT\nreceipt:a\n\n\0',
        'MESSAGE\n\n\0',
        'NOTHING\n\n\0',
      ];
      for (const frame of wrong) {
        const connection = await ground.stomp();
        const payload = filled(FULL_MESSAGE_BYTES * size, () => frame);
        await stompSettled(connection, text(payload));
      }
    },
  },
  paced('app', '/app/echo'),
  paced('later', '/app/later'),
  paced('topic', '/topic/paced'),
  {
    name: 'stomp-own-subscriptions',
    what: '50 kB of SENDs to a topic with 1,000 subscriptions of the sender',
    go: async (ground, size) => {
      const connection = await ground.stomp();
      const destination = `/topic/own/${ground.mark}`;
      const subscribes = Array.from(
        { length: OWN_SUBSCRIPTION_COUNT },
        (_, index) => `SUBSCRIBE\nid:${index}\ndestination:${destination}\n\n\0`,
      );
      await stompSettled(connection, text(subscribes.join('')));
      const sends = filled(OWN_SENDS_BYTES * size, () => send(destination));
      const last = `SEND\ndestination:${destination}\n\nthe last\0`;
      const delivered = connection.until('the last', ANSWER_WITHIN_MS, OWN_SUBSCRIPTION_COUNT);
      void connection.write(text(sends + last));
      await delivered;
    },
  },
];
