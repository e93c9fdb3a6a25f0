/** Owns one POST and the reading of its answer: bounded, without redirects, ended at any moment. */
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import type { Octets } from '../foundation/index.js';
import { isSuccess, UnusableAnswer, wantedBytes, type HttpAnswer } from './forward-answer.js';

export interface Exchange {
  readonly url: URL;
  /** `request` of node:http or of node:https. */
  readonly request: (
    url: URL,
    options: RequestOptions,
    onAnswer: (response: IncomingMessage) => void,
  ) => ClientRequest;
  readonly options: RequestOptions;
  readonly body: Octets;
  readonly maxAnswerBytes: number;
}

/** Told once how an exchange came out. */
export interface ExchangeReceiver {
  answered(answer: HttpAnswer): void;
  failed(error: unknown): void;
}

/** Sends the request, and answers a way to end it, after which the receiver hears nothing. */
export function post(exchange: Exchange, receiver: ExchangeReceiver): () => void {
  let isSettled = false;
  const settle = (tell: () => void): void => {
    if (isSettled) return;
    isSettled = true;
    tell();
  };
  const fail = (error: unknown): void => {
    settle(() => receiver.failed(error));
    request.destroy();
  };
  const { url, options, body, maxAnswerBytes } = exchange;
  const request = exchange.request(url, { ...options, method: 'POST' }, (response) => {
    const answered = (octets: Octets): void => {
      const { statusCode = 0, headers } = response;
      const answer = { status: statusCode, contentType: headers['content-type'], body: octets };
      settle(() => receiver.answered(answer));
      // What is left of it is not waited for.
      if (!response.complete) request.destroy();
    };
    readAnswer(response, maxAnswerBytes, answered, fail);
  });
  request.on('error', fail);
  // RFC 9110 §7.8: a switch of protocols was not asked for.
  request.on('upgrade', (_response, socket) => socket.destroy());
  request.on('close', () => fail(new UnusableAnswer('the connection ended without an answer')));
  request.end(body);
  return () => {
    isSettled = true;
    request.destroy();
  };
}

function readAnswer(
  response: IncomingMessage,
  maxAnswerBytes: number,
  answered: (body: Octets) => void,
  failed: (error: unknown) => void,
): void {
  const status = response.statusCode ?? 0;
  const limitBytes = wantedBytes(status, maxAnswerBytes);
  const tooMuch = (): void => {
    // Of a refusal the status is enough.
    if (!isSuccess(status)) answered(new Uint8Array());
    else failed(new UnusableAnswer(`the answer has more than ${maxAnswerBytes} octets`));
  };
  response.on('error', failed);
  // Without a reader its end would never be told.
  response.resume();
  const { 'content-encoding': coding = 'identity', 'content-length': length } = response.headers;
  if (limitBytes === 0 || Number(length) > limitBytes) return tooMuch();
  if (coding.toLowerCase() !== 'identity') {
    // It was asked for without (RFC 9110 §12.5.3), and nobody bounds what it would become.
    return failed(new UnusableAnswer(`the answer is encoded as ${coding}`));
  }
  const chunks: Buffer[] = [];
  let receivedBytes = 0;
  response.on('data', (chunk: Buffer) => {
    receivedBytes += chunk.length;
    if (receivedBytes > limitBytes) tooMuch();
    else chunks.push(chunk);
  });
  response.on('end', () => answered(joined(chunks, receivedBytes)));
}

/** In octets of its own: a part of a larger Buffer would keep the whole of it. */
function joined(chunks: readonly Buffer[], byteLength: number): Octets {
  const octets = new Uint8Array(byteLength);
  let offset = 0;
  for (const chunk of chunks) {
    octets.set(chunk, offset);
    offset += chunk.length;
  }
  return octets;
}
