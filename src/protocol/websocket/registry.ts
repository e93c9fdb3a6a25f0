/** Owns the IANA "WebSocket Protocol Registries" as tables: versions, opcodes, header bits, close codes, subprotocols, extensions. */
import {
  OPCODE_BINARY,
  OPCODE_CLOSE,
  OPCODE_CONTINUATION,
  OPCODE_PING,
  OPCODE_PONG,
  OPCODE_TEXT,
} from './opcode.js';
import type { Role } from './closing-handshake.js';

/** A value of the header Sec-WebSocket-Version (RFC 6455 §11.6). */
export interface VersionEntry {
  readonly version: number;
  readonly status: 'standard' | 'interim' | 'reserved';
  readonly reference: string;
}

const draft = (version: number): VersionEntry => ({
  version,
  status: 'interim',
  reference: `draft-ietf-hybi-thewebsocketprotocol-${String(version).padStart(2, '0')}`,
});
const reservedVersion = (version: number): VersionEntry => ({
  version,
  status: 'reserved',
  reference: 'RFC 6455 §11.6',
});

/** Versions by number. Only 13 is spoken here, and 13 is the only standard. */
export const VERSIONS: readonly VersionEntry[] = [
  ...[0, 1, 2, 3, 4, 5, 6, 7, 8].map(draft),
  ...[9, 10, 11, 12].map(reservedVersion),
  { version: 13, status: 'standard', reference: 'RFC 6455' },
];

/** A kind of frame (RFC 6455 §11.8). What has no entry is reserved and fails the connection. */
export interface OpcodeEntry {
  readonly opcode: number;
  readonly name: string;
  readonly isControl: boolean;
  readonly reference: string;
}

const opcode = (number: number, name: string): OpcodeEntry => ({
  opcode: number,
  name,
  isControl: number >= OPCODE_CLOSE,
  reference: 'RFC 6455',
});

export const OPCODES: readonly OpcodeEntry[] = [
  opcode(OPCODE_CONTINUATION, 'Continuation Frame'),
  opcode(OPCODE_TEXT, 'Text Frame'),
  opcode(OPCODE_BINARY, 'Binary Frame'),
  opcode(OPCODE_CLOSE, 'Connection Close Frame'),
  opcode(OPCODE_PING, 'Ping Frame'),
  opcode(OPCODE_PONG, 'Pong Frame'),
];

/** A reserved bit of the first octet that an extension has taken (RFC 6455 §11.9). */
export interface HeaderBitEntry {
  readonly name: 'RSV1' | 'RSV2' | 'RSV3';
  /** Its place in the first octet. */
  readonly bit: number;
  /** Undefined as long as nobody has registered a meaning. */
  readonly meaning: string | undefined;
  readonly reference: string;
}

export const HEADER_BITS: readonly HeaderBitEntry[] = [
  { name: 'RSV1', bit: 0x40, meaning: 'Per-Message Compressed', reference: 'RFC 7692' },
  { name: 'RSV2', bit: 0x20, meaning: undefined, reference: 'RFC 6455 §11.9' },
  { name: 'RSV3', bit: 0x10, meaning: undefined, reference: 'RFC 6455 §11.9' },
];

/**
 * What a client does when a connection ended with a code: connect again after a growing and jittered delay, leave
 * it, or ask the application, which alone knows what a code of its own means. There is no "at once": RFC 6455
 * §7.2.3 wants a delay, or all clients of a server that stopped come back together.
 */
export type ClientReaction = 'reconnectAfterDelay' | 'doNotReconnect' | 'askApplication';

/** Why a connection ended (RFC 6455 §11.7). */
export interface CloseCodeEntry {
  readonly code: number;
  readonly name: string;
  /** What it says of the one who sent it, or of the connection when nobody did. */
  readonly meaning: string;
  readonly reference: string;
  /** Who has a reason to put it into a Close frame; nobody, when it must not stand in one. */
  readonly sentBy: readonly Role[];
  /** Whether it may stand in a Close frame; one that carries any other code fails the connection with 1002. */
  readonly isOnWire: boolean;
  readonly clientReaction: ClientReaction;
}

const BOTH: readonly Role[] = ['client', 'server'];
const SERVER: readonly Role[] = ['server'];
const CLIENT: readonly Role[] = ['client'];
const NOBODY: readonly Role[] = [];
const RFC = 'RFC 6455 §7.4.1';
/** First come, first served: IANA has the name and no further document. */
const IANA = 'https://www.iana.org/assignments/websocket';
const HYBI = 'https://www.ietf.org/mail-archive/web/hybi/current';

