/** Owns the frames of the native dialect `tideway.v1`, as docs/wire/native.md specifies them. */
import type { ErrorCode, JsonValue, Octets, RequestError } from '../../foundation/index.js';

/** The WebSocket subprotocol token of the native dialect. */
export const NATIVE_SUBPROTOCOL = 'tideway.v1';

export type HeaderPairs = readonly (readonly [name: string, value: string])[];

/** The body of a frame: octets, and for JSON the text that stood inline. */
export class FrameBody {
  readonly octets: Octets;
  /** Undefined means JSON in a text message and `application/octet-stream` in a binary one. */
  readonly contentType: string | undefined;
  readonly headers: HeaderPairs;
  /** Whether it came inline, and so is valid JSON. */
  readonly isInline: boolean;
  #json: JsonValue | undefined;

  /** `json`: what a body that came inline was parsed to. */
  constructor(
    octets: Octets,
    contentType: string | undefined,
    headers: HeaderPairs,
    json?: JsonValue,
  ) {
    this.octets = octets;
    this.contentType = contentType;
    this.headers = headers;
    this.isInline = json !== undefined;
    this.#json = json;
  }

  /**
   * What an inline body was parsed to, once: the frame does not keep it, which is many times as large as its octets and may wait
   * for long. Undefined afterwards, and for any other body.
   */
  takeJson(): JsonValue | undefined {
    const json = this.#json;
    this.#json = undefined;
    return json;
  }
}

export interface ResumeRequest {
  readonly sessionId: string;
  readonly resumeToken: string;
  /** How many messages of the server the client has received in that session. */
  readonly received: number;
}

/** A word about one publication of a subscription, or about all up to it. */
export interface SettlingFrame {
  readonly type: 'acknowledge' | 'reject';
  readonly id: number | undefined;
  readonly destination: string;
  /** The name of the subscription, where it is not the destination. */
  readonly subscription: string | undefined;
  readonly epoch: string;
  readonly offset: number;
  readonly cumulative: boolean;
}

/** What a client says. `id` ties an answer to its question; without one there is no answer but an error. */
export type ClientFrame =
  | {
      readonly type: 'connect';
      readonly token: string | undefined;
      readonly heartbeatIntervalMs: number;
      readonly resume: ResumeRequest | undefined;
    }
  | { readonly type: 'authenticate'; readonly id: number | undefined; readonly token: string }
  | {
      readonly type: 'subscribe';
      readonly id: number | undefined;
      readonly destination: string;
      readonly cursor: string | undefined;
      readonly policy: string | undefined;
      readonly acknowledge: boolean;
      readonly maxUnacknowledged: number | undefined;
    }
  | SettlingFrame
  | {
      readonly type: 'unsubscribe';
      readonly id: number | undefined;
      readonly destination: string;
    }
  | {
      readonly type: 'send';
      readonly id: number | undefined;
      readonly destination: string;
      readonly body: FrameBody;
      readonly key: string | undefined;
      readonly messageId: string | undefined;
    }
  | {
      readonly type: 'request';
      readonly id: number;
      readonly destination: string;
      readonly body: FrameBody;
      readonly key: string | undefined;
      readonly messageId: string | undefined;
    }
  | { readonly type: 'cancel'; readonly id: number }
  | { readonly type: 'ack'; readonly received: number }
  | { readonly type: 'heartbeat' }
  | { readonly type: 'disconnect' };

/** A message that is no frame, with the id of its question where one could be read. */
export interface InvalidFrame {
  readonly type: 'invalid';
  readonly id: number | undefined;
  readonly error: RequestError;
}

/** What a server says, apart from what carries a body. */
export type ServerFrame =
  | {
      readonly type: 'connected';
      readonly sessionId: string;
      readonly resumed: boolean;
      readonly resumeToken?: string;
      readonly principal: string | null;
      /** Silence after which either side gives the other up is three of these; 0 means none. */
      readonly heartbeatIntervalMs: number;
      readonly maxMessageBytes: number;
    }
  | {
      readonly type: 'subscribed';
      readonly id?: number;
      readonly destination: string;
      readonly cursor?: string;
      readonly recovered?: boolean;
      readonly maxUnacknowledged?: number;
    }
  | { readonly type: 'unsubscribed'; readonly id?: number; readonly destination: string }
  | {
      readonly type: 'receipt';
      readonly id: number;
      readonly epoch?: string;
      readonly offset?: number;
      /** Left out where it is not. */
      readonly isDuplicate?: true;
    }
  | { readonly type: 'end'; readonly id: number }
  | { readonly type: 'reset'; readonly destination: string; readonly reason: string }
  | {
      readonly type: 'ended';
      readonly destination: string;
      readonly code?: ErrorCode;
      readonly number?: number;
      readonly message?: string;
    }
  | {
      readonly type: 'error';
      readonly id?: number;
      readonly destination?: string;
      readonly code: ErrorCode;
      readonly number: number;
      readonly message: string;
    }
  | { readonly type: 'ack'; readonly received: number }
  | { readonly type: 'heartbeat' }
  | {
      readonly type: 'disconnect';
      readonly code: ErrorCode;
      readonly closeCode: number;
      readonly mayReconnect: boolean;
      readonly message: string;
    };

/** The members that stand before the body in a publication, a snapshot or a reply. */
export type BodyFrameFields = Readonly<
  Record<string, string | number | boolean | HeaderPairs | undefined>
>;
