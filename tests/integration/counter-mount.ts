/** Owns a state mount that proves the mount contract: a tree of counters, and the n largest of them as a query. */
import {
  Batch,
  Message,
  Publication,
  RequestError,
  type Delivery,
  type DeliverySink,
  type DeliverySource,
  type Mount,
  type MountKind,
  type OpenedSubscription,
  type SendOperation,
  type SendOutcome,
  type StreamPosition,
  type SubscribeOperation,
} from 'tideway/mount';

/** What a subscriber holds: values by path below the mount. */
export type Counters = Readonly<Record<string, number>>;
/** A change: values that are new or other, and paths that are gone from the view. */
export interface CounterChange {
  readonly set: Counters;
  readonly removed: readonly string[];
}

type View = (counters: ReadonlyMap<string, number>) => ReadonlyMap<string, number>;

/** Changes that may wait for a subscriber; beyond it the subscriber starts anew. */
export const MAX_PENDING_CHANGE_COUNT = 50;

/** Send a number to `/counters/a/b` to add it; subscribe to `/counters/a` for the tree below, to `/counters/top/3` for the largest. */
export class CounterMount implements Mount {
  readonly kind: MountKind = 'state';
  readonly #counters = new Map<string, number>();
  readonly #subscribers = new Set<CounterSource>();
  #revision = 0;

  get subscriberCount(): number {
    return this.#subscribers.size;
  }

  async send({ path, message }: SendOperation): Promise<SendOutcome> {
    const increment = message.json();
    if (path === '' || typeof increment !== 'number') {
      throw new RequestError(
        'counters/not-a-number',
        `send a number to a counter, not to "${path}"`,
      );
    }
    this.#counters.set(path, (this.#counters.get(path) ?? 0) + increment);
    this.#revision += 1;
    for (const subscriber of this.#subscribers) subscriber.changed(this.#counters, this.#position);
    return { position: this.#position };
  }

  async subscribe(operation: SubscribeOperation, sink: DeliverySink): Promise<OpenedSubscription> {
    if (operation.pattern !== undefined) {
      throw new RequestError(
        'destination/pattern-not-allowed',
        'a tree is subscribed to by its root',
      );
    }
    const view = viewOf(operation.path);
    const source = new CounterSource(operation.destination, view, sink, (closed) => {
      this.#subscribers.delete(closed);
    });
    source.changed(this.#counters, this.#position);
    this.#subscribers.add(source);
    return { source };
  }

  get #position(): StreamPosition {
    return { epoch: 'counters', offset: this.#revision };
  }
}

function viewOf(path: string): View {
  const limit = /^\/top\/([1-9]\d?)$/.exec(path)?.[1];
  if (limit === undefined && path.startsWith('/top/')) {
    throw new RequestError('counters/bad-limit', `"${path}" asks for none of the 1 to 99 largest`);
  }
  if (limit === undefined) {
    return (counters) => new Map([...counters].filter(([one]) => `${one}/`.startsWith(`${path}/`)));
  }
  return (counters) => {
    const largest = [...counters].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
    return new Map(largest.slice(0, Number(limit)));
  };
}

/** One subscriber: the view that it has been told, and what it has yet to be told. */
class CounterSource implements DeliverySource {
  readonly #destination: string;
  readonly #view: View;
  readonly #sink: DeliverySink;
  readonly #closed: (source: CounterSource) => void;
  #current: ReadonlyMap<string, number> = new Map();
  #position: StreamPosition = { epoch: 'counters', offset: 0 };
  /** Undefined: a snapshot is due, which will have all of them in it. */
  #pending: Publication[] | undefined = undefined;
  #isResetDue = false;

  constructor(
    destination: string,
    view: View,
    sink: DeliverySink,
    closed: (source: CounterSource) => void,
  ) {
    this.#destination = destination;
    this.#view = view;
    this.#sink = sink;
    this.#closed = closed;
  }

  changed(counters: ReadonlyMap<string, number>, position: StreamPosition): void {
    const before = this.#current;
    this.#current = this.#view(counters);
    this.#position = position;
    const set = [...this.#current].filter(([path, value]) => before.get(path) !== value);
    const removed = [...before.keys()].filter((path) => !this.#current.has(path));
    if (set.length + removed.length === 0) return;
    const change: CounterChange = { set: Object.fromEntries(set), removed };
    const place = { destination: this.#destination, ...position, publishedAtMs: 0 };
    this.#pending?.push(new Publication(Message.fromJson(change), place));
    if ((this.#pending?.length ?? 0) > MAX_PENDING_CHANGE_COUNT) {
      this.#pending = undefined;
      this.#isResetDue = true;
    }
    this.#sink.ready();
  }

  pull(): Delivery | undefined {
    if (this.#isResetDue) {
      this.#isResetDue = false;
      return { kind: 'reset', reason: 'overflow' };
    }
    if (this.#pending === undefined) {
      this.#pending = [];
      const message = Message.fromJson(Object.fromEntries(this.#current));
      return { kind: 'snapshot', message, position: this.#position };
    }
    if (this.#pending.length === 0) return undefined;
    const batch = new Batch(this.#pending);
    this.#pending = [];
    return { kind: 'publications', batch };
  }

  close(): void {
    this.#closed(this);
  }
}
