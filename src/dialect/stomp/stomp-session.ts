/** Owns one open session of STOMP: its frames become operations, its deliveries become frames. */
import {
  countRequestError,
  Deadline,
  Disconnect,
  REQUEST_ERRORS,
  RequestError,
} from '../../foundation/index.js';
import type { StreamPosition } from '../../message/index.js';
import {
  formatHeartbeatOffer,
  heartbeatIntervalMs,
  type ClientCommand,
  type HeartbeatOffer,
  type StompFrame,
  type StompHeaders,
  type StompVersion,
} from '../../protocol/stomp/index.js';
import { clientCaller, type FailedOperation } from '../../routing/index.js';
import {
  Session,
  type Connection,
  type Delivery,
  type DeliveryWriter,
  type InputGate,
  type Principal,
  type SharedMessage,
  type Subscription,
} from '../../session/index.js';
import type { StompEnvironment } from './environment.js';
import { byteLengthOf, OPERATION_BYTES } from './frame-cost.js';
import { Heartbeats, type HeartbeatOutlet } from './heartbeats.js';
import { operationOf, Refusals } from './refusals.js';
import {
  connectedMessage,
  errorMessage,
  heartbeatMessage,
  receiptMessage,
  type StompFailure,
} from './server-frames.js';
import type { StompSubscription } from './stomp-subscription.js';
import { requiredHeader } from './required-header.js';
import { StompSubscriptions, partOf } from './stomp-subscriptions.js';
import { submissionOf } from './submission.js';
import { Transactions } from './transactions.js';

type Frame = StompFrame<ClientCommand>;

/** What a frame came to. */
interface Outcome {
  readonly receiptHeaders?: StompHeaders;
  /** What may happen only once the receipt is written. */
  readonly afterReceipt?: () => void;
  /** Part of it was refused, and the client has been told: there is no receipt. */
  readonly isRefused?: boolean;
}

const DONE: Outcome = {};
const REFUSED: Outcome = { isRefused: true };

/** What CONNECTED says of us, beyond STOMP. */
const OFFERS = 'acknowledgement,cursor,receipt,transaction';
/** Beside these, where refusals are told on the errors queue. */
const REFUSAL_OFFER = ',refusal';
/** DISCONNECT waits so long for the receipts of what came before it. */
const LINGER_MS = 100;

/** Begins when the principal is known. */
export class StompSession implements DeliveryWriter, HeartbeatOutlet {
  // What a delivery looks at comes first.
  readonly #connection: Connection;
  readonly #heartbeats: Heartbeats;
  readonly session: Session;
  readonly #environment: StompEnvironment;
  readonly #version: StompVersion;
  readonly #gate: InputGate;
  readonly #subscriptions: StompSubscriptions;
  readonly #transactions: Transactions<Frame>;
  /** Undefined where what is refused ends the connection, as STOMP has it. */
  readonly #refusals: Refusals | undefined;
  readonly #linger = new Deadline(() => this.#leave());
  /** The DISCONNECT that waits for receipts. */
  #farewell: Frame | undefined;
  #unsettledCount = 0;
  /** What the ERROR says of the frame that it is about. */
  #failure: StompFailure | undefined;

