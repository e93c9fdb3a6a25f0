/** Owns what every mount promises to sessions (the three kinds, the four deliveries), as cases to run against one. */
import { encodeUtf8 } from '../foundation/index.js';
import { DestinationPattern, JSON_CONTENT_TYPE, Message } from '../message/index.js';
import type { Publication } from '../message/index.js';
import type { Caller, Mount, OpenedSubscription, SendOperation } from '../routing/index.js';
import { Grant } from '../session/index.js';
import type { Delivery, DeliverySink, GrantAuthority, Principal } from '../session/index.js';
import { expect, expectEqual, type ContractCase } from './contract-case.js';

/** A mount under test, fresh for every case. */
export interface MountUnderTest {
  readonly mount: Mount;
  /** Where it is mounted, such as `/counters`. */
  readonly prefix: string;
  /** A destination inside the prefix that a client may subscribe to. */
  readonly destination: string;
  /** Where to send for a change that `destination` shows. Default: `destination` itself. */
  readonly sendDestination?: string;
  /** JSON of the n-th send, from 0; every one must change what a subscriber is told. Default: n. */
  readonly body?: (index: number) => unknown;
  /** A destination inside the prefix that the mount refuses to subscribe to, if there is one. */
  readonly refusedDestination?: string;
  /** Sends after which a subscriber of a state that pulls nothing has fallen behind. Default: not tried. */
  readonly overflowSendCount?: number;
  /** Whether subscribers of a destination compete, each publication going to one of them. Default: all are told the same. */
  readonly isCompeting?: boolean;
  /** Waits until what was sent can be pulled, such as the end of a turn. Default: nothing to wait for. */
  settle?(): Promise<void>;
  /** Ends what the case began, after `mount.close()`. */
  dispose?(): Promise<void> | void;
}

const OPEN: GrantAuthority = { generation: 0, permits: () => true };
const TESTER: Principal = { name: 'tester', claims: {}, expiresAtMs: undefined };
const CALLER: Caller = { authority: 'server', principal: TESTER, session: undefined };
const PULL_BYTES = 65_536;

/** A subscriber that counts how often it was told that there is more. */
class Subscriber implements DeliverySink {
  readyCount = 0;
  opened: OpenedSubscription | undefined;

  ready(): void {
    this.readyCount += 1;
  }

  pull(): Delivery | undefined {
    return this.opened?.source.pull(PULL_BYTES);
  }

  /** Everything that is ready. */
  pullAll(): readonly Delivery[] {
    const deliveries: Delivery[] = [];
    for (let next = this.pull(); next !== undefined; next = this.pull()) {
      deliveries.push(next);
      expect(deliveries.length < 10_000, 'pull never answered undefined');
      if (next.kind === 'end') break;
    }
    return deliveries;
  }
}

class Rig {
  readonly underTest: MountUnderTest;
  #sentCount = 0;

  constructor(underTest: MountUnderTest) {
    this.underTest = underTest;
  }

  async subscribe(destination: string = this.underTest.destination): Promise<Subscriber> {
    const { mount } = this.underTest;
    expect(mount.subscribe !== undefined, 'the mount has no subscribe');
    const subscriber = new Subscriber();
    const operation = {
      ...this.#operation('subscribe', destination),
      pattern: undefined,
      cursor: undefined,
      policy: undefined,
    };
    subscriber.opened = await mount.subscribe(operation, subscriber);
    return subscriber;
  }

  async send(count: number = 1): Promise<void> {
    const { mount, destination, sendDestination, body } = this.underTest;
    for (let sent = 0; sent < count; sent++) {
      const index = this.#sentCount++;
      const value = body === undefined ? index : body(index);
      const message = new Message(encodeUtf8(JSON.stringify(value)), JSON_CONTENT_TYPE);
      const operation: SendOperation = {
        ...this.#operation('send', sendDestination ?? destination),
        message,
        key: undefined,
        messageId: undefined,
      };
      expect(mount.send !== undefined, 'the mount has no send');
      await mount.send(operation);
    }
    await this.settle();
  }

  async settle(): Promise<void> {
    await this.underTest.settle?.();
  }

  #operation(operation: 'send' | 'subscribe', destination: string) {
    const { prefix } = this.underTest;
    const scope = DestinationPattern.parse(destination);
    return {
      caller: CALLER,
      destination,
      path: destination.slice(prefix.length),
      grant: new Grant(OPEN, TESTER, operation, scope),
    };
  }
}

