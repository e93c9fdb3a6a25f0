/** Owns messages that an application sends to many: copied once, framed once. */
import type { Octets } from '../../../foundation/index.js';
import { OPCODE_BINARY, OPCODE_TEXT, encodeFrame } from '../../../protocol/websocket/index.js';
import type { FrameSender, SendCallback } from './frame-sender.js';
import { toOctets, type SendData } from './payload.js';

/** How a message is prepared. */
export interface PrepareOptions {
  /** Whether it goes as binary or as text; by default strings and numbers are text and all else is binary. */
  readonly binary?: boolean | undefined;
}

/**
 * What `WebSocket.prepare` gives, to be passed to `send` of any number of sockets. The data is a copy, so what it was made
 * of may change. Servers write the same octets to every receiver, unless compression was agreed: then each compresses
 * for itself, which `compress: false` prevents. A client masks each frame anew (RFC 6455 §5.3).
 */
export class PreparedMessage {
  readonly octets: Octets;
  readonly isBinary: boolean;
  #frame: Octets | undefined = undefined;

  constructor(data: SendData, options: PrepareOptions = {}) {
    this.octets = Buffer.from(toOctets(data));
    this.isBinary = options.binary ?? isBinaryByDefault(data);
  }

  /** One final, unmasked frame, which every receiver shares: not to be changed. */
  get frame(): Octets {
    return (this.#frame ??= encodeFrame(this.isBinary ? OPCODE_BINARY : OPCODE_TEXT, this.octets));
  }

  /** The octets, for whatever takes data. */
  valueOf(): Octets {
    return this.octets;
  }
}

/** Sends it as a frame that others share, where that is the frame which was asked for. */
export function sendPrepared(
  sender: FrameSender,
  firstOctet: number,
  message: PreparedMessage,
  sharesFrame: boolean,
  compress: boolean,
  callback: SendCallback | undefined,
): void {
  const { frame, octets } = message;
  if (sharesFrame && frame[0] === firstOctet) sender.encoded(frame, callback);
  else sender.message(firstOctet, octets, compress, callback);
}

/** Whether data goes as binary when nobody says so. */
export function isBinaryByDefault(data: unknown): boolean {
  if (typeof data === 'string' || typeof data === 'number') return false;
  return !(data instanceof PreparedMessage) || data.isBinary;
}