  constructor(
    environment: StompEnvironment,
    connection: Connection,
    principal: Principal,
    version: StompVersion,
    gate: InputGate,
  ) {
    const { session, newSessionId, router, errorsQueue } = environment;
    this.#gate = gate;
    this.#environment = environment;
    this.#connection = connection;
    this.#version = version;
    this.#heartbeats = new Heartbeats(session.deadlines, this);
    this.session = new Session(session, newSessionId(), connection, principal, this, gate);
    this.#transactions = new Transactions(session.limits, session.metrics, this.session.flow);
    this.#subscriptions = new StompSubscriptions(router, this.session, version, session.metrics);
    this.#refusals = errorsQueue && new Refusals(errorsQueue, this.session);
    this.session.ended.onCancelled(() => this.#ended());
  }

  /** Answers CONNECT. */
  greet(client: HeartbeatOffer): void {
    const { minHeartbeatIntervalMs, maxMessageBytes, serverName } = this.#environment;
    const own = { sendsEveryMs: minHeartbeatIntervalMs, wantsEveryMs: minHeartbeatIntervalMs };
    const { name } = this.session.principal;
    const headers: StompHeaders = [
      // STOMP 1.0 has no heartbeats.
      ...(this.#version === '1.0' ? [] : ([['heart-beat', formatHeartbeatOffer(own)]] as const)),
      ['session', this.session.sessionId],
      ['server', serverName],
      ...(name === undefined ? [] : ([['user-name', name]] as const)),
      ['tideway-offers', this.#refusals === undefined ? OFFERS : OFFERS + REFUSAL_OFFER],
      ['tideway-max-message-bytes', String(maxMessageBytes)],
    ];
    this.#write(connectedMessage(this.#version, headers));
    this.#heartbeats.start(heartbeatIntervalMs(own, client), heartbeatIntervalMs(client, own));
  }

  /** Octets have come, of whatever kind. */
  heard(): void {
    this.#heartbeats.heard();
  }

  writable(): void {
    this.session.connectionWritable();
  }

  closed(closeCode: number): void {
    this.session.end(closeCode);
    this.#environment.session.deadlines.clear(this.#linger);
  }

  violated(message: string): void {
    this.session.disconnect(new Disconnect('session/protocol-error', message));
  }

  frameReceived(frame: Frame): void {
    if (this.session.isEnded) return;
    try {
      this.#handle(frame);
    } catch (error) {
      // Told on a queue it takes its time, and counts as under way.
      if (this.#refusals !== undefined) this.#settle(frame, Promise.reject(error as Error));
      else void this.#failed(operationOf(frame), error);
    }
  }

  writeDelivery(subscription: Subscription, delivery: Delivery): void {
    const known = partOf(subscription);
    if (known === undefined) return;
    switch (delivery.kind) {
      case 'publications':
        this.#heartbeats.written();
        return this.#connection.sendBatch(known.encode(delivery.batch));
      case 'snapshot':
        return this.#write(known.encodeSnapshot(delivery.message, delivery.position));
      case 'reset':
        return known.tellReset(delivery.reason);
      case 'end':
        this.#subscriptions.forget(subscription);
        // STOMP has no frame for the end of a subscription; a failure must not look like silence.
        if (delivery.error instanceof RequestError && !known.isUnsubscribed) {
          this.#subscriptionFailed(known, delivery.error);
        }
    }
  }

  writeDisconnect(error: Disconnect): void {
    const failure = this.#failure ?? { code: error.code, message: error.message };
    this.#write(errorMessage(this.#version, failure));
    this.#connection.close(error.closeCode, error.code);
  }

  /** STOMP has no frame for it: the id of such a subscription is its destination, in its MESSAGE frames. */
  writeSubscribed(subscription: Subscription): void {
    this.#subscriptions.adopt(subscription);
    this.#refusals?.opened(subscription);
  }

  writeUnsubscribed(subscription: Subscription): void {
    this.#subscriptions.forget(subscription);
  }

  heartbeatDue(): void {
    this.#write(heartbeatMessage());
  }

  askPeer(): void {
    this.#connection.askAlive?.();
  }

  peerSilent(): void {
    // It may have said what nobody has read.
    if (this.session.flow.isPaused) return this.heard();
    this.session.disconnect(
      new Disconnect('session/heartbeat-timeout', 'no heartbeat came for three intervals'),
    );
  }

  #handle(frame: Frame): void {
    switch (frame.command) {
      case 'CONNECT':
      case 'STOMP':
        return this.violated('a connection has one CONNECT');
      case 'SEND':
      case 'ACK':
      case 'NACK':
        return this.#take(frame);
      case 'SUBSCRIBE':
        return this.#settle(frame, this.#subscribe(frame));
      case 'UNSUBSCRIBE':
        return this.#settle(frame, this.#unsubscribe(frame));
      case 'BEGIN':
        this.#transactions.begin(requiredHeader(frame, 'transaction'));
        return this.#receipt(frame);
      case 'COMMIT':
        return this.#settle(frame, this.#commit(frame));
      case 'ABORT':
        this.#transactions.take(requiredHeader(frame, 'transaction'));
        return this.#receipt(frame);
      case 'DISCONNECT':
        return this.#disconnect(frame);
    }
  }

  /** Does it at once, or at its COMMIT. */
  #take(frame: Frame): void {
    const transaction = frame.headers.get('transaction');
    if (transaction === undefined) return this.#do(frame);
    try {
      if (frame.command === 'SEND') requiredHeader(frame, 'destination');
      this.#transactions.add(transaction, frame, byteLengthOf(frame));
    } catch (error) {
      if (error instanceof RequestError) this.#transactions.lacks(transaction, error);
      throw error;
    }
    // The receipt says that it is in the transaction; that of COMMIT, that it is done.
    this.#receipt(frame);
  }

  #do(frame: Frame): void {
    if (frame.command === 'SEND') return this.#settle(frame, this.#send(frame));
    this.#subscriptions.acknowledge(frame);
    this.#receipt(frame);
  }

  async #send(frame: Frame, asksOutcome = frame.headers.has('receipt')): Promise<Outcome> {
    const destination = requiredHeader(frame, 'destination');
    const caller = clientCaller(this.session);
    try {
      const { router } = this.#environment;
      // A client that did not ask for the outcome is told of a failing handler on its errors queue, and stays connected.
      const submission = {
        ...submissionOf(frame, this.#environment.session.limits.maxJsonValueCount),
        answersFailures: asksOutcome,
      };
      const outcome = await router.send(caller, destination, submission);
      const { position, failure } = outcome;
      if (failure !== undefined) this.#count(failure);
      if (position === undefined) return DONE;
      const place = placeHeaders(position);
      if (outcome.isDuplicate !== true) return { receiptHeaders: place };
      return { receiptHeaders: [...place, ['tideway-duplicate', 'true']] };
    } catch (error) {
      // As with Spring: what a handler makes of a message is the application's, unless the client asked for its outcome.
      if (asksOutcome || !isOfHandler(error)) throw error;
      this.#count(error);
      return DONE;
    }
  }

  /** In order and with nothing of this session between; one that is refused ends the connection. */
  async #commit(frame: Frame): Promise<Outcome> {
    const id = requiredHeader(frame, 'transaction');
    const { items: kept, refusal } = this.#transactions.take(id);
    // The receipt of a COMMIT speaks of all that it did, handlers that were too busy included.
    const asksOutcome = frame.headers.has('receipt');
    const outcomes: Promise<unknown>[] = [];
    const begin = (one: Frame): void => {
      const outcome =
        one.command === 'SEND'
          ? this.#send(one, asksOutcome || one.headers.has('receipt'))
          : this.#acknowledge(one);
      // Each is begun, and none may be refused with nobody there to hear it.
      outcome.catch(() => {});
      outcomes.push(outcome);
    };
    const { flow } = this.session;
    const bytes = kept.reduce((sum, one) => sum + byteLengthOf(one), 0);
    flow.begin(bytes);
    try {
      this.#gate.pauseInput();
      await this.#environment.session.turns
        .inSlices(kept, begin)
        .finally(() => this.#gate.resumeInput());
      if (this.#refusals === undefined) await Promise.all(outcomes);
      else if (await this.#areRefused(frame, kept, outcomes)) return REFUSED;
      // It was told of the frame; that the receipt does not come is another matter.
      if (refusal !== undefined && asksOutcome) throw refusal;
    } finally {
      flow.end(bytes);
    }
    return DONE;
  }

  /** Each that was refused is told of by itself, and of the receipt of the COMMIT that does not come. */
  async #areRefused(
    { headers }: Frame,
    kept: readonly Frame[],
    outcomes: readonly Promise<unknown>[],
  ): Promise<boolean> {
    let areRefused = false;
    const receipt = headers.get('receipt');
    await Promise.all(
      outcomes.map((outcome, index) =>
        outcome.catch((error: unknown) => {
          areRefused = true;
          return this.#failed({ ...operationOf(kept[index]!), receipt }, error);
        }),
      ),
    );
    return areRefused;
  }

  async #acknowledge(frame: Frame): Promise<Outcome> {
    this.#subscriptions.acknowledge(frame);
    return DONE;
  }

  async #subscribe(frame: Frame): Promise<Outcome> {
    const opening = this.#subscriptions.open(frame);
    this.#refusals?.asked(frame.headers.get('destination'), opening);
    const opened = await opening;
    if (opened === undefined) return DONE;
    this.#refusals?.opened(opened.subscription);
    const { subscription, cursor, recovered } = opened;
    const receiptHeaders: [string, string][] = [];
    if (cursor !== undefined) receiptHeaders.push(['tideway-cursor', cursor]);
    if (recovered !== undefined) receiptHeaders.push(['tideway-recovered', String(recovered)]);
    return { receiptHeaders, afterReceipt: () => subscription.start() };
  }