function closeCode(
  code: number,
  name: string,
  sentBy: readonly Role[],
  clientReaction: ClientReaction,
  meaning: string,
  reference: string = RFC,
): CloseCodeEntry {
  return {
    code,
    name,
    meaning,
    reference,
    sentBy,
    isOnWire: sentBy.length > 0,
    clientReaction,
  };
}

/** Every registered close code in ascending order. */
export const CLOSE_CODES: readonly CloseCodeEntry[] = [
  closeCode(1000, 'Normal Closure', BOTH, 'doNotReconnect', 'the purpose is fulfilled'),
  closeCode(1001, 'Going Away', BOTH, 'reconnectAfterDelay', 'a server stops or a page is left'),
  // To try again what broke the protocol would break it again.
  closeCode(1002, 'Protocol error', BOTH, 'doNotReconnect', 'the peer broke the protocol'),
  closeCode(1003, 'Unsupported Data', BOTH, 'doNotReconnect', 'a kind of data it cannot accept'),
  closeCode(1004, 'Reserved', NOBODY, 'doNotReconnect', 'none yet'),
  closeCode(1005, 'No Status Rcvd', NOBODY, 'askApplication', 'a Close frame came without a code'),
  closeCode(1006, 'Abnormal Closure', NOBODY, 'reconnectAfterDelay', 'no Close frame came'),
  closeCode(1007, 'Invalid frame payload data', BOTH, 'doNotReconnect', 'text was not UTF-8'),
  closeCode(1008, 'Policy Violation', BOTH, 'doNotReconnect', 'a message breaks its policy'),
  closeCode(1009, 'Message Too Big', BOTH, 'doNotReconnect', 'a message is too big to process'),
  closeCode(1010, 'Mandatory Ext.', CLIENT, 'doNotReconnect', 'an extension was not agreed upon'),
  // Erratum 3227 of RFC 6455: a client may send it too.
  closeCode(1011, 'Internal Error', BOTH, 'reconnectAfterDelay', 'an unexpected condition'),
  closeCode(
    1012,
    'Service Restart',
    SERVER,
    'reconnectAfterDelay',
    'the service is restarted',
    `${HYBI}/msg09670.html`,
  ),
  closeCode(
    1013,
    'Try Again Later',
    SERVER,
    'reconnectAfterDelay',
    'the service is overloaded',
    `${HYBI}/msg09670.html`,
  ),
  closeCode(
    1014,
    'Bad Gateway',
    SERVER,
    'reconnectAfterDelay',
    'a gateway got an invalid answer from behind it',
    `${HYBI}/msg10748.html`,
  ),
  closeCode(1015, 'TLS handshake', NOBODY, 'doNotReconnect', 'the TLS handshake failed'),
  closeCode(3000, 'Unauthorized', SERVER, 'askApplication', 'credentials are missing', IANA),
  closeCode(3003, 'Forbidden', SERVER, 'doNotReconnect', 'credentials do not suffice', IANA),
  closeCode(3008, 'Timeout', BOTH, 'reconnectAfterDelay', 'the peer took too long', IANA),
];

/** Whom a range of close codes belongs to (RFC 6455 §7.4.2). */
export interface CloseCodeRange {
  readonly first: number;
  readonly last: number;
  readonly owner: 'nobody' | 'protocol' | 'registered' | 'private';
}

/** Every code from 0 to 65,535 lies in exactly one. */
export const CLOSE_CODE_RANGES: readonly CloseCodeRange[] = [
  { first: 0, last: 999, owner: 'nobody' },
  { first: 1000, last: 2999, owner: 'protocol' },
  { first: 3000, last: 3999, owner: 'registered' },
  { first: 4000, last: 4999, owner: 'private' },
  { first: 5000, last: 65_535, owner: 'nobody' },
];

/** The entry of a close code; undefined when it is not registered. */
export function closeCodeEntry(code: number): CloseCodeEntry | undefined {
  return CLOSE_CODES.find((entry) => entry.code === code);
}

/**
 * What a client should do when a connection ended with a code, registered or not. A code that no server may send
 * and nobody registered says that something is broken at the other end: `doNotReconnect`.
 */
