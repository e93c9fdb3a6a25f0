/** Owns one open session of the native dialect: its frames become operations, its deliveries become frames. */
import {
  countRequestError,
  Deadline,
  Disconnect,
  RequestError,
  type Octets,
} from '../../foundation/index.js';
import {
  BINARY_CONTENT_TYPE,
  isJsonContentType,
  JSON_CONTENT_TYPE,
  Message,
} from '../../message/index.js';
import {
  decodeClientBinary,
  decodeClientText,
  type ClientFrame,
  type FrameBody,
  type InvalidFrame,
  type ServerFrame,
  type SettlingFrame,
} from '../../protocol/native/index.js';
import { clientCaller, type Caller, type Submission } from '../../routing/index.js';
import {
  checkedPrincipal,
  Session,
  type Connection,
  type ConnectionReceiver,
  type Delivery,
  type DeliveryWriter,
  type Principal,
  type SharedMessage,
  type Subscription,
} from '../../session/index.js';
import type { DialectEnvironment } from '../opening/index.js';
import { Acknowledgements } from './acknowledgements.js';
import { bodyMessage, disconnectMessage, encodeBatch, frameMessage } from './delivery-encoding.js';
import { PendingRequests, type ReplyOutlet } from './pending-requests.js';
import { ReplyLine, type LineOutlet } from './reply-line.js';

type FrameOf<T extends ClientFrame['type']> = Extract<ClientFrame, { readonly type: T }>;

/** Begins when the principal is known. */
export class NativeSession implements ConnectionReceiver, DeliveryWriter, ReplyOutlet, LineOutlet {
  // What a delivery looks at comes first, and stands together.
  readonly #connection: Connection;
  #writtenCount = 0;
  /** Made when a subscription first asks for it. */
  #acknowledgements: Acknowledgements | undefined;
  readonly session: Session;
  readonly #environment: DialectEnvironment;
  readonly #requests: PendingRequests;
  readonly #heartbeat = new Deadline(() => this.#heartbeatDue());
  #heartbeatIntervalMs = 0;
  #isRenewing = false;
  #writtenAtHeartbeat = 0;
  /** Made for the first stream of replies. */
  #replies: ReplyLine | undefined = undefined;
  /** About what the frame costs that is being looked at. */
  #frameBytes = 0;

