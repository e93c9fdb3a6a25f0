/** Owns the port through which a mapping's messages reach a back end that is no part of this process. */
import type { CancellationSignal } from '../../foundation/index.js';
import type { Captures, Message } from '../../message/index.js';
import type { Handler, HandlerContext } from './handler.js';

/** What a back end is told of a message. */
export interface ForwardedMessage {
  readonly operation: HandlerContext['operation'];
  /** The whole destination, such as `/app/orders/17`. */
  readonly destination: string;
  /** Values of the pattern's `{name}` segments. */
  readonly variables: Captures;
  readonly message: Message;
  /** Undefined for an anonymous caller. */
  readonly principalName: string | undefined;
  /** Undefined when the server itself or its HTTP API sent the message. */
  readonly sessionId: string | undefined;
}

/** A way to one back end. It hands each message over at most once. */
export interface Forwarder {
  /**
   * Resolves with what the back end answered, undefined when that was nothing. Rejects with a RequestError: the back
   * end's own, or one that says no more than that it failed. `cancellation` ends the exchange; without one it goes on to its end.
   */
  forward(
    message: ForwardedMessage,
    cancellation: CancellationSignal | undefined,
  ): Promise<Message | undefined>;
  /** Ends what is under way, and every connection. Afterwards it forwards nothing. */
  close(): void;
}

/** A handler that leaves its messages to somebody else. */
export function forwardingHandler(forwarder: Forwarder): Handler {
  return ({ operation, destination, variables, message, principal, sessionId, cancellation }) =>
    forwarder.forward(
      { operation, destination, variables, message, principalName: principal.name, sessionId },
      // What was sent has been taken over (semantics K1); only an answer can be waited for no more.
      operation === 'send' ? undefined : cancellation,
    );
}
