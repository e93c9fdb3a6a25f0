/** Owns what an application's handler is given and may answer. */
import type { CancellationSignal, JsonValue } from '../../foundation/index.js';
import type { Captures, Message, MessageHeaders } from '../../message/index.js';
import type { Principal } from '../../session/index.js';

/** Everything about the message that a handler was called for. */
export interface HandlerContext {
  /** `send`: nobody waits for the value. `request`: it is the reply. `subscribe`: it is the one-time answer. */
  readonly operation: 'send' | 'request' | 'subscribe';
  /** The whole destination, such as `/app/orders/17`. */
  readonly destination: string;
  /** Values of the pattern's `{name}` segments. */
  readonly variables: Captures;
  /** The body as JSON, `null` for a subscription. Reading it throws `message/invalid` when the body is not JSON. */
  readonly body: JsonValue;
  readonly message: Message;
  readonly headers: MessageHeaders;
  readonly principal: Principal;
  /** Undefined when the server itself or its HTTP API sent the message. */
  readonly sessionId: string | undefined;
  /** Cancelled when the asker no longer waits: it said so, or its session ended. */
  readonly cancellation: CancellationSignal;
}

/**
 * A JSON value or a promise of one, a Message for anything else, or an async iterable of them, which streams its values as replies.
 * `undefined` replies `null`.
 */
export type HandlerResult = unknown;

/** Runs one message. What it throws as a RequestError reaches the caller; anything else becomes `app/failed`, without its words. */
export type Handler = (context: HandlerContext) => HandlerResult;

export interface MappingOptions {
  /**
   * `serial` (default): messages of one session run one after another, in their order.
   * `parallel`: this mapping does not wait for the session's other handlers, nor they for it.
   */
  readonly concurrency?: 'serial' | 'parallel';
}
