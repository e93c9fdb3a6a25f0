/** Owns a client of the simulation that checks all it is told against what was truly published. */
import assert from 'node:assert/strict';
import type { TidewayServer } from 'tideway';
import { ConnectionPair, type VirtualTime } from 'tideway/testing';
import type { Truth } from './adversarial-store.js';
import { NATIVE, type Frame, type Language } from './languages.js';

interface Subscription {
  state: 'opening' | 'live' | 'closing';
  readonly isPattern: boolean;
  /** What was asked for, when it was. */
  readonly askedCursor: string | undefined;
  /** The last offset that was delivered, by destination; for an exact one it begins at the cursor. */
  readonly last: Map<string, number>;
  /** How far each stream was when the subscription was live: what comes after is owed (semantics S4). */
  heads: ReadonlyMap<string, number>;
}

/** What happened, over all clients of a seed: a simulation in which nothing happens proves nothing. */
export interface Tally {
  delivered: number;
  recovered: number;
  unrecovered: number;
  /** Of these, how many missed something. */
  lost: number;
  slow: number;
  interrupted: number;
  receipts: number;
  /** Losses of the feed that no reader was told of. */
  repaired: number;
}

export interface ClientSurroundings {
  readonly server: TidewayServer;
  readonly time: VirtualTime;
  readonly truths: ReadonlyMap<string, Truth>;
  readonly tally: Tally;
  readonly isLossy: boolean;
  /** What a client was told wrongly, in the order in which it happened. */
  readonly failures: unknown[];
}

/** Speaks a dialect over a connection pair; comes back with cursors. */
export class CheckedClient {
  readonly name: string;
  readonly #around: ClientSurroundings;
  readonly #language: Language;
  #pair: ConnectionPair | undefined;
  #subscriptions = new Map<string, Subscription>();
  /** Where each exact destination was left; kept over connections. */
  readonly #cursors = new Map<string, string>();
  readonly #sent = new Map<number, { destination: string; body: string }>();
  #nextId = 1;

  constructor(name: string, around: ClientSurroundings, language: Language = NATIVE) {
    this.#language = language;
    this.name = name;
    this.#around = around;
  }

  get isConnected(): boolean {
    return this.#pair !== undefined && this.#pair.ended === undefined;
  }

  connect(kernelBytes: number): void {
    // What was on its way before a polite end is read first.
    this.#pair?.readOn();
    this.#subscriptions = new Map();
    this.#sent.clear();
    const { time, server } = this.#around;
    const pair = new ConnectionPair(time, server.accept, {
      kernelBytes,
      handshake: { subprotocol: this.#language.subprotocol },
    });
    this.#pair = pair;
    pair.onMessage(({ octets, isBinary }) => {
      assert.ok(!isBinary, 'a text message');
      // Thrown here it would reach the server, which has every right to catch it.
      try {
        const frame = this.#language.read(octets);
        if (frame !== undefined) this.#received(frame);
      } catch (error) {
        this.#around.failures.push(error);
      }
    });
    // Named, and the same after each cut: what it published is its own (semantics S8).
    this.#write({ type: 'connect', token: this.name });
  }

  cut(): void {
    this.#pair?.cut();
  }

  stopReading(): void {
    this.#pair?.stopReading();
  }

  readOn(): void {
    this.#pair?.readOn();
  }

  /** Subscribes with the cursor that it has, if it has one and wants to. */
  subscribe(name: string, withCursor: boolean): void {
    if (!this.isConnected || this.#subscriptions.has(name)) return;
    const isPattern = name.includes('*');
    const askedCursor = withCursor && !isPattern ? this.#cursors.get(name) : undefined;
    this.#subscriptions.set(name, {
      state: 'opening',
      isPattern,
      askedCursor,
      last: new Map(),
      heads: new Map(),
    });
    this.#write({ type: 'subscribe', id: this.#nextId++, destination: name, cursor: askedCursor });
  }

  unsubscribe(name: string): void {
    const subscription = this.#subscriptions.get(name);
    if (!this.isConnected || subscription?.state !== 'live') return;
    subscription.state = 'closing';
    this.#write({ type: 'unsubscribe', destination: name });
  }

  publish(destination: string, body: string, messageId: string | undefined): void {
    if (!this.isConnected) return;
    const id = this.#nextId++;
    this.#sent.set(id, { destination, body });
    this.#write({ type: 'send', id, destination, body, messageId });
  }

  /** Subscriptions that have not been given all that they are owed. */
  owed(): readonly string[] {
    const owed: string[] = [];
    for (const [name, subscription] of this.#subscriptions) {
      if (subscription.state !== 'live') owed.push(`${this.name} ${name} is ${subscription.state}`);
      for (const [destination, { bodies }] of this.#around.truths) {
        if (!isInside(name, destination)) continue;
        const owedFrom = subscription.heads.get(destination) ?? 0;
        const last = subscription.last.get(destination) ?? owedFrom;
        if (last < bodies.length) {
          owed.push(`${this.name} ${name}: ${destination} is at ${last} of ${bodies.length}`);
        }
      }
    }
    return owed;
  }

