/** Proves the time for a first message, what becomes of a connection whose dialect fails, and what is told of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  DeadlineWheel,
  decodeUtf8,
  encodeUtf8,
  MemoryMetrics,
  SILENT_LOG,
} from '../../foundation/index.js';
import {
  ANONYMOUS,
  SessionEvents,
  SharedMessage,
  type Connection,
  type Handshake,
} from '../../session/index.js';
import { ConnectionPair, VirtualTime } from '../../testing/index.js';
import { DialectSelection, type OfferedDialect } from './dialect-selection.js';

test('[L2] a dialect that fails in an open session ends it as the server does, with its code', async () => {
  const events = new SessionEvents(SILENT_LOG);
  const told: unknown[] = [];
  events.on('disconnect', ({ reason, code, closeCode, sessionId }) =>
    told.push([reason, code, closeCode, sessionId]),
  );
  const closes: unknown[] = [];
  const connection: Connection = {
    connectionId: 'c',
    transport: 'websocket',
    handshake: {
      path: '/ws',
      query: new Map(),
      headers: new Map(),
      subprotocol: undefined,
      peer: { address: '127.0.0.1', port: 0, isSecure: false, share: undefined },
    },
    bufferedBytes: 0,
    isOpen: true,
    send: () => {},
    sendBatch: () => {},
    pauseInput: () => {},
    resumeInput: () => {},
    close: (closeCode, reason) => closes.push([closeCode, reason]),
    destroy: () => {},
  };
  const session = { sessionId: 's', principal: ANONYMOUS, connection };
  const dialect: OfferedDialect = {
    name: 'failing',
    subprotocols: [],
    isFirstMessage: () => true,
    accept: () => ({
      textReceived(text) {
        if (text !== 'open') throw new Error('a defect');
        events.opened(session);
      },
      binaryReceived: () => {},
      writable: () => {},
      closed: (closeCode) => events.ended(session, closeCode),
    }),
  };
  const selection = new DialectSelection(
    {
      dialects: [dialect],
      deadlines: new DeadlineWheel(new VirtualTime(), 250),
      connectTimeoutMs: 1_000,
      metrics: new MemoryMetrics(),
      log: SILENT_LOG,
      events,
    },
    connection,
  );
  selection.textReceived('open');
  selection.textReceived('fail');
  assert.deepEqual(closes, [[4004, 'server/internal-error']]);
  selection.closed(4004, '');
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(told, [['disconnected', 'server/internal-error', 4004, 's']]);
});

const peer = { address: '127.0.0.1', port: 0, isSecure: false, share: undefined };

/** A dialect that notes what it is given, and greets where it speaks first. */
function noted(name: string, rest: Partial<OfferedDialect> = {}, greeting?: string) {
  const heard: string[] = [];
  const dialect: OfferedDialect = {
    name,
    subprotocols: [],
    ...rest,
    accept(connection) {
      heard.push('accepted');
      if (greeting !== undefined) {
        connection.send(new SharedMessage(encodeUtf8(greeting), false));
      }
      return {
        textReceived: (text) => heard.push(text),
        binaryReceived: () => heard.push('octets'),
        writable() {},
        closed() {},
      };
    },
  };
  return { dialect, heard };
}

function selectionRig(dialects: readonly OfferedDialect[]) {
  const time = new VirtualTime();
  const environment = {
    dialects,
    deadlines: new DeadlineWheel(time, 250),
    connectTimeoutMs: 1_000,
    metrics: new MemoryMetrics(),
    log: SILENT_LOG,
  };
  const come = (handshake: Partial<Handshake> = {}): ConnectionPair =>
    new ConnectionPair(time, (connection) => new DialectSelection(environment, connection), {
      handshake: { peer, ...handshake },
    });
  return { time, come };
}

test('a dialect that its path and query name is there at once, and may speak first', () => {
  const speaker = noted(
    'speaker',
    { claims: ({ path, query }) => path === '/engine' && query.get('EIO') === '4' },
    'open',
  );
  const other = noted('other', { isFirstMessage: () => true });
  const { come, time } = selectionRig([other.dialect, speaker.dialect]);
  const engine = come({ path: '/engine', query: new Map([['EIO', '4']]) });
  const said = engine.take().map(({ octets }) => decodeUtf8(octets));
  assert.deepEqual([said, speaker.heard], [['open'], ['accepted']]);
  engine.sendText('2');
  assert.deepEqual(speaker.heard, ['accepted', '2']);
  // It has no deadline here, and nobody else is asked.
  time.advance(60_000);
  assert.deepEqual([engine.ended, other.heard], [undefined, []]);
  come({ path: '/engine' }).sendText('hello');
  assert.deepEqual(other.heard, ['accepted', 'hello']);
});

test('a dialect that never begins with its client is given no first message', () => {
  const speaker = noted('speaker', { claims: () => false });
  const pair = selectionRig([speaker.dialect]).come();
  pair.sendText('hello');
  assert.deepEqual([pair.ended?.closeCode, speaker.heard], [4503, []]);
});

test('what says nothing yet in one language is of another that knows it, or waits', () => {
  const lines = noted('lines', {
    isFirstMessage: (message) => (message === '\n' ? undefined : message === 'C'),
  });
  const newlines = noted('newlines', { isFirstMessage: (message) => message === '\n' });
  const waiting = selectionRig([lines.dialect]).come();
  waiting.sendText('\n');
  assert.deepEqual(lines.heard, []);
  waiting.sendText('C');
  assert.deepEqual(lines.heard, ['accepted', 'C']);
  selectionRig([lines.dialect, newlines.dialect]).come().sendText('\n');
  assert.deepEqual(newlines.heard, ['accepted', '\n']);
});

test('[E2] who says nothing in time is ended; who has spoken, or gone, has no deadline here any more', () => {
  const dialect: OfferedDialect = {
    name: 'any',
    subprotocols: [],
    isFirstMessage: (message) => message !== '\n' || undefined,
    accept: () => ({ textReceived() {}, binaryReceived() {}, writable() {}, closed() {} }),
  };
  const time = new VirtualTime();
  const metrics = new MemoryMetrics();
  const deadlines = new DeadlineWheel(time, 250);
  const environment = { dialects: [dialect], deadlines, connectTimeoutMs: 1_000, metrics };
  const come = (): ConnectionPair =>
    new ConnectionPair(
      time,
      (connection) => new DialectSelection({ ...environment, log: SILENT_LOG }, connection),
    );
  const [silent, speaking, gone] = [come(), come(), come()];
  silent.sendText('\n');
  speaking.sendText('hello');
  gone.cut();
  time.advance(60_000);
  assert.deepEqual(
    [silent, speaking, gone].map(({ ended }) => ended?.closeCode),
    [4005, undefined, 1006],
  );
  const counted = metrics.value('connections_disconnected', { code: 'session/connect-timeout' });
  assert.deepEqual([counted, time.pendingTimerCount], [1, 0]);
});