function publicationsOf(deliveries: readonly Delivery[]): readonly Publication[] {
  return deliveries.flatMap((delivery) =>
    delivery.kind === 'publications' ? delivery.batch.publications : [],
  );
}

/** Offsets rise by at least one, within one epoch; answers the last of them. */
function expectRising(publications: readonly Publication[], after: number): number {
  let last = after;
  for (const { epoch, offset } of publications) {
    expect(epoch !== undefined && offset !== undefined, 'a publication has no position');
    expect(offset > last, `offset ${offset} came after ${last}`);
    last = offset;
  }
  const epochs = new Set(publications.map(({ epoch }) => epoch));
  expect(epochs.size <= 1, 'one stream changed its epoch without a reset');
  return last;
}

type Add = (name: string, body: (rig: Rig) => Promise<void>) => void;

/**
 * The contract of `Mount`, for the kind that the mount says it is. Give it a way to make a fresh mount; run each case
 * with your test runner: `for (const { name, run } of mountContract('log', makeMount)) test(name, run);`
 * A mount of the kinds `log` and `state` needs `send`, or another way to be changed that its `send` stands for.
 */
export function mountContract(
  kind: Mount['kind'],
  makeMount: () => MountUnderTest | Promise<MountUnderTest>,
): readonly ContractCase[] {
  const contract: ContractCase[] = [];
  const add: Add = (name, body) => {
    const run = async (): Promise<void> => {
      const underTest = await makeMount();
      try {
        await body(new Rig(underTest));
      } finally {
        underTest.mount.close?.();
        await underTest.dispose?.();
      }
    };
    contract.push({ name, run });
  };
  addForAll(add, kind);
  if (kind === 'reply') addForReply(add);
  else addForPositioned(add);
  if (kind === 'log') addForLog(add);
  if (kind === 'state') addForState(add);
  return contract;
}

function addForAll(add: Add, kind: Mount['kind']): void {
  add('the mount says which kind it is', async (rig) => {
    expectEqual(rig.underTest.mount.kind, kind, 'kind');
  });
  add('a refusal is a rejection with a code, not an exception', async (rig) => {
    const { refusedDestination } = rig.underTest;
    if (refusedDestination === undefined) return;
    let rejection: unknown;
    await rig.subscribe(refusedDestination).catch((error: unknown) => (rejection = error));
    const { code } = (rejection ?? {}) as { code?: unknown };
    expect(typeof code === 'string' && code.includes('/'), `rejected with ${String(rejection)}`);
  });
  add('a source can be closed at once, and again nothing is told after it', async (rig) => {
    const subscriber = await rig.subscribe();
    subscriber.opened?.source.close();
    const { readyCount } = subscriber;
    if (rig.underTest.mount.send !== undefined) await rig.send();
    expectEqual(subscriber.readyCount, readyCount, 'times told after close');
  });
  add('a mount closes with subscriptions open', async (rig) => {
    await rig.subscribe();
    await rig.subscribe();
  });
}

function addForReply(add: Add): void {
  add('a reply mount answers with publications without a position, then ends', async (rig) => {
    const subscriber = await rig.subscribe();
    await rig.settle();
    const deliveries = subscriber.pullAll();
    const last = deliveries.at(-1);
    expect(last?.kind === 'end', `the last delivery is ${String(last?.kind)}`);
    for (const publication of publicationsOf(deliveries)) {
      expectEqual(publication.offset ?? null, null, 'the offset of an answer');
      expectEqual(publication.destination, rig.underTest.destination, 'its destination');
    }
    const kinds = new Set(deliveries.slice(0, -1).map((delivery) => delivery.kind));
    expect(
      [...kinds].every((one) => one === 'publications'),
      'only publications before the end',
    );
  });
}