  constructor(environment: DialectEnvironment, connection: Connection, principal: Principal) {
    this.#environment = environment;
    this.#connection = connection;
    const { maxPendingRequestCount } = environment.session.limits;
    this.#requests = new PendingRequests(this, maxPendingRequestCount);
    this.session = new Session(
      environment.session,
      environment.newSessionId(),
      connection,
      principal,
      this,
    );
    this.session.ended.onCancelled(() => this.#ended());
  }

  textReceived(text: string): void {
    this.#frameBytes = text.length + OPERATION_BYTES;
    this.frameReceived(decodeClientText(text, this.#maxJsonValueCount));
  }

  binaryReceived(octets: Octets): void {
    this.#frameBytes = octets.length + OPERATION_BYTES;
    this.frameReceived(decodeClientBinary(octets, this.#maxJsonValueCount));
  }

  writable(): void {
    this.session.connectionWritable();
    this.#replies?.writeOn();
  }

  closed(closeCode: number): void {
    this.session.end(closeCode);
  }

  /** Answers a connect message. */
  greet(frame: FrameOf<'connect'>): void {
    this.#heartbeatIntervalMs =
      frame.heartbeatIntervalMs === 0
        ? 0
        : Math.max(frame.heartbeatIntervalMs, this.#environment.minHeartbeatIntervalMs);
    this.#setHeartbeat();
    this.#writeFrame({
      type: 'connected',
      sessionId: this.session.sessionId,
      resumed: false,
      principal: this.session.principal.name ?? null,
      heartbeatIntervalMs: this.#heartbeatIntervalMs,
      maxMessageBytes: this.#environment.maxMessageBytes,
    });
  }

  frameReceived(frame: ClientFrame | InvalidFrame): void {
    if (this.session.isEnded) return;
    switch (frame.type) {
      case 'invalid':
        return this.fail(frame.id, frame.error);
      case 'connect':
        return this.fail(
          undefined,
          new RequestError('frame/invalid-field', '"connect" is the first message or none'),
        );
      case 'authenticate':
        return this.#settle(frame, this.#renew(frame));
      case 'subscribe':
        return this.#settle(frame, this.#subscribe(frame));
      case 'acknowledge':
      case 'reject':
        return this.#settleDelivery(frame);
      case 'unsubscribe':
        return this.#settle(frame, this.#unsubscribe(frame));
      case 'send':
        return this.#settle(frame, this.#send(frame));
      case 'request':
        return this.#request(frame);
      case 'cancel':
        return this.#requests.cancel(frame.id);
      case 'disconnect':
        this.session.end(1000);
        return this.#connection.close(1000, '');
      case 'ack':
      case 'heartbeat':
        return undefined;
    }
  }

  writeDelivery(subscription: Subscription, delivery: Delivery): void {
    this.#writtenCount += 1;
    // The name that the client gave it, which is what is written: an interceptor may have led it to another destination.
    const { id: name } = subscription;
    switch (delivery.kind) {
      case 'publications': {
        // All exact subscribers share one encoding: it names no subscription where that is the destination.
        const isOwn = subscription.isCalled(delivery.batch.publications[0]!.destination);
        const variant = isOwn ? 'native' : `native ${name}`;
        const encoded = delivery.batch.encodedAs(variant, (batch) => encodeBatch(batch, name));
        this.#acknowledgements?.delivered(subscription, delivery.batch);
        return this.#connection.sendBatch(encoded);
      }
      case 'snapshot': {
        const { epoch, offset } = delivery.position;
        const fields = { type: 'snapshot', destination: name, epoch, offset };
        return this.#connection.send(bodyMessage(fields, delivery.message));
      }
      case 'reset':
        return this.#writeFrame({ type: 'reset', destination: name, reason: delivery.reason });
      case 'end': {
        const { error } = delivery;
        if (!(error instanceof RequestError)) {
          return this.#writeFrame({ type: 'ended', destination: name });
        }
        const { code, number, message } = error;
        return this.#writeFrame({ type: 'ended', destination: name, code, number, message });
      }
    }
  }

  writeDisconnect(error: Disconnect): void {
    this.write(disconnectMessage(error));
    this.#connection.close(error.closeCode, error.code);
  }

  writeSubscribed({ name }: Subscription, cursor: string | undefined): void {
    this.#writeFrame({
      type: 'subscribed',
      destination: name,
      ...(cursor !== undefined && { cursor }),
    });
  }

  writeUnsubscribed({ name }: Subscription): void {
    this.#writeFrame({ type: 'unsubscribed', destination: name });
  }

  write(message: SharedMessage): void {
    this.#writtenCount += 1;
    this.#connection.send(message);
    this.session.checkOutbound();
  }

  get canTake(): boolean {
    return this.#connection.bufferedBytes < this.#environment.session.limits.maxBufferedBytes;
  }

  writePart(encode: () => SharedMessage | undefined): Promise<void> {
    if (this.session.isEnded) return Promise.resolve();
    this.#replies ??= new ReplyLine(this, this.#environment.session.turns);
    return this.#replies.write(encode);
  }

  /** Answers one frame with an error. What is not a RequestError is our fault: its words go to the log only. */
  fail(id: number | undefined, error: unknown, destination?: string): void {
    const answer = this.#answerOf(error);
    const { code, number, message } = answer;
    countRequestError(this.#environment.session.metrics, answer);
    this.#writeFrame({
      type: 'error',
      ...(id !== undefined && { id }),
      ...(destination !== undefined && { destination }),
      code,
      number,
      message,
    });
  }

  tooMany(): void {
    this.#environment.session.metrics.count('limit_reached', { limit: 'maxPendingRequestCount' });
  }

  report(error: unknown): void {
    this.#environment.log.error('a listener of a cancellation failed', { error });
  }

  #answerOf(error: unknown): RequestError {
    if (error instanceof RequestError) return error;
    this.#environment.log.error('an operation failed', { error });
    return new RequestError('server/failed', 'the server failed to do this; try again');
  }

