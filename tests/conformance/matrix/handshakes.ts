/** Cases of RFC 6455 §4: requests that our server answers, answers that our client judges. */
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'tideway/websocket';
import { GOOD_HEADERS, KEY, RawPeer } from '../raw-peer.js';
import { answerTo } from './endpoint.js';
import type { Result } from './matrix.js';

type Request = readonly [
  name: string,
  expected: number,
  headers: readonly string[],
  start?: string,
];

function without(name: string, ...more: string[]): string[] {
  return [...GOOD_HEADERS.filter((line) => !line.startsWith(`${name}:`)), ...more];
}

const REQUESTS: readonly Request[] = [
  ['§4.2.1 a good request', 101, GOOD_HEADERS],
  [
    '§4.2.1 names of fields in other cases',
    101,
    GOOD_HEADERS.map((line) => line.replace(/^[^:]+/, (name) => name.toUpperCase())),
  ],
  ['§4.2.1 "WebSocket" in another case', 101, without('Upgrade', 'Upgrade: WebSocket')],
  [
    '§4.2.1 Connection with other tokens',
    101,
    without('Connection', 'Connection: keep-alive, UPGRADE'),
  ],
  [
    '§4.2.1 Connection in two fields',
    101,
    without('Connection', 'Connection: keep-alive', 'Connection: Upgrade'),
  ],
  ['§4.2.1 no Connection, so no request for an upgrade', 426, without('Connection')],
  ['§4.2.1 Connection without upgrade', 426, without('Connection', 'Connection: keep-alive')],
  ['§4.2.1 Upgrade to something else', 400, without('Upgrade', 'Upgrade: h2c')],
  ['§4.2.1 Upgrade to a choice', 400, without('Upgrade', 'Upgrade: websocket, foo')],
  ['§4.2.1 no Host', 400, without('Host')],
  ['§4.2.1 POST', 405, GOOD_HEADERS, 'POST / HTTP/1.1'],
  ['§4.2.1 HEAD', 405, GOOD_HEADERS, 'HEAD / HTTP/1.1'],
  ['§4.2.1 HTTP/1.0', 400, GOOD_HEADERS, 'GET / HTTP/1.0'],
  ['§4.2.1 no key', 400, without('Sec-WebSocket-Key')],
  ['§4.2.1 an empty key', 400, without('Sec-WebSocket-Key', 'Sec-WebSocket-Key:')],
  [
    '§4.2.1 a key of 15 octets',
    400,
    without('Sec-WebSocket-Key', `Sec-WebSocket-Key: ${Buffer.alloc(15).toString('base64')}`),
  ],
  [
    '§4.2.1 a key of 17 octets',
    400,
    without('Sec-WebSocket-Key', `Sec-WebSocket-Key: ${Buffer.alloc(17).toString('base64')}`),
  ],
  [
    '§4.2.1 a key that is no base64',
    400,
    without('Sec-WebSocket-Key', 'Sec-WebSocket-Key: !!!!!!!!!!!!!!!!!!!!!!=='),
  ],
  ['§11.3.1 the key twice', 400, [...GOOD_HEADERS, `Sec-WebSocket-Key: ${KEY}`]],
  ['§4.4 no version', 426, without('Sec-WebSocket-Version')],
  ['§4.4 version 8', 426, without('Sec-WebSocket-Version', 'Sec-WebSocket-Version: 8')],
  ['§4.4 version 12', 426, without('Sec-WebSocket-Version', 'Sec-WebSocket-Version: 12')],
  ['§4.4 version 14', 426, without('Sec-WebSocket-Version', 'Sec-WebSocket-Version: 14')],
  ['§4.4 version 013', 426, without('Sec-WebSocket-Version', 'Sec-WebSocket-Version: 013')],
  [
    '§4.4 a list of versions',
    426,
    without('Sec-WebSocket-Version', 'Sec-WebSocket-Version: 13, 8'),
  ],
  ['§11.3.5 the version twice', 400, [...GOOD_HEADERS, 'Sec-WebSocket-Version: 13']],
  ['§4.1 one subprotocol', 101, [...GOOD_HEADERS, 'Sec-WebSocket-Protocol: chat']],
  ['§4.1 two subprotocols', 101, [...GOOD_HEADERS, 'Sec-WebSocket-Protocol: chat, superchat']],
  [
    '§11.3.4 subprotocols in two fields',
    101,
    [...GOOD_HEADERS, 'Sec-WebSocket-Protocol: chat', 'Sec-WebSocket-Protocol: superchat'],
  ],
  ['§4.1 the same subprotocol twice', 400, [...GOOD_HEADERS, 'Sec-WebSocket-Protocol: chat, chat']],
  ['§4.1 a subprotocol that is no token', 400, [...GOOD_HEADERS, 'Sec-WebSocket-Protocol: cha t']],
  ['§4.1 an empty subprotocol', 400, [...GOOD_HEADERS, 'Sec-WebSocket-Protocol: chat,,superchat']],
  [
    '§9.1 an unknown extension',
    101,
    [...GOOD_HEADERS, 'Sec-WebSocket-Extensions: x-unknown; a=1; b="c"'],
  ],
  [
    '§9.1 extensions in two fields',
    101,
    [...GOOD_HEADERS, 'Sec-WebSocket-Extensions: x-one', 'Sec-WebSocket-Extensions: x-two; a'],
  ],
  [
    '§9.1 a parameter without a name',
    400,
    [...GOOD_HEADERS, 'Sec-WebSocket-Extensions: x-one; =1'],
  ],
  ['§9.1 an extension without a name', 400, [...GOOD_HEADERS, 'Sec-WebSocket-Extensions: ; a=1']],
  [
    '§9.1 a quote that is not closed',
    400,
    [...GOOD_HEADERS, 'Sec-WebSocket-Extensions: x-one; a="b'],
  ],
  [
    '§9.1 a quoted value that is no token',
    400,
    [...GOOD_HEADERS, 'Sec-WebSocket-Extensions: x-one; a="b c"'],
  ],
  ['§10.1 an origin', 101, [...GOOD_HEADERS, 'Origin: https://example.com']],
  [
    '§10.1 two origins',
    400,
    [...GOOD_HEADERS, 'Origin: https://a.example', 'Origin: https://b.example'],
  ],
  ['§4.2.1 a body', 400, [...GOOD_HEADERS, 'Content-Length: 5']],
];