  async #unsubscribe(frame: Frame): Promise<Outcome> {
    await this.#subscriptions.unsubscribe(frame);
    return DONE;
  }

  /** Answers a frame when it is done, in whatever order they are done. */
  #settle(frame: Frame, outcome: Promise<Outcome>): void {
    this.#unsettledCount += 1;
    const bytes = OPERATION_BYTES + byteLengthOf(frame);
    const { flow } = this.session;
    flow.begin(bytes);
    outcome
      .then(
        ({ receiptHeaders, afterReceipt, isRefused }) => {
          if (isRefused !== true) this.#receipt(frame, receiptHeaders);
          afterReceipt?.();
        },
        (error: unknown) => this.#failed(operationOf(frame), error),
      )
      .finally(() => {
        flow.end(bytes);
        this.#unsettledCount -= 1;
        if (this.#unsettledCount === 0) this.#leave();
      })
      .catch((error: unknown) => this.#broken(error));
  }

  /** A defect of ours in one session's answers ends that session, not the process. Nothing more is written: that may be what failed. */
  #broken(error: unknown): void {
    this.#environment.log.error('the answer to a frame failed', { error });
    const internal = new Disconnect('server/internal-error', 'the server failed; come back');
    this.session.end(internal.closeCode, internal);
    this.#connection.close(internal.closeCode, internal.code);
  }

  #receipt({ headers }: Frame, more?: StompHeaders): void {
    const id = headers.get('receipt');
    if (id !== undefined) this.#write(receiptMessage(this.#version, id, more));
  }

  #disconnect(frame: Frame): void {
    this.#farewell = frame;
    this.session.end(1000);
    if (this.#unsettledCount === 0) this.#leave();
    else this.#environment.session.deadlines.set(this.#linger, LINGER_MS);
  }

  /** STOMP 1.2, "DISCONNECT": its receipt says that all before it was received. */
  #leave(): void {
    const frame = this.#farewell;
    if (frame === undefined) return;
    this.#farewell = undefined;
    this.#environment.session.deadlines.clear(this.#linger);
    this.#receipt(frame);
    this.#connection.close(1000, '');
  }

  #failed(operation: FailedOperation, error: unknown): void | Promise<void> {
    const answer = this.#answerOf(error);
    this.#count(error);
    // What DISCONNECT itself has ended is no failure.
    if (this.#farewell !== undefined && ENDED_WITH_SESSION.has(answer.code)) return;
    // The goodbye to all follows, and it says to come back.
    if (answer.code === 'server/draining') return;
    const { receipt } = operation;
    return this.#refuse(answer, operation, receipt === undefined ? [] : [['receipt-id', receipt]]);
  }

  #subscriptionFailed({ form, destination }: StompSubscription, error: RequestError): void {
    const { subscriptionId } = form;
    const operation = { destination, subscription: subscriptionId };
    const headers: StompHeaders = [['subscription', subscriptionId ?? destination]];
    // Nobody waits for it.
    void Promise.resolve(this.#refuse(error, operation, headers)).catch((failure: unknown) =>
      this.#broken(failure),
    );
  }

  /**
   * STOMP 1.2, "SEND", "SUBSCRIBE": what cannot be done is an ERROR, and the connection is closed. Where the endpoint says so, a client
   * that reads its errors queue is told there and stays.
   */
  #refuse(
    error: RequestError,
    operation: FailedOperation,
    headers: StompHeaders,
  ): void | Promise<void> {
    if (this.#refusals === undefined || this.session.isEnded) return this.#fail(error, headers);
    return this.#refusals.tell(error, operation).then((isTold) => {
      if (!isTold) this.#fail(error, headers);
    });
  }

  #fail({ code, message, mayTryAgain }: RequestError, headers: StompHeaders): void {
    this.#failure ??= { code, message, headers };
    const error = new Disconnect(
      mayTryAgain ? 'session/operation-failed' : 'session/operation-refused',
      message,
    );
    // Between DISCONNECT and its receipt the session has ended, but there is still somebody to tell.
    if (this.#farewell !== undefined) {
      this.#farewell = undefined;
      this.writeDisconnect(error);
    } else this.session.disconnect(error);
  }

  #answerOf(error: unknown): RequestError {
    if (error instanceof RequestError) return error;
    this.#environment.log.error('an operation failed', { error });
    return new RequestError('server/failed', 'the server failed to do this; try again');
  }

  #count(error: unknown): void {
    const { metrics } = this.#environment.session;
    if (error instanceof RequestError) return countRequestError(metrics, error);
    metrics.count('request_errors', { number: String(REQUEST_ERRORS['server/failed']) });
  }

  #write(message: SharedMessage): void {
    this.#heartbeats.written();
    this.#connection.send(message);
    this.session.checkOutbound();
  }

  #ended(): void {
    this.#heartbeats.stop();
    this.#transactions.clear();
    this.#subscriptions.clear();
  }
}

/** What becomes of operations whose session ends while they wait. */
const ENDED_WITH_SESSION: ReadonlySet<string> = new Set([
  'subscription/ended',
  'request/cancelled',
]);

/** Whether a handler of the application refused or failed, rather than the server. */
function isOfHandler(error: unknown): boolean {
  if (!(error instanceof RequestError)) return false;
  return error.code === 'app/failed' || !Object.hasOwn(REQUEST_ERRORS, error.code);
}

function placeHeaders({ epoch, offset }: StreamPosition): StompHeaders {
  return [
    ['tideway-epoch', epoch],
    ['tideway-offset', String(offset)],
  ];
}
