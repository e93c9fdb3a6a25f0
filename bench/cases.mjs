// What is measured and what has to come out: the gates, as ratios of server CPU time.
const KIB = 1024;

/** The peers of an echo of one size. `connectionCount` connections keep `inFlight` messages each on their way. */
function echo(id, title, shape, peers, gates) {
  return { id, title, kind: 'echo', unit: 'message', ours: 'tideway', peers, gates, ...shape };
}

function fanOut(id, title, shape, peers, gates) {
  const ours = { kind: 'fan-out', unit: 'delivery', ours: 'tideway', subscriberCount: 1000 };
  return { id, title, ...ours, peers, gates, ...shape };
}

export const cases = [
  echo(
    'echo-64',
    'echo 64 B, one in flight, 64 connections',
    { payloadBytes: 64, connectionCount: 64, inFlight: 1 },
    ['tideway', 'ws', 'bun', 'uws', 'floor'],
    [
      { against: 'ws', most: 1 / 1.5 },
      { against: 'floor', most: 1.15 },
    ],
  ),
  echo(
    'echo-1k',
    'echo 1 KiB, one in flight, 64 connections',
    { payloadBytes: KIB, connectionCount: 64, inFlight: 1 },
    ['tideway', 'ws', 'bun', 'uws', 'floor'],
    [
      { against: 'ws', most: 1 / 1.4 },
      { against: 'floor', most: 1.15 },
    ],
  ),
  echo(
    'echo-64-deep',
    'echo 64 B, 32 in flight, 64 connections',
    { payloadBytes: 64, connectionCount: 64, inFlight: 32 },
    ['tideway', 'ws', 'bun', 'uws'],
    [
      { against: 'ws', most: 1 / 10 },
      { against: 'bun', most: 1 },
    ],
  ),
  echo(
    'echo-16k',
    'echo 16 KiB, one in flight, 8 connections',
    { payloadBytes: 16 * KIB, connectionCount: 8, inFlight: 1 },
    ['tideway', 'ws', 'ws-bufferutil', 'bun', 'uws'],
    [
      { against: 'ws', most: 1 / 1.5 },
      { against: 'ws-bufferutil', most: 1 / 1.5 },
      { against: 'uws', most: 2 },
    ],
  ),
  echo(
    'echo-64k',
    'echo 64 KiB, one in flight, 8 connections',
    { payloadBytes: 64 * KIB, connectionCount: 8, inFlight: 1 },
    ['tideway', 'ws', 'ws-bufferutil', 'bun', 'uws'],
    [
      { against: 'ws', most: 1 / 1.8 },
      { against: 'ws-bufferutil', most: 1 / 1.8 },
      { against: 'uws', most: 2 },
    ],
  ),
  fanOut(
    'fan-out-64',
    'fan-out 64 B to 1,000, one publication a loop turn',
    { payloadBytes: 64, atOnce: 1 },
    ['tideway', 'ws', 'bun', 'uws', 'floor-fan-out'],
    [
      { against: 'ws', most: 1 / 1.2 },
      { against: 'floor-fan-out', most: 1.1 },
    ],
  ),
  fanOut(
    'fan-out-64-ten',
    'fan-out 64 B to 1,000, ten publications a loop turn',
    { payloadBytes: 64, atOnce: 10 },
    ['tideway', 'ws', 'bun', 'uws', 'floor-fan-out'],
    [
      { against: 'ws', most: 1 / 10 },
      { against: 'bun', most: 1.1 },
    ],
  ),
  fanOut(
    'fan-out-deflate',
    'fan-out of compressed 1 KiB JSON to 1,000',
    { payloadBytes: KIB, atOnce: 1, isCompressed: true },
    ['tideway', 'ws', 'bun', 'uws'],
    [{ against: 'ws', most: 1 / 20 }],
  ),
  fanOut(
    'fan-out-deflate-ten',
    'fan-out of compressed 1 KiB JSON to 1,000, ten publications a loop turn',
    { payloadBytes: KIB, atOnce: 10, isCompressed: true },
    ['tideway', 'ws', 'bun', 'uws'],
    [{ against: 'ws', most: 1 / 20 }],
  ),
  {
    id: 'memory',
    title: 'memory per idle connection, after a forced collection',
    kind: 'memory',
    unit: 'connection',
    ours: 'tideway',
    connectionCount: 10_000,
    peers: ['tideway', 'ws', 'bun', 'uws', 'net-socket'],
    gates: [
      { against: 'ws', most: 0.7 },
      { against: 'net-socket', mostMore: 1536 },
    ],
  },
  // The broker comes first: the others get messages as long as its deliveries are.
  fanOut(
    'broker',
    'broker fan-out to 1,000, one publication a loop turn',
    { ours: 'broker', payloadBytes: 64, atOnce: 1 },
    ['broker', 'tideway', 'socket-io'],
    [{ against: 'tideway', most: 1.25 }],
  ),
  fanOut(
    'broker-ten',
    'broker fan-out to 1,000, ten publications a loop turn',
    { ours: 'broker', payloadBytes: 64, atOnce: 10 },
    ['broker', 'tideway', 'socket-io'],
    [
      { against: 'tideway', most: 1.25 },
      { against: 'socket-io', most: 1 / 10 },
    ],
  ),
  fanOut(
    'stomp',
    'STOMP fan-out 64 B to 1,000, one publication a loop turn',
    { ours: 'stomp', payloadBytes: 64, atOnce: 1 },
    ['stomp', 'rabbitmq'],
    [{ against: 'rabbitmq', most: 1 / 5 }],
  ),
  fanOut(
    'stomp-ten',
    'STOMP fan-out 64 B to 1,000, ten publications a loop turn',
    { ours: 'stomp', payloadBytes: 64, atOnce: 10 },
    ['stomp', 'rabbitmq'],
    [{ against: 'rabbitmq', most: 1 / 5 }],
  ),
];
