/** Owns what a handler sees of its message, made as it is asked for. */
import type { CancellationSignal, JsonValue } from '../../foundation/index.js';
import type { Message, MessageHeaders } from '../../message/index.js';
import { subscribeByServer, unsubscribeByServer } from '../../routing/index.js';
import type { Caller, Router } from '../../routing/index.js';
import type { Operation, Principal, Session } from '../../session/index.js';
import type { DestinationVariables } from './destination-variables.js';
import type { HandlerContext, HandlerSession } from './handler.js';
import type { Outbox } from './outbox.js';
import { jsonBody, plainPayload } from './payload.js';

/** What a context is made of. */
export interface ContextParts {
  readonly operation: Operation;
  readonly caller: Caller;
  readonly destination: string;
  readonly message: Message;
  readonly variables: DestinationVariables;
  readonly cancellation: CancellationSignal;
}

export class MessageContext implements HandlerContext<unknown> {
  readonly operation: Operation;
  readonly destination: string;
  readonly variables: DestinationVariables;
  readonly message: Message;
  readonly principal: Principal;
  readonly cancellation: CancellationSignal;
  readonly #caller: Caller;
  readonly #router: Router;
  readonly #outbox: Outbox;
  /** What the schema made of the body; undefined without one. */
  #checked: { readonly value: unknown } | undefined;

  constructor(parts: ContextParts, router: Router, outbox: Outbox) {
    this.operation = parts.operation;
    this.destination = parts.destination;
    this.variables = parts.variables;
    this.message = parts.message;
    this.principal = parts.caller.principal;
    this.cancellation = parts.cancellation;
    this.#caller = parts.caller;
    this.#router = router;
    this.#outbox = outbox;
  }

  get payload(): unknown {
    return this.#checked === undefined ? plainPayload(this.message) : this.#checked.value;
  }

  /** Takes what the schema made of the body. */
  checked(value: unknown): void {
    this.#checked = { value };
  }

  get body(): JsonValue {
    return jsonBody(this.message);
  }

  get headers(): MessageHeaders {
    return this.message.headers;
  }

  get header(): (name: string) => string | undefined {
    return (name) => this.headers.find((header) => header[0] === name)?.[1];
  }

  get sessionId(): string | undefined {
    return this.#caller.session?.sessionId;
  }

  get session(): HandlerSession | undefined {
    const { session } = this.#caller;
    if (session === undefined) return undefined;
    const isOpening = this.operation === 'subscribe' && this.#caller.authority === 'server';
    return handlerSession(this.#router, session, isOpening ? this.destination : undefined);
  }

  // Functions of their own, because handlers take them out of the context.
  get send(): HandlerContext['send'] {
    return (destination, payload, options) =>
      this.#outbox.send(this.#caller, destination, payload, options);
  }

  get sendToUser(): HandlerContext['sendToUser'] {
    return (name, destination, payload, options) =>
      this.#outbox.sendToUser(this.#caller, name, destination, payload, options);
  }
}

/** `within`: the subscription that the server is opening, and whose handler this is for. */
function handlerSession(
  router: Router,
  session: Session,
  within: string | undefined,
): HandlerSession {
  return {
    sessionId: session.sessionId,
    attributes: session.attributes,
    subscribe: (destination) => subscribeByServer(router, session, destination, within),
    unsubscribe: (destination) => unsubscribeByServer(session, destination),
  };
}
