/** Proves that subscriptions share the octets of a MESSAGE exactly when they would write the same ones. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Message, Publication } from '../../message/index.js';
import { STOMP_VERSIONS } from '../../protocol/stomp/index.js';
import { Batch, type SharedBatch } from '../../session/index.js';
import type { MessageForm } from './message-encoding.js';
import { StompSubscription } from './stomp-subscription.js';

const DESTINATION = '/topic/a';

function subscriptionOf(form: MessageForm): StompSubscription {
  const mode = form.isAcknowledged ? 'client' : 'auto';
  return new StompSubscription(form, DESTINATION, mode, () => 'answer@1');
}

function batchOf(count: number): Batch {
  const place = { destination: DESTINATION, epoch: 'epoch', publishedAtMs: 1 };
  const publications = Array.from(
    { length: count },
    (_, index) => new Publication(Message.fromJson(index), { ...place, offset: index + 1 }),
  );
  return new Batch(publications);
}

function textOf({ messages }: SharedBatch): string {
  return messages.map(({ octets }) => new TextDecoder().decode(octets)).join('');
}

/** Ids that look like what else may stand in the name of a variant. */
const spitefulId = fc
  .array(fc.constantFrom('ack', ' ', 'pattern', 'stomp', '1.2', '-', '=', 'a', 'p', 's', ''), {
    maxLength: 4,
  })
  .map((parts) => parts.join(''));

const form: fc.Arbitrary<MessageForm> = fc.record({
  version: fc.constantFrom(...STOMP_VERSIONS),
  subscriptionId: fc.option(spitefulId, { nil: undefined }),
  isAcknowledged: fc.boolean(),
  isExact: fc.boolean(),
});

test('no subscriber gets the octets of another, whatever their ids are', () => {
  const ids = ['s', 'ack s', 'pattern s', 'ack pattern s', 'ack', '', undefined];
  const forms: MessageForm[] = STOMP_VERSIONS.flatMap((version) =>
    ids.flatMap((subscriptionId) =>
      [true, false].flatMap((isAcknowledged) =>
        [true, false].map((isExact) => ({ version, subscriptionId, isAcknowledged, isExact })),
      ),
    ),
  );
  const shared = batchOf(1);
  const property = fc.property(form, form, (first, second) => {
    const batch = batchOf(2);
    const written = [first, second].map((each) => subscriptionOf(each).encode(batch));
    const alone = [first, second].map((each) => subscriptionOf(each).encode(batchOf(2)));
    assert.deepEqual(written.map(textOf), alone.map(textOf));
    assert.equal(subscriptionOf({ ...first }).encode(batch), written[0], 'the same form shares');
  });
  for (const each of forms) {
    const written = textOf(subscriptionOf(each).encode(shared));
    assert.equal(written, textOf(subscriptionOf(each).encode(batchOf(1))), JSON.stringify(each));
  }
  fc.assert(property, { numRuns: 500 });
});

test('without acknowledgements, a batch is gone through for the first of its subscribers only', () => {
  const { publications } = batchOf(10);
  let passCount = 0;
  const counted: Publication[] = [...publications];
  counted.map = function map<T>(make: (one: Publication, index: number, all: Publication[]) => T) {
    passCount += 1;
    return Array.prototype.map.call(this, make) as T[];
  };
  const batch = new Batch(counted);
  const own = {
    version: '1.2',
    subscriptionId: 's',
    isAcknowledged: false,
    isExact: true,
  } as const;
  const written = subscriptionOf(own).encode(batch);
  assert.ok(passCount > 0);
  passCount = 0;
  for (let count = 0; count < 3; count++) {
    assert.equal(subscriptionOf(own).encode(batch), written);
  }
  assert.equal(passCount, 0);
  const recovered = subscriptionOf(own);
  recovered.tellRecovered(true);
  assert.notEqual(recovered.encode(batch), written, 'what is for one alone is not shared');
  assert.equal(recovered.encode(batch), written);
});
