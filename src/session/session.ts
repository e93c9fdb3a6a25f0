/** Owns what one client has on the server: its principal, subscriptions, order of handlers and what goes out to it. */
import {
  Cancellation,
  Deadline,
  Disconnect,
  MAX_SLICE_UNITS,
  RequestError,
} from '../foundation/index.js';
import type {
  Clock,
  DeadlineWheel,
  ErrorCode,
  Log,
  Owner,
  TurnBudget,
} from '../foundation/index.js';
import { isInAudience, type Publication } from '../message/index.js';
import { Batch } from './batch.js';
import type { Connection } from './connection.js';
import type { Delivery } from './delivery.js';
import type { DeliveryWriter } from './delivery-writer.js';
import { DuePump } from './due-pump.js';
import type { Grant } from './grant.js';
import type { HandlerLine } from './handler-line.js';
import { handlerLineOf } from './handler-turns.js';
import { InputFlow, type InputFlowBudget, type InputGate } from './input-flow.js';
import type { SessionLimits } from './limits.js';
import type { Principal } from './principal.js';
import { Renewal } from './renewal.js';
import { ServerOpenings } from './server-openings.js';
import type { SessionEvents, UnsubscribeReason } from './session-events.js';
import type { SessionRegistry } from './session-registry.js';
import { sessionOwner } from './share.js';
import { SlowReader, writeLarge, type OutboundBounds } from './slow-reader.js';
import { Subscription, type SubscriptionOwner } from './subscription.js';
import { Takeovers } from './takeovers.js';
import { UnacknowledgedTotal } from './unacknowledged-total.js';

/** What every session of a server shares. */
export interface SessionEnvironment extends OutboundBounds {
  readonly clock: Clock;
  /** For the ends of tokens. */
  readonly deadlines: DeadlineWheel;
  readonly limits: SessionLimits;
  readonly log: Log;
  /** What pumps count their work in, and go on by. */
  readonly turns: TurnBudget;
  /** What all sessions have under way together. */
  readonly inputFlow: InputFlowBudget;
  readonly registry: SessionRegistry;
  /** Who is told of the session's life. Nobody when left out. */
  readonly events?: SessionEvents;
}

/** One client, from its authentication to its end, which is observed exactly once (semantics R4). */
export class Session implements SubscriptionOwner {
  // What a delivery looks at stands together: of a thousand sessions, none is in the processor's cache when its turn comes.
  readonly connection: Connection;
  readonly #environment: SessionEnvironment;
  readonly #writer: DeliveryWriter;
  /** Subscriptions with something to pull, in the order of their turns; made for the first that has to wait. */
  #ready: Set<Subscription> | undefined = undefined;
  /** While a token is being exchanged for another. */
  #renewal: Renewal | undefined = undefined;
  #isPumping = false;
  #isEnding = false;
  /** What the last pull cost. */
  #pulledUnits = 0;
  readonly sessionId: string;
  readonly handlerLine: HandlerLine;
  /** Cancelled when the session ends. */
  readonly ended: Cancellation = new Cancellation();
  readonly #gate: InputGate;
  #flow: InputFlow | undefined = undefined;
  #unacknowledged: UnacknowledgedTotal | undefined = undefined;
  readonly #subscriptions = new Map<string, Subscription>();
  /** How many there are of one name, where the client has ids of its own for them. */
  #countByName: Map<string, number> | undefined = undefined;
  readonly #tokenEnd = new Deadline(() => this.#tokenDue());
  #principal: Principal;
  #owner: Owner | undefined = undefined;
  #attributes: Map<string, unknown> | undefined;
  #takeovers: Takeovers | undefined;
  #serverOpenings: ServerOpenings | undefined;
  /** Made when something first waits for the client. */
  #slowReader: SlowReader | undefined = undefined;
  /** Made when a turn was not enough. */
  #duePump: DuePump | undefined = undefined;