  #writeFrame(frame: ServerFrame): void {
    this.write(frameMessage(frame));
  }

  get #caller(): Caller {
    return clientCaller(this.session);
  }

  /** Failures of an operation answer its frame. */
  #settle(
    frame: { id: number | undefined; destination?: string; body?: FrameBody },
    outcome: Promise<void>,
  ): void {
    const headerCount = frame.body?.headers.length ?? 0;
    const bytes = this.#frameBytes + headerCount * HEADER_OVERHEAD_BYTES;
    const { flow } = this.session;
    flow.begin(bytes);
    outcome
      .then(
        () => flow.end(bytes),
        (error: unknown) => {
          flow.end(bytes);
          this.fail(frame.id, error, frame.destination);
        },
      )
      .catch((error: unknown) => this.#broken(error));
  }

  /** A defect of ours in one session's answers ends that session, not the process. */
  #broken(error: unknown): void {
    this.#environment.log.error('the answer to a frame failed', { error });
    const internal = new Disconnect('server/internal-error', 'the server failed; come back');
    this.session.end(internal.closeCode, internal);
    this.#connection.close(internal.closeCode, internal.code);
  }

  async #renew(frame: FrameOf<'authenticate'>): Promise<void> {
    const { router } = this.#environment;
    // One at a time: of two, the older token could win by settling last, and each runs the application's hook.
    if (this.#isRenewing) {
      throw new RequestError('request/too-many', 'another renewal of this session is under way');
    }
    this.#isRenewing = true;
    const principal = await this.#authenticate(frame.token);
    if (principal.name !== this.session.principal.name) {
      throw new RequestError(
        'access/other-principal',
        'the new token names another principal; open a connection of its own for it',
      );
    }
    await this.session.renew(principal, (name) => router.regrant(this.session, name));
    if (frame.id !== undefined) this.#writeFrame({ type: 'receipt', id: frame.id });
  }

  async #authenticate(token: string): Promise<Principal> {
    const { handshake } = this.#connection;
    const renews = this.session.principal;
    try {
      return checkedPrincipal(await this.#environment.authenticate({ token, handshake, renews }));
    } finally {
      this.#isRenewing = false;
    }
  }

  async #subscribe(frame: FrameOf<'subscribe'>): Promise<void> {
    const { id, destination, cursor, policy } = frame;
    const maxUnacknowledgedCount = frame.acknowledge
      ? this.session.windowCountOf(frame.maxUnacknowledged)
      : undefined;
    const opened = await this.#environment.router.subscribe(this.session, destination, {
      id: destination,
      cursor,
      policy,
      maxUnacknowledgedCount,
    });
    if (opened.subscription.isClosed) {
      throw new RequestError(
        'subscription/ended',
        'the subscription ended before it was open: it was unsubscribed, or the right to it is gone',
      );
    }
    this.#writeFrame({
      type: 'subscribed',
      ...(id !== undefined && { id }),
      destination,
      ...(opened.cursor !== undefined && { cursor: opened.cursor }),
      ...(opened.recovered !== undefined && { recovered: opened.recovered }),
      ...(maxUnacknowledgedCount !== undefined && { maxUnacknowledged: maxUnacknowledgedCount }),
    });
    if (opened.window !== undefined) {
      this.#acknowledgements ??= new Acknowledgements();
      this.#acknowledgements.opened(opened.subscription, opened.window);
    }
    opened.subscription.start();
  }

  #settleDelivery(frame: SettlingFrame): void {
    const { id, destination } = frame;
    const name = frame.subscription ?? destination;
    try {
      this.#acknowledgements ??= new Acknowledgements();
      this.#acknowledgements.settle(this.session.subscription(name), frame);
    } catch (error) {
      return this.fail(id, error, name);
    }
    if (id !== undefined) this.#writeFrame({ type: 'receipt', id });
  }

  #unsubscribe({ id, destination }: FrameOf<'unsubscribe'>): Promise<void> {
    return this.#environment.router.unsubscribe(this.session, destination, () =>
      this.#writeFrame({ type: 'unsubscribed', ...(id !== undefined && { id }), destination }),
    );
  }

  async #send(frame: FrameOf<'send'>): Promise<void> {
    const { id, destination } = frame;
    const outcome = await this.#environment.router.send(
      this.#caller,
      destination,
      this.#submissionOf(frame),
    );
    if (id === undefined) return;
    const { position, isDuplicate } = outcome;
    this.#writeFrame({
      type: 'receipt',
      id,
      ...position,
      ...(isDuplicate === true && { isDuplicate }),
    });
  }

  #request(frame: FrameOf<'request'>): void {
    const { id, destination } = frame;
    this.#settle(
      frame,
      this.#requests.run(id, async (cancellation) =>
        this.#environment.router.request(
          this.#caller,
          destination,
          this.#submissionOf(frame),
          cancellation,
        ),
      ),
    );
  }

  #submissionOf({ body, key, messageId }: FrameOf<'send' | 'request'>): Submission {
    return { message: messageOf(body, this.#maxJsonValueCount), key, messageId };
  }

  get #maxJsonValueCount(): number {
    return this.#environment.session.limits.maxJsonValueCount;
  }

  #setHeartbeat(): void {
    if (this.#heartbeatIntervalMs === 0) return;
    // Looked at twice in an interval, so that no silence is longer than one by more than the deadlines' grain.
    this.#environment.session.deadlines.set(this.#heartbeat, this.#heartbeatIntervalMs / 2);
  }

  #heartbeatDue(): void {
    if (this.#writtenCount === this.#writtenAtHeartbeat) this.#writeFrame({ type: 'heartbeat' });
    this.#writtenAtHeartbeat = this.#writtenCount;
    if (!this.session.isEnded) this.#setHeartbeat();
  }

  #ended(): void {
    this.#environment.session.deadlines.clear(this.#heartbeat);
    this.#requests.cancelAll();
    this.#replies?.close();
  }
}

function messageOf(body: FrameBody, maxJsonValueCount: number): Message {
  const { octets, headers } = body;
  if (!body.isInline) {
    const contentType = body.contentType ?? BINARY_CONTENT_TYPE;
    return Message.fromPeer(octets, contentType, headers, maxJsonValueCount);
  }
  const contentType = body.contentType ?? JSON_CONTENT_TYPE;
  if (!isJsonContentType(contentType)) {
    throw new RequestError(
      'frame/invalid-field',
      `a body of type ${JSON.stringify(contentType.slice(0, 80))} travels in a binary message; inline bodies are JSON`,
    );
  }
  const known = { json: body.takeJson() };
  return Message.fromPeer(octets, contentType, headers, maxJsonValueCount, known);
}

/** The objects, promises and closures that an operation consists of, and those of each header. Measured on Node 20. */
const OPERATION_BYTES = 3_500;
const HEADER_OVERHEAD_BYTES = 64;