function addForPositioned(add: Add): void {
  add('[S4] what is sent after subscribe has resolved is delivered, and announced', async (rig) => {
    const subscriber = await rig.subscribe();
    subscriber.pullAll();
    const { readyCount } = subscriber;
    await rig.send();
    expect(subscriber.readyCount > readyCount, 'ready was not called');
    expect(publicationsOf(subscriber.pullAll()).length > 0, 'nothing to pull');
    expectEqual(subscriber.pull() ?? null, null, 'the pull after the last');
  });
  add('[O1] publications come in the order of their offsets, one epoch', async (rig) => {
    const subscriber = await rig.subscribe();
    subscriber.pullAll();
    let last = 0;
    for (const count of [1, 5, 2]) {
      await rig.send(count);
      last = expectRising(publicationsOf(subscriber.pullAll()), last);
    }
    expect(last > 0, 'nothing came');
  });
  add('two subscribers are told the same, or share it where they compete', async (rig) => {
    const [left, right] = [await rig.subscribe(), await rig.subscribe()];
    for (const subscriber of [left, right]) subscriber.pullAll();
    await rig.send(3);
    if (rig.underTest.isCompeting === true) {
      const pulled = [left, right].flatMap((subscriber) => publicationsOf(subscriber.pullAll()));
      expectEqual(new Set(pulled.map(({ offset }) => offset)).size, 3, 'different publications');
      expectEqual(pulled.length, 3, 'publications of both');
      return;
    }
    const told = [left, right].map((subscriber) =>
      publicationsOf(subscriber.pullAll()).map(({ offset, body }) => [offset, [...body]]),
    );
    expect((told[0]?.length ?? 0) > 0, 'nothing came');
    expectEqual(told[1], told[0], 'what the second was told');
  });
  add('one subscriber leaving does not disturb another', async (rig) => {
    const [left, right] = [await rig.subscribe(), await rig.subscribe()];
    right.pullAll();
    left.opened?.source.close();
    await rig.send();
    expect(publicationsOf(right.pullAll()).length > 0, 'the other was told nothing');
  });
}

function addForLog(add: Add): void {
  add('a log has nothing to pull before the first publication, then every one', async (rig) => {
    const subscriber = await rig.subscribe();
    expectEqual(subscriber.pull() ?? null, null, 'the first pull');
    await rig.send(4);
    const publications = publicationsOf(subscriber.pullAll());
    expectEqual(publications.length, 4, 'publications');
    const { destination } = rig.underTest;
    for (const publication of publications) {
      expectEqual(publication.destination, destination, 'the destination');
    }
  });
  add('a small pull takes at least one publication and loses none', async (rig) => {
    const subscriber = await rig.subscribe();
    await rig.send(5);
    let pulledCount = 0;
    for (let pulls = 0; pulls < 5; pulls++) {
      const delivery = subscriber.opened?.source.pull(1);
      expect(delivery?.kind === 'publications', `pull ${pulls} gave ${String(delivery?.kind)}`);
      pulledCount += delivery.batch.publications.length;
      if (pulledCount === 5) break;
    }
    expectEqual(pulledCount, 5, 'publications pulled one by one');
  });
}

function addForState(add: Add): void {
  add('a state begins with one snapshot at a position; changes come after it', async (rig) => {
    await rig.send(2);
    const subscriber = await rig.subscribe();
    const [first, ...others] = subscriber.pullAll();
    expect(first?.kind === 'snapshot', `the first delivery is ${String(first?.kind)}`);
    expectEqual(others.length, 0, 'deliveries after the snapshot, nothing having changed');
    await rig.send(3);
    const changes = subscriber.pullAll();
    expect(
      changes.every((delivery) => delivery.kind === 'publications'),
      'changes are publications',
    );
    const publications = publicationsOf(changes);
    expectRising(publications, first.position.offset);
    expectEqual(publications[0]?.epoch, first.position.epoch, 'the epoch of the changes');
  });
  add('a state that falls behind gets a reset and a fresh snapshot, never a hole', async (rig) => {
    const { overflowSendCount } = rig.underTest;
    if (overflowSendCount === undefined) return;
    const subscriber = await rig.subscribe();
    subscriber.pullAll();
    await rig.send(overflowSendCount);
    const [reset, snapshot, ...others] = subscriber.pullAll();
    expect(reset?.kind === 'reset', `the first delivery is ${String(reset?.kind)}`);
    expectEqual(reset.reason, 'overflow', 'the reason');
    expect(snapshot?.kind === 'snapshot', `the second delivery is ${String(snapshot?.kind)}`);
    const last = expectRising(publicationsOf(others), snapshot.position.offset);
    await rig.send();
    expectRising(publicationsOf(subscriber.pullAll()), last);
  });
}
