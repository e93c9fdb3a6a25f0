/** Owns the frames of the server that carry no publication: CONNECTED, RECEIPT, ERROR. */
import { encodeUtf8, type ErrorCode } from '../../foundation/index.js';
import {
  encodeStompFrame,
  HEARTBEAT_TEXT,
  type StompHeaders,
  type StompVersion,
} from '../../protocol/stomp/index.js';
import { SharedMessage } from '../../session/index.js';

/** One line feed; each connection has its own wire form of it made anew, which is as cheap as sharing it. */
export function heartbeatMessage(): SharedMessage {
  return new SharedMessage(encodeUtf8(HEARTBEAT_TEXT), false);
}

export function connectedMessage(version: StompVersion, headers: StompHeaders): SharedMessage {
  const all: StompHeaders = [['version', version], ...headers];
  return new SharedMessage(encodeStompFrame(version, 'CONNECTED', all), false);
}

export function receiptMessage(
  version: StompVersion,
  receiptId: string,
  headers: StompHeaders = [],
): SharedMessage {
  const all: StompHeaders = [['receipt-id', receiptId], ...headers];
  return new SharedMessage(encodeStompFrame(version, 'RECEIPT', all), false);
}

/** Why an ERROR is sent. */
export interface StompFailure {
  readonly code: ErrorCode;
  /** For people; never a stack. */
  readonly message: string;
  /** `receipt-id`, `version`, `subscription` … */
  readonly headers?: StompHeaders | undefined;
}

/** STOMP 1.2, "ERROR": the words in the header `message` and in the body. The connection is closed after it. */
export function errorMessage(version: StompVersion, failure: StompFailure): SharedMessage {
  const body = encodeUtf8(failure.message);
  const headers: StompHeaders = [
    ['message', printable(failure.message)],
    ['tideway-code', failure.code],
    ...(failure.headers ?? []),
    ['content-type', 'text/plain;charset=utf-8'],
    ['content-length', String(body.length)],
  ];
  return new SharedMessage(encodeStompFrame(version, 'ERROR', headers, body), false);
}

/** Some versions cannot say a line end in a header, and the header matters. */
function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what it looks for
  return text.replace(/[\u0000-\u001f\u007f]+/g, ' ');
}