export function clientReactionTo(code: number): ClientReaction {
  const entry = closeCodeEntry(code);
  if (entry !== undefined) return entry.clientReaction;
  return code >= 3000 && code <= 4999 ? 'askApplication' : 'doNotReconnect';
}

/** A name for the header Sec-WebSocket-Protocol (RFC 6455 §11.5). */
export interface SubprotocolEntry {
  readonly name: string;
  readonly title: string;
  readonly reference: string;
}

const subprotocol = (name: string, title: string, reference: string): SubprotocolEntry => ({
  name,
  title,
  reference,
});

/** The registered subprotocols that have a public definition and are in use; names are compared exactly. */
export const SUBPROTOCOLS: readonly SubprotocolEntry[] = [
  subprotocol('amqp', 'Advanced Message Queuing Protocol', 'OASIS AMQP WebSocket Binding 1.0'),
  subprotocol('bfcp', 'Binary Floor Control Protocol', 'RFC 8857'),
  subprotocol('binary.ircv3.net', 'IRCv3, binary messages', 'https://ircv3.net/specs'),
  subprotocol('clue', 'CLUE', 'RFC 8850'),
  subprotocol('coap', 'Constrained Application Protocol', 'RFC 8323'),
  subprotocol('dc.bsc.bacnet.org', 'BACnet/SC direct connection', 'ANSI/ASHRAE 135, annex AB'),
  subprotocol('hub.bsc.bacnet.org', 'BACnet/SC hub connection', 'ANSI/ASHRAE 135, annex AB'),
  subprotocol('jmap', 'JSON Meta Application Protocol', 'RFC 8887'),
  subprotocol('mqtt', 'MQTT', 'OASIS MQTT 3.1.1 §6 and 5.0 §6'),
  subprotocol('msrp', 'Message Session Relay Protocol', 'RFC 7977'),
  subprotocol('ocpp1.2', 'OCPP 1.2', 'https://openchargealliance.org'),
  subprotocol('ocpp1.5', 'OCPP 1.5', 'https://openchargealliance.org'),
  subprotocol('ocpp1.6', 'OCPP 1.6', 'https://openchargealliance.org'),
  subprotocol('ocpp2.0', 'OCPP 2.0', 'https://openchargealliance.org'),
  subprotocol('ocpp2.0.1', 'OCPP 2.0.1', 'https://openchargealliance.org'),
  subprotocol('opcua+uacp', 'OPC UA Connection Protocol', 'OPC 10000-6'),
  subprotocol('opcua+uajson', 'OPC UA JSON', 'OPC 10000-6'),
  subprotocol('rfb', 'Remote Framebuffer', 'RFC 6143'),
  subprotocol('sip', 'Session Initiation Protocol', 'RFC 7118'),
  subprotocol('soap', 'SOAP', 'MS-SWSB'),
  subprotocol('t140', 'Real-time text', 'RFC 8865'),
  subprotocol('text.ircv3.net', 'IRCv3, text messages', 'https://ircv3.net/specs'),
  subprotocol('v1.usp', 'User Services Platform', 'https://usp.technology'),
  subprotocol('v10.stomp', 'STOMP 1.0', 'https://stomp.github.io/stomp-specification-1.0.html'),
  subprotocol('v11.stomp', 'STOMP 1.1', 'https://stomp.github.io/stomp-specification-1.1.html'),
  subprotocol('v12.stomp', 'STOMP 1.2', 'https://stomp.github.io/stomp-specification-1.2.html'),
  subprotocol('wamp', 'WebSocket Application Messaging Protocol', 'https://wamp-proto.org/spec'),
  subprotocol('xmpp', 'Extensible Messaging and Presence Protocol', 'RFC 7395'),
];

/** A name for the header Sec-WebSocket-Extensions (RFC 6455 §11.4). */
export interface ExtensionEntry {
  readonly name: string;
  readonly title: string;
  readonly reference: string;
  /** Parameters that its definition knows. */
  readonly parameters: readonly string[];
}

export const EXTENSIONS: readonly ExtensionEntry[] = [
  {
    name: 'permessage-deflate',
    title: 'WebSocket Per-Message Deflate',
    reference: 'RFC 7692',
    parameters: [
      'server_no_context_takeover',
      'client_no_context_takeover',
      'server_max_window_bits',
      'client_max_window_bits',
    ],
  },
  {
    name: 'bbf-usp-protocol',
    title: 'BBF USP Protocol',
    reference: 'https://usp.technology',
    parameters: ['eid'],
  },
];