/** Fields of a 101 that the client judges; a key in braces becomes the right accept value. */
type Answer = readonly [
  name: string,
  isGood: boolean,
  edit: (answer: string) => string,
  protocols?: string[],
];

const replace =
  (pattern: RegExp, by: string) =>
  (answer: string): string =>
    answer.replace(pattern, by);
const add = (line: string) => replace(/\r\n\r\n$/, `\r\n${line}\r\n\r\n`);

const ANSWERS: readonly Answer[] = [
  ['§4.1 a good answer', true, (answer) => answer],
  [
    '§4.1 names and values in other cases',
    true,
    (answer) =>
      answer
        .replace('Upgrade: websocket', 'UPGRADE: WebSocket')
        .replace('Connection: Upgrade', 'connection: upgrade'),
  ],
  [
    '§4.1 other words behind 101',
    true,
    replace(/Switching Protocols/, 'Web Socket Protocol Handshake'),
  ],
  ['§4.1 other fields', true, add('X-Other: field')],
  ['§4.1 no Upgrade', false, replace(/Upgrade: websocket\r\n/, '')],
  ['§4.1 another Upgrade', false, replace(/Upgrade: websocket/, 'Upgrade: h2c')],
  ['§4.1 no Connection', false, replace(/Connection: Upgrade\r\n/, '')],
  ['§4.1 another Connection', false, replace(/Connection: Upgrade/, 'Connection: close')],
  ['§4.1 no accept', false, replace(/Sec-WebSocket-Accept: .*\r\n/, '')],
  ['§4.1 a wrong accept', false, replace(/Accept: ..../, 'Accept: AAAA')],
  ['§4.1 the accept twice', false, add('Sec-WebSocket-Accept: AAAA')],
  ['§4.1 status 200', false, replace(/101 Switching Protocols/, '200 OK')],
  ['§4.1 status 400', false, replace(/101 Switching Protocols/, '400 Bad Request')],
  ['§4.1 an extension that was not asked for', false, add('Sec-WebSocket-Extensions: x-unknown')],
  ['§4.1 a subprotocol that was not asked for', false, add('Sec-WebSocket-Protocol: chat')],
  ['§4.1 one of the subprotocols', true, add('Sec-WebSocket-Protocol: two'), ['one', 'two']],
  [
    '§4.1 a subprotocol beside the subprotocols',
    false,
    add('Sec-WebSocket-Protocol: three'),
    ['one', 'two'],
  ],
  ['§4.1 two of the subprotocols', false, add('Sec-WebSocket-Protocol: one, two'), ['one', 'two']],
  ['§4.1 a subprotocol in another case', false, add('Sec-WebSocket-Protocol: TWO'), ['one', 'two']],
  [
    '§4.1 subprotocols in two fields',
    false,
    add('Sec-WebSocket-Protocol: one\r\nSec-WebSocket-Protocol: two'),
    ['one', 'two'],
  ],
  ['§4.1 no subprotocol of those asked for', false, (answer) => answer, ['one', 'two']],
];

/** Runs both tables. */
export async function runHandshakes(): Promise<Result[]> {
  return [...(await runRequests()), ...(await runAnswers())];
}

async function runRequests(): Promise<Result[]> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const results = await Promise.all(
    REQUESTS.map(async ([name, expected, headers, start]): Promise<Result> => {
      const peer = new RawPeer(port);
      const { status, head } = await peer.request(headers, '/', start);
      peer.destroy();
      const fields = head
        .split('\r\n')
        .filter((line) => /^(?:sec-websocket|upgrade|allow)/i.test(line))
        .join(', ');
      return {
        name: `server: ${name}`,
        line: `answered ${status}${fields === '' ? '' : `, ${fields}`}`,
        fault: status === expected ? undefined : `answered ${status}, expected ${expected}`,
      };
    }),
  );
  server.close();
  return results;
}

async function runAnswers(): Promise<Result[]> {
  const results: Result[] = [];
  for (const [name, isGood, edit, protocols = []] of ANSWERS) {
    const server = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.once('data', (request: Buffer) => {
        socket.write(edit(answerTo(request.toString('latin1'))));
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const client = new WebSocket(`ws://127.0.0.1:${port}/`, protocols);
    const line = await new Promise<string>((resolve) => {
      client.on('open', () => resolve(`opened, subprotocol ${JSON.stringify(client.protocol)}`));
      client.on('error', (error) => resolve(`failed: ${error.message}`));
    });
    client.terminate();
    server.close();
    const isOpen = line.startsWith('opened');
    results.push({
      name: `client: ${name}`,
      line,
      fault: isOpen === isGood ? undefined : `${line}, expected ${isGood ? 'open' : 'failure'}`,
    });
  }
  return results;
}