  constructor(
    environment: SessionEnvironment,
    sessionId: string,
    connection: Connection,
    principal: Principal,
    writer: DeliveryWriter,
    gate: InputGate = connection,
  ) {
    this.#environment = environment;
    this.sessionId = sessionId;
    this.connection = connection;
    this.#principal = principal;
    this.#writer = writer;
    this.#gate = gate;
    this.handlerLine = handlerLineOf(environment, gate);
    this.#watchToken();
    environment.registry.add(this);
    environment.metrics.count('sessions_started');
    environment.events?.opened(this);
  }

  /** What its dialect counts operations in. */
  get flow(): InputFlow {
    const { limits, inputFlow } = this.#environment;
    return (this.#flow ??= new InputFlow(this.#gate, limits, inputFlow, this.owner.share));
  }

  /** What the windows of its subscriptions share. */
  get unacknowledged(): UnacknowledgedTotal {
    const { maxTotalUnacknowledgedCount } = this.#environment.limits;
    return (this.#unacknowledged ??= new UnacknowledgedTotal(maxTotalUnacknowledgedCount));
  }

  get principal(): Principal {
    return this.#principal;
  }

  /** Whose all is that it publishes and opens, the same object for as long as it lives. */
  get owner(): Owner {
    return (this.#owner ??= sessionOwner(this));
  }

  /** What the application keeps for as long as the session lives. */
  get attributes(): Map<string, unknown> {
    return (this.#attributes ??= new Map());
  }

  get isEnded(): boolean {
    return this.ended.isCancelled;
  }

  get subscriptionCount(): number {
    return this.#subscriptions.size;
  }

  subscription(id: string): Subscription | undefined {
    return this.#subscriptions.get(id);
  }

  /** How many messages a subscription of a client that acknowledges may have on their way: what it asks for, up to the limit. */
  windowCountOf(asked: number | undefined): number {
    const { maxUnacknowledgedCount } = this.#environment.limits;
    if (asked === undefined || asked <= maxUnacknowledgedCount) {
      return Math.max(1, asked ?? maxUnacknowledgedCount);
    }
    this.#environment.metrics.count('limit_reached', { limit: 'maxUnacknowledgedCount' });
    return maxUnacknowledgedCount;
  }

  get subscriptions(): Iterable<Subscription> {
    return this.#subscriptions.values();
  }

  /** Begins a subscription that the server made, after its client was told of it. */
  startSubscribed(subscription: Subscription, cursor: string | undefined): void {
    this.#writer.writeSubscribed?.(subscription, cursor);
    subscription.start();
  }

  /** Ends a subscription that the server made, and tells the client so. */
  endSubscribed(subscription: Subscription): void {
    this.release(subscription);
    this.#writer.writeUnsubscribed?.(subscription);
  }

  /** Runs one opening of a name by the server at a time: who asks meanwhile waits for that one, unless it is `within` it itself. */
  openingByServer(name: string, open: () => Promise<void>, within?: string): Promise<void> {
    return (this.#serverOpenings ??= new ServerOpenings()).run(name, open, within);
  }

  /**
   * Reserves an id for a destination or pattern. Throws `subscription/exists` or `subscription/too-many`. The client may take over
   * what the server has subscribed it to, which lives until then (`takeOver`); from then on its own rights count.
   */
  reserve(id: string, name: string, grant: Grant): Subscription {
    const known = this.#subscriptions.get(id);
    const isTakeover = known?.grant.isOfServer === true && known.name === name && !grant.isOfServer;
    if (known !== undefined && !isTakeover) {
      throw new RequestError('subscription/exists', 'this session has that subscription already');
    }
    const { maxSubscriptionCount, maxSubscriptionsPerDestination } = this.#environment.limits;
    if (known === undefined && this.#subscriptions.size >= maxSubscriptionCount) {
      throw this.#tooMany('a session', maxSubscriptionCount, 'maxSubscriptionCount');
    }
    const nameCount = this.#countByName?.get(name) ?? 0;
    if (nameCount >= maxSubscriptionsPerDestination) {
      const limit = 'maxSubscriptionsPerDestination';
      throw this.#tooMany('a destination', maxSubscriptionsPerDestination, limit);
    }
    const subscription = new Subscription(this, id, name, grant);
    if (id !== name) (this.#countByName ??= new Map()).set(name, nameCount + 1);
    this.#subscriptions.set(id, subscription);
    if (known !== undefined) (this.#takeovers ??= new Takeovers()).begin(subscription, known);
    return subscription;
  }

  /** To be called when a subscription is open: the one of the server that it takes over ends. */
  takeOver(subscription: Subscription): void {
    const ofServer = this.#takeovers?.end(subscription);
    if (ofServer !== undefined) this.release(ofServer);
  }

  /** To be called for one that could not be opened: what it was to take over stays. */
  abandon(subscription: Subscription): void {
    const ofServer = this.#takeovers?.end(subscription);
    const { id } = subscription;
    const isKnown = this.#subscriptions.get(id) === subscription;
    this.release(subscription);
    if (isKnown && ofServer?.isClosed === false) this.#subscriptions.set(id, ofServer);
  }

  /** Closes a subscription and forgets its id. */
  release(
    subscription: Subscription,
    reason: UnsubscribeReason = 'unsubscribed',
    code?: ErrorCode,
  ): void {
    this.takeOver(subscription);
    const wasLive = subscription.liveSource !== undefined;
    if (this.#subscriptions.get(subscription.id) === subscription) {
      this.#subscriptions.delete(subscription.id);
    }
    this.#ready?.delete(subscription);
    if (!subscription.isClosed) this.#uncount(subscription);
    this.#close(subscription);
    if (wasLive) this.#environment.events?.unsubscribed(this, subscription, reason, code);
  }

  #tooMany(what: string, count: number, limit: string): RequestError {
    this.#environment.metrics.count('limit_reached', { limit });
    const words = `${what} has at most ${count} subscriptions here (${limit})`;
    return new RequestError('subscription/too-many', words);
  }

  #uncount({ id, name }: Subscription): void {
    const count = id === name ? undefined : this.#countByName?.get(name);
    if (count === undefined) return;
    if (count > 1) this.#countByName?.set(name, count - 1);
    else this.#countByName?.delete(name);
  }

  /** Takes a renewed token; a subscription for which `regrant` throws ends. Resolves when all are decided. */
  async renew(principal: Principal, regrant: (name: string) => Grant): Promise<void> {
    // The token may have been checked while the connection ended.
    if (this.isEnded) return;
    this.#principal = principal;
    this.#watchToken();
    this.#renewal?.cancel();
    const { log, turns } = this.#environment;
    const refused = (subscription: Subscription, error: RequestError): void =>
      this.#finish(subscription, { kind: 'end', error });
    const renewal = new Renewal(this.#all(), { log, principal, regrant, refused });
    this.#renewal = renewal;
    await renewal.run(turns);
    if (this.#renewal === renewal) this.#renewal = undefined;
  }

  subscriptionStarted(subscription: Subscription): void {
    this.#environment.events?.subscribed(this, subscription);
  }

  subscriptionReady(subscription: Subscription): void {
    this.#pump(subscription);
  }

  isDue(subscription: Subscription): boolean {
    return this.#duePump?.isDue === true && this.#ready?.has(subscription) === true;
  }

  /** The connection can take more. */
  connectionWritable(): void {
    this.#slowReader?.caughtUp();
    this.#pump();
  }

  /** Ends it and says why. */
  disconnect(error: Disconnect): void {
    if (this.isEnded) return;
    this.#environment.metrics.count('sessions_disconnected', { code: error.code });
    // Ended first: writing may find that too much waits for this connection, and would come back here.
    this.end(error.closeCode, error);
    this.#writer.writeDisconnect(error);
  }

  /**
   * Ends it without a word: the connection is gone or was closed politely, and the close code says which; or its dialect
   * tells the client of `error` by itself.
   */
  end(closeCode: number, error?: Disconnect): void {
    // One that was disconnected holds what waits for it until its connection has gone.
    if (!this.connection.isOpen) this.#slowReader?.caughtUp();
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#environment.deadlines.clear(this.#tokenEnd);
    this.#environment.registry.remove(this);
    for (const subscription of this.#all()) this.#close(subscription);
    this.#environment.turns.spend(1 + (this.#subscriptions.size >> 2));
    this.#subscriptions.clear();
    this.#countByName = undefined;
    this.#ready = undefined;
    this.#duePump?.forget();
    this.#renewal?.cancel();
    this.#flow?.sessionEnded();
    try {
      this.ended.cancel();
    } catch (error) {
      // A handler's own listener: its fault is not the connection's.
      this.#environment.log.error('a listener of the end of a session failed', { error });
    }
    this.#environment.metrics.count('sessions_ended');
    this.#environment.events?.ended(this, closeCode, error);
  }

  /** Whether a publication is for this session, and what the subscription's grant is for. */
  mayReceive({ grant }: Subscription, { audience, destination }: Publication): boolean {
    return isInAudience(audience, this.sessionId) && grant.covers(destination);
  }

  /** To be called after a reply was queued: too many octets waiting end the session. */
  checkOutbound(): void {
    const { maxBufferedBytes, maxOutboundBytes } = this.#environment.limits;
    const isSlow = this.connection.bufferedBytes > Math.min(maxBufferedBytes, maxOutboundBytes);
    if (!isSlow || this.isEnded) return;
    this.#slow.check();
  }

  *#all(): Generator<Subscription, void> {
    yield* this.#subscriptions.values();
    if (this.#takeovers !== undefined) yield* this.#takeovers.waiting;
  }

  /** A source that fails at its end fails alone: the others have to be closed too. */
  #close(subscription: Subscription): void {
    try {
      subscription.close();
    } catch (error) {
      this.#environment.log.error('a source failed to close', { error });
    }
  }

  get #slow(): SlowReader {
    return (this.#slowReader ??= new SlowReader(this.#environment, this));
  }

  /** Pulls in turns, while the connection can take more and this turn has room; `first` has just become ready. */
  #pump(first?: Subscription): void {
    // What ends gives room back, and must not be delivered to for that.
    if (this.#isEnding) return;
    if (this.#isPumping) {
      if (first !== undefined) this.#line(first);
      return;
    }
    this.#isPumping = true;
    try {
      // Nearly always one is ready alone and has one thing to deliver, so it does not go into the line.
      const isAlone = (this.#ready === undefined || this.#ready.size === 0) && this.#canTake;
      const mayPull = isAlone && this.#environment.turns.hasRoom;
      if (first !== undefined && (!mayPull || this.#pullFirst(first))) this.#line(first);
      if (this.#ready !== undefined) this.#pullInTurns(this.#ready);
    } catch (error) {
      // A defect of ours, or of a mount, ends this session and not the others that are told in the same turn.
      this.#environment.log.error('a delivery failed', { error });
      this.disconnect(new Disconnect('server/internal-error', 'the server failed; come back'));
    } finally {
      this.#isPumping = false;
    }
  }

  /** Who tells it counts a unit for it; what is large counts for more. */
  #pullFirst(first: Subscription): boolean {
    this.#pulledUnits = 0;
    const isDelivered = this.#pullOnce(first);
    if (this.#pulledUnits > 1) this.#environment.turns.spend(this.#pulledUnits - 1);
    return isDelivered;
  }

  #line(subscription: Subscription): void {
    (this.#ready ??= new Set()).add(subscription);
  }

  #pullInTurns(ready: Set<Subscription>): void {
    const { turns } = this.#environment;
    let units = 0;
    for (const subscription of ready) {
      if (!this.#canTake) {
        this.checkOutbound();
        break;
      }
      if (!turns.hasRoom || (units >= MAX_SLICE_UNITS && turns.waitingCount > 0)) {
        (this.#duePump ??= new DuePump(turns, () => this.#pump())).later();
        break;
      }
      ready.delete(subscription);
      this.#pulledUnits = 0;
      // Added again at the end of the line: the iteration comes back to it after the others.
      if (this.#pullOnce(subscription)) ready.add(subscription);
      units += 1 + this.#pulledUnits;
      turns.spend(1 + this.#pulledUnits);
    }
  }

  get #canTake(): boolean {
    const { connection } = this;
    return (
      connection.isOpen && connection.bufferedBytes < this.#environment.limits.maxBufferedBytes
    );
  }

  /** Whether something was delivered, so that there may be more. */
  #pullOnce(subscription: Subscription): boolean {
    if (!this.#mayDeliver(subscription)) return false;
    const delivery = subscription.liveSource?.pull(this.#environment.limits.maxPullBytes);
    if (delivery === undefined) return false;
    if (delivery.kind === 'publications') {
      this.#pulledUnits = delivery.batch.units;
      const batch = this.#permittedPart(subscription, delivery.batch);
      if (batch !== undefined) {
        const permitted = batch === delivery.batch ? delivery : { kind: delivery.kind, batch };
        if (!batch.isLarge) this.#writer.writeDelivery(subscription, permitted);
        else {
          const write = (): void => this.#writer.writeDelivery(subscription, permitted);
          writeLarge(this.connection, this.#environment.limits, batch, write, () => this.#slow);
        }
      }
      return delivery.isLast !== true && !this.#isEnding;
    }
    if (delivery.kind !== 'end') {
      this.#writer.writeDelivery(subscription, delivery);
      return true;
    }
    if (delivery.error instanceof Disconnect) this.disconnect(delivery.error);
    else this.#finish(subscription, delivery);
    return false;
  }

  /** Nothing is delivered without a valid grant: live, replayed or recovered (semantics A3). */
  #mayDeliver(subscription: Subscription): boolean {
    this.#renewal?.decide(subscription);
    const { grant } = subscription;
    if (subscription.isClosed) return false;
    if (grant.isExpiredAt(this.#environment.clock.nowMs())) {
      this.#tokenDue();
      return false;
    }
    if (grant.isPermitted) return true;
    this.#environment.metrics.count('access_refused', { operation: 'delivery' });
    const error = new RequestError('access/denied', 'the right to this subscription has ended');
    this.#finish(subscription, { kind: 'end', error });
    return false;
  }

  /** The publications of a batch that are for this session and that the grant covers: the batch itself when all are (semantics D3). */
  #permittedPart(subscription: Subscription, batch: Batch): Batch | undefined {
    if (subscription.grant.isExact && batch.isForEveryone) return batch;
    const permitted = batch.publications.filter((publication) =>
      this.mayReceive(subscription, publication),
    );
    if (permitted.length === batch.publications.length) return batch;
    return permitted.length === 0 ? undefined : new Batch(permitted);
  }

  #finish(subscription: Subscription, end: Delivery & { readonly kind: 'end' }): void {
    const wasLive = subscription.liveSource !== undefined;
    const { error } = end;
    this.release(subscription, error === undefined ? 'ended' : 'refused', error?.code);
    // One that is still opening has not been acknowledged; its opener finds it closed and answers.
    if (wasLive) this.#writer.writeDelivery(subscription, end);
  }

  #watchToken(): void {
    const { clock, deadlines } = this.#environment;
    const { expiresAtMs } = this.#principal;
    if (expiresAtMs === undefined) deadlines.clear(this.#tokenEnd);
    else deadlines.set(this.#tokenEnd, Math.max(0, expiresAtMs - clock.nowMs()));
  }

  #tokenDue(): void {
    const { expiresAtMs } = this.#principal;
    if (expiresAtMs === undefined) return;
    // The wall clock may have been set back since the deadline was computed.
    if (this.#environment.clock.nowMs() < expiresAtMs) {
      this.#watchToken();
      return;
    }
    this.disconnect(
      new Disconnect('session/token-expired', 'the token has expired; come back with a new one'),
    );
  }
}
