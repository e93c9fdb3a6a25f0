/** Owns what an application's handler is given and may answer. */
import type { CancellationSignal, JsonValue, StandardSchema } from '../../foundation/index.js';
import type { SchemaOutput } from '../../foundation/index.js';
import type {
  Message,
  MessageHeaders,
  MessageOptions,
  StreamPosition,
} from '../../message/index.js';
import type { Operation, Principal } from '../../session/index.js';
import type { DestinationVariables } from './destination-variables.js';

/** What may accompany something that a handler sends. */
export interface HandlerSendOptions extends MessageOptions {
  /** What `latest` and `sample` tell apart by. */
  readonly key?: string;
  /** A repeated id is answered with the first position and not published again. */
  readonly messageId?: string;
  /** Whether the session whose message is being handled does not get it. Default false. */
  readonly excludeSender?: boolean;
}

/** What may accompany something that a handler sends to a user. */
export interface HandlerSendToUserOptions extends HandlerSendOptions {
  /** This one of the user's sessions alone. Default: all of them. */
  readonly sessionId?: string;
}

/** The session whose message is being handled. */
export interface HandlerSession {
  readonly sessionId: string;
  /** For the application to keep what belongs to the session; gone with it. Shared by all handlers, told to nobody. */
  readonly attributes: Map<string, unknown>;
  /**
   * Subscribes the session to a destination or pattern in the server's name, and tells its client. Nothing happens when it is
   * subscribed already. Rejects with a RequestError: `subscription/too-many` for one.
   */
  readonly subscribe: (destination: string) => Promise<void>;
  /** Ends such a subscription and tells the client. Answers whether there was one. */
  readonly unsubscribe: (destination: string) => boolean;
}

/** Everything about the message that a handler of a pattern was called for. */
export type HandlerContext<Payload = JsonValue, Pattern extends string = string> = MappingContext<
  Payload,
  DestinationVariables<Pattern>
>;

/** Everything about the message that a handler was called for. */
export interface MappingContext<Payload, Variables> {
  /** `send`: the value goes to a destination. `request`: it is the reply. `subscribe`: it is the one-time answer. */
  readonly operation: Operation;
  /** The whole destination, such as `/app/orders/17`. */
  readonly destination: string;
  /** Values of the pattern's `{name}` segments: `variables.name`, or `variables.get('name')`. */
  readonly variables: Variables;
  /**
   * What the mapping's schema made of the body. Without a schema: JSON as its value, text as a string; reading it throws
   * `message/invalid` for any other body. `null`, for the schema too, for a subscription and for a body without octets.
   */
  readonly payload: Payload;
  /**
   * The body as JSON, `null` for a subscription and a body without octets. Reading it throws `message/invalid` when the
   * body is not JSON.
   */
  readonly body: JsonValue;
  readonly message: Message;
  readonly headers: MessageHeaders;
  /** The value of the first header of a name; names are case-sensitive. */
  readonly header: (name: string) => string | undefined;
  readonly principal: Principal;
  /** Undefined when the server itself or its HTTP API sent the message. */
  readonly session: HandlerSession | undefined;
  /** Undefined when the server itself or its HTTP API sent the message. */
  readonly sessionId: string | undefined;
  /** Cancelled when the asker no longer waits: it said so, or its session ended. */
  readonly cancellation: CancellationSignal;
  /**
   * Sends to any destination in the server's name, past the access rules: any JSON value, octets or a Message. Answers the
   * position, for destinations that have one. Rejects with a RequestError.
   */
  readonly send: (
    destination: string,
    payload: unknown,
    options?: HandlerSendOptions,
  ) => Promise<StreamPosition | undefined>;
  /**
   * Sends to a destination of a user, such as `/queue/notices`, which its sessions know as `/user/queue/notices`. The name of an
   * anonymous session is its session id. Rejects with a RequestError.
   */
  readonly sendToUser: (
    name: string,
    destination: string,
    payload: unknown,
    options?: HandlerSendToUserOptions,
  ) => Promise<StreamPosition | undefined>;
}

/**
 * A JSON value, octets, or a Message for anything else; a promise of one; or an async iterable of them, which streams.
 * `undefined` and `null` are sent nowhere; a request is answered `null`.
 */
export type HandlerResult = unknown;

/** Runs one message. What it throws as a RequestError reaches the caller; anything else becomes `app/failed`, without its words. */
export type Handler<Payload = JsonValue, Pattern extends string = string> = (
  context: HandlerContext<Payload, Pattern>,
) => HandlerResult;

/** Where the value of a handler goes when it does not answer a request. */
export interface ValueOptions {
  /**
   * Destinations, with `{name}` for the pattern's variables: `/topic/orders/{id}`. Default: for a send, `/topic` and the path
   * below the prefix (`/app/hello` to `/topic/hello`), unless `sendToUser` is given; for a subscription, its subscriber alone.
   */
  readonly sendTo?: string | readonly string[];
  /**
   * Destinations of the sender's user, such as `/queue/answers`; `true` for `/queue` and the path. A sender without a name is
   * one session. Default: none.
   */
  readonly sendToUser?: string | readonly string[] | true;
  /** Whether `sendToUser` reaches all of the user's sessions, and not the sender's alone. Default true. */
  readonly broadcast?: boolean;
  /** Whether the session that sent the message does not get the value. Default false. */
  readonly excludeSender?: boolean;
}

/** A schema, or none. */
export type PayloadSchema = StandardSchema | undefined;

/** What a handler gets as `payload`. */
export type PayloadOf<Schema extends PayloadSchema> = Schema extends StandardSchema
  ? SchemaOutput<Schema>
  : JsonValue;

export interface MappingOptions<Schema extends PayloadSchema = PayloadSchema> extends ValueOptions {
  /** A schema of any library that follows Standard Schema; what it refuses is answered with `app/invalid-payload`. Default none. */
  readonly payload?: Schema;
  /** What the mapping answers. Default: all three, or `send` and `request` where `payload` is given. */
  readonly operations?: Operation | readonly Operation[];
  /**
   * `serial` (default): messages of one session run one after another, in their order.
   * `parallel`: this mapping does not wait for the session's other handlers, nor they for it.
   */
  readonly concurrency?: 'serial' | 'parallel';
  /**
   * Time for the handler to answer, a stream to yield its first value; then the asker gets `app/timeout`, `cancellation` is
   * cancelled, and the session's next handler runs. Default Infinity.
   */
  readonly timeoutMs?: number;
}

/** Answers an error that a handler threw. The value goes where the options say; a request gets it as its reply. */
export type ExceptionHandler<Thrown = unknown> = (
  error: Thrown,
  context: HandlerContext,
) => HandlerResult;

/** Where the value of an exception handler goes. Default: `/queue/errors` of the sender's user, for the sender's session alone. */
export type ExceptionOptions = Omit<ValueOptions, 'excludeSender'>;
