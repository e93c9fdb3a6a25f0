// The load of a case for one peer: the same messages, in the words that the peer understands.
const NATIVE = { 'Sec-WebSocket-Protocol': 'tideway.v1' };
const DEFLATE = {
  // Without context takeover a message can be compressed once for all; whoever cannot, does it for each.
  'Sec-WebSocket-Extensions':
    'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
};

/** `payloadBytes` may differ from the case's, so that another peer's deliveries are matched. */
export function loadOf(case_, peer, port, timing, payloadBytes = case_.payloadBytes) {
  const target = (path, headers = {}) => ({
    url: `ws://127.0.0.1:${port}${path}`,
    headers,
    isRaw: peer.startsWith('floor') || peer === 'net-socket',
  });
  if (case_.kind === 'memory') {
    const { connectionCount } = timing;
    return { mode: 'idle', target: target('/sub'), connectionCount, ...timing };
  }
  if (case_.kind === 'echo') {
    const { connectionCount, inFlight } = case_;
    // Text and binary are the same work and both are done: half of the connections each.
    const what = { connectionCount, inFlight, payloadBytes, payloadKind: 'mixed' };
    return { mode: 'echo', target: target('/'), ...what, ...timing };
  }
  const { subscriberCount, atOnce, isCompressed = false } = case_;
  const fanOut = { mode: 'fan-out', subscriberCount, atOnce, ...timing };
  const text = isCompressed ? json(payloadBytes) : 'x'.repeat(payloadBytes);
  if (peer === 'broker') return { ...fanOut, ...broker(target, text) };
  if (peer === 'stomp' || peer === 'rabbitmq') return { ...fanOut, ...stomp(target, text) };
  if (peer === 'socket-io') return { ...fanOut, ...socketIo(target, text) };
  return {
    ...fanOut,
    subscribers: { target: target('/sub', isCompressed ? DEFLATE : {}), steps: [] },
    publisher: { target: target('/pub'), steps: [] },
    publication: text,
  };
}

function broker(target, text) {
  const destination = '/topic/rooms/one';
  const connect = [{ send: JSON.stringify({ type: 'connect' }) }, { expect: '"type":"connected"' }];
  const subscribe = [
    { send: JSON.stringify({ type: 'subscribe', destination }) },
    { expect: '"type":"subscribed"' },
  ];
  return {
    subscribers: { target: target('/ws', NATIVE), steps: [...connect, ...subscribe] },
    publisher: { target: target('/ws', NATIVE), steps: connect },
    publication: JSON.stringify({ type: 'send', destination, body: text }),
  };
}

/** The same frames for whoever speaks STOMP 1.2; a message of a subscriber's is one MESSAGE frame with either. */
function stomp(target, text) {
  const frame = (command, headers, body = '') => {
    const lines = Object.entries(headers).map(([name, value]) => `${name}:${value}\n`);
    return `${command}\n${lines.join('')}\n${body}\0`;
  };
  const destination = '/topic/rooms.one';
  const login = { login: 'guest', passcode: 'guest' };
  const connect = [
    {
      send: frame('CONNECT', { 'accept-version': '1.2', host: '/', 'heart-beat': '0,0', ...login }),
    },
    { expect: 'CONNECTED\n' },
  ];
  const subscribe = [
    { send: frame('SUBSCRIBE', { id: 'sub-0', destination, ack: 'auto', receipt: 'subscribed' }) },
    { expect: 'receipt-id:subscribed' },
  ];
  const headers = { 'Sec-WebSocket-Protocol': 'v12.stomp' };
  const send = { destination, 'content-type': 'text/plain', 'content-length': text.length };
  return {
    subscribers: { target: target('/ws', headers), steps: [...connect, ...subscribe] },
    publisher: { target: target('/ws', headers), steps: connect },
    publication: frame('SEND', send, text),
  };
}

/** Engine.IO 4 and Socket.IO 5 by hand: open, connect, then event packets. */
function socketIo(target, text) {
  const steps = [{ expect: '0{"sid"' }, { send: '40' }, { expect: '40{"sid"' }];
  const path = '/socket.io/?EIO=4&transport=websocket&role=';
  return {
    subscribers: { target: target(`${path}subscriber`), steps },
    publisher: { target: target(`${path}publisher`), steps },
    publication: `42${JSON.stringify(['publish', text])}`,
  };
}

/** JSON as feeds have it, of exactly so many octets. */
function json(byteLength) {
  const entries = [];
  for (let index = 0; ; index++) {
    const price = 100 + ((index * 7919) % 1000) / 10;
    const next = {
      symbol: `SYM${index}`,
      price,
      volume: (index * 104_729) % 10_000,
      up: index % 3 > 0,
    };
    if (JSON.stringify([...entries, next, '']).length > byteLength) break;
    entries.push(next);
  }
  const rest = byteLength - JSON.stringify([...entries, '']).length;
  return JSON.stringify([...entries, 'x'.repeat(rest)]);
}