  #write(frame: Frame): void {
    this.#pair?.sendText(this.#language.write(frame));
  }

  #received(frame: Frame): void {
    switch (frame.type) {
      case 'connected':
        return undefined;
      case 'subscribed':
        return this.#subscribed(frame);
      case 'unsubscribed':
        this.#subscriptions.delete(frame['destination'] as string);
        return undefined;
      case 'publication':
        return this.#publication(frame);
      case 'receipt':
        return this.#receipt(frame);
      case 'disconnect':
        return this.#disconnected(frame);
      default:
        assert.fail(`${this.name} did not expect ${JSON.stringify(frame)}`);
    }
  }

  #subscribed(frame: Frame): void {
    const { truths, tally } = this.#around;
    const name = frame['destination'] as string;
    const subscription = this.#subscriptions.get(name);
    assert.ok(subscription?.state === 'opening', `${name} was acknowledged out of turn`);
    subscription.state = 'live';
    subscription.heads = new Map(
      [...truths].map(([destination, { bodies }]) => [destination, bodies.length]),
    );
    if (subscription.isPattern) return;
    const cursor = frame['cursor'] as string;
    assert.match(cursor, /^[\w-]+:\d+$/);
    const { askedCursor } = subscription;
    assert.equal(typeof frame['recovered'], askedCursor === undefined ? 'undefined' : 'boolean');
    if (frame['recovered'] === true) {
      tally.recovered += 1;
      assert.equal(cursor, askedCursor, '[S6] recovered means from where it was left');
    }
    if (frame['recovered'] === false) {
      tally.unrecovered += 1;
      // A replay reads the store, which may be ahead of the feed: who comes back with what it was given there may be ahead of the
      // stream, and is told false though nothing is lost to it.
      if (offsetIn(cursor) >= offsetIn(askedCursor ?? '')) tally.lost += 1;
    }
    this.#cursors.set(name, cursor);
    subscription.last.set(name, Number(cursor.split(':')[1]));
  }

  #publication(frame: Frame): void {
    const destination = frame['destination'] as string;
    const offset = frame['offset'] as number;
    const name = (frame['subscription'] as string | undefined) ?? destination;
    const where = `${this.name} ${name}: ${destination} ${offset}`;
    const subscription = this.#subscriptions.get(name);
    assert.ok(subscription !== undefined, `${where} came without a subscription`);
    assert.notEqual(subscription.state, 'opening', `[S4] ${where} came before the answer`);
    const truth = this.#around.truths.get(destination);
    assert.equal(frame['epoch'], truth?.epoch, `${where} is of another epoch`);
    assert.equal(
      frame['body'],
      JSON.parse(truth?.bodies[offset - 1] ?? 'null'),
      `${where} was invented`,
    );
    const head = subscription.heads.get(destination) ?? 0;
    const last = subscription.last.get(destination);
    if (last !== undefined) assert.equal(offset, last + 1, `[O1] ${where} came after ${last}`);
    // What was on its way when the answer was may come too. Of a stream that no reader holds, the feed's first entry
    // says where it stands: a loss before that one cannot be seen, so only a feed without losses is held to this.
    else if (!this.#around.isLossy)
      assert.ok(offset <= head + 1, `[S4] ${where} came first, but ${head + 1} is owed`);
    subscription.last.set(destination, offset);
    if (!subscription.isPattern) this.#cursors.set(name, `${truth?.epoch}:${offset}`);
    this.#around.tally.delivered += 1;
  }

  #receipt(frame: Frame): void {
    const sent = this.#sent.get(frame['id'] as number);
    assert.ok(sent !== undefined, 'a receipt for nothing');
    const truth = this.#around.truths.get(sent.destination);
    const body = truth?.bodies[(frame['offset'] as number) - 1];
    assert.equal(body, JSON.stringify(sent.body), 'the receipt names another publication');
    this.#around.tally.receipts += 1;
  }

  #disconnected(frame: Frame): void {
    const { tally } = this.#around;
    assert.equal(frame['mayReconnect'], true);
    if (frame['code'] === 'server/shutdown') return;
    if (frame['code'] === 'session/slow-consumer') tally.slow += 1;
    else {
      assert.equal(frame['code'], 'stream/interrupted');
      tally.interrupted += 1;
    }
  }
}

function offsetIn(cursor: string): number {
  return Number(cursor.split(':')[1]);
}

function isInside(name: string, destination: string): boolean {
  return name === destination || (name === '/topic/*' && destination.startsWith('/topic/'));
}
