/** The tables of RFC 6455 §4 and RFC 7692 §7.1: requests for our server, answers for our client. */
import { GOOD_HEADERS, KEY } from '../raw-peer.js';

/** What a client sends, and the status that must come. */
export type Request = readonly [
  name: string,
  expected: number | 'informational',
  headers: readonly string[],
  start?: string,
];

function without(name: string, ...more: string[]): string[] {
  return [...GOOD_HEADERS.filter((line) => !line.startsWith(`${name}:`)), ...more];
}

const offers = (value: string): string[] => [...GOOD_HEADERS, `Sec-WebSocket-Extensions: ${value}`];

/** RFC 7692 §7.1 for a server that compresses. An offer that is wrong MUST be declined; here it is refused, as in `ws`. */
export const OFFERS: readonly Request[] = [
  ['RFC 7692 the bare offer', 101, offers('permessage-deflate')],
  ['RFC 7692 a size for the client', 101, offers('permessage-deflate; client_max_window_bits')],
  [
    'RFC 7692 a size of 10 for the client',
    101,
    offers('permessage-deflate; client_max_window_bits=10'),
  ],
  [
    'RFC 7692 a size of 9 for the server',
    101,
    offers('permessage-deflate; server_max_window_bits=9'),
  ],
  [
    'RFC 7692 a size of 8 for the server',
    101,
    offers('permessage-deflate; server_max_window_bits=8'),
  ],
  ['RFC 7692 a quoted size', 101, offers('permessage-deflate; server_max_window_bits="10"')],
  [
    'RFC 7692 no takeover',
    101,
    offers('permessage-deflate; server_no_context_takeover; client_no_context_takeover'),
  ],
  [
    'RFC 7692 two offers',
    101,
    offers('permessage-deflate; server_max_window_bits=10, permessage-deflate'),
  ],
  [
    'RFC 7692 a wrong offer before a good one',
    101,
    offers('permessage-deflate; foo, permessage-deflate'),
  ],
  ['RFC 7692 another extension before it', 101, offers('x-other, permessage-deflate')],
  ['RFC 7692 a size of 7', 'informational', offers('permessage-deflate; server_max_window_bits=7')],
  [
    'RFC 7692 a size of 16',
    'informational',
    offers('permessage-deflate; client_max_window_bits=16'),
  ],
  [
    'RFC 7692 a size of 08',
    'informational',
    offers('permessage-deflate; server_max_window_bits=08'),
  ],
  [
    'RFC 7692 no size for the server',
    'informational',
    offers('permessage-deflate; server_max_window_bits'),
  ],
  [
    'RFC 7692 a value where none is',
    'informational',
    offers('permessage-deflate; server_no_context_takeover=1'),
  ],
  [
    'RFC 7692 a parameter twice',
    'informational',
    offers('permessage-deflate; server_max_window_bits=9; server_max_window_bits=9'),
  ],
  ['RFC 7692 an unknown parameter', 'informational', offers('permessage-deflate; __proto__=1')],
];

export const REQUESTS: readonly Request[] = [
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
  // RFC 6455 §4.2.2 leaves the status open and §4.4 shows 400; 8 is spoken for users of `ws`.
  ['§4.4 no version', 400, without('Sec-WebSocket-Version')],
  ['§4.4 version 8', 101, without('Sec-WebSocket-Version', 'Sec-WebSocket-Version: 8')],
  ['§4.4 version 12', 400, without('Sec-WebSocket-Version', 'Sec-WebSocket-Version: 12')],
  ['§4.4 version 14', 400, without('Sec-WebSocket-Version', 'Sec-WebSocket-Version: 14')],
  ['§4.4 version 013', 400, without('Sec-WebSocket-Version', 'Sec-WebSocket-Version: 013')],
  [
    '§4.4 a list of versions',
    400,
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
export type Answer = readonly [
  name: string,
  isGood: boolean | 'informational',
  edit: (answer: string) => string,
  protocols?: string[],
];

const replace =
  (pattern: RegExp, by: string) =>
  (answer: string): string =>
    answer.replace(pattern, by);
const add = (line: string) => replace(/\r\n\r\n$/, `\r\n${line}\r\n\r\n`);

export const ANSWERS: readonly Answer[] = [
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
  // RFC 6455 leaves it to the client; the WHATWG standard and `ws` let it fail.
  ['§4.1 no subprotocol of those asked for', 'informational', (answer) => answer, ['one', 'two']],
  ['RFC 7692 the bare answer', true, add('Sec-WebSocket-Extensions: permessage-deflate')],
  [
    'RFC 7692 no takeover',
    true,
    add(
      'Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover',
    ),
  ],
  [
    'RFC 7692 a size of 9 for the client',
    true,
    add('Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=9'),
  ],
  [
    'RFC 7692 a size of 9 for the server that was not asked for',
    true,
    add('Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9'),
  ],
  [
    'RFC 7692 a quoted size',
    true,
    add('Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits="9"'),
  ],
  [
    'RFC 7692 a size of 7',
    false,
    add('Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=7'),
  ],
  [
    'RFC 7692 a size of 16',
    false,
    add('Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=16'),
  ],
  [
    'RFC 7692 a size of 1e1',
    false,
    add('Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=1e1'),
  ],
  [
    'RFC 7692 a size of 010',
    false,
    add('Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=010'),
  ],
  [
    'RFC 7692 no size for the client',
    false,
    add('Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits'),
  ],
  [
    'RFC 7692 no size for the server',
    false,
    add('Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits'),
  ],
  [
    'RFC 7692 a value where none is',
    false,
    add('Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover=1'),
  ],
  [
    'RFC 7692 a parameter twice',
    false,
    add(
      'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=9; client_max_window_bits=9',
    ),
  ],
  [
    'RFC 7692 an unknown parameter',
    false,
    add('Sec-WebSocket-Extensions: permessage-deflate; constructor'),
  ],
  [
    'RFC 7692 the extension twice',
    false,
    add('Sec-WebSocket-Extensions: permessage-deflate, permessage-deflate'),
  ],
  [
    'RFC 7692 an extension beside it',
    false,
    add('Sec-WebSocket-Extensions: permessage-deflate, x-other'),
  ],
];
