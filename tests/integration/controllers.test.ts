/** Proves controllers in the syntax that users write: TC39 decorators, as the compiler lowers them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  controller,
  messageExceptionHandler,
  messageMapping,
  sendTo,
  sendToUser,
  subscribeMapping,
  type HandlerContext,
} from 'tideway';
import { z } from 'zod';
import { memoryServer, told } from './memory-peer.js';

const Order = z.object({ item: z.string() });
type OrderContext = HandlerContext<z.infer<typeof Order>>;

class SoldOutError extends Error {}

@messageMapping('/orders')
class OrdersController {
  readonly orders: string[] = [];

  @messageMapping('/place', { payload: Order })
  place({ payload }: OrderContext) {
    if (payload.item === 'air') throw new SoldOutError('no air left');
    this.orders.push(payload.item);
    return this.orders.length;
  }

  @messageMapping('/{id}/cancel')
  @sendTo('/topic/cancelled/{id}', '/queue/log')
  cancel({ variables }: HandlerContext<unknown, '/orders/{id}/cancel'>) {
    return `cancelled ${variables.id}`;
  }

  @messageMapping('/own')
  @sendToUser('/queue/orders', { broadcast: false })
  own() {
    return this.orders;
  }

  @messageMapping('/mine')
  @sendToUser()
  mine() {
    return this.orders.length;
  }

  @subscribeMapping('/all')
  all() {
    return this.orders;
  }

  @messageExceptionHandler(SoldOutError)
  soldOut(error: SoldOutError, { destination }: HandlerContext) {
    return { destination, why: error.message, count: this.orders.length };
  }
}

test('a controller handles what its methods are mapped to, below the prefix of its class', async () => {
  const { server, connect } = memoryServer();
  const orders = new OrdersController();
  server.app.register(orders);
  const [phone, laptop] = [await connect('ada'), await connect('ada')];
  const own = ['/user/queue/orders', '/user/queue/orders/mine', '/user/queue/errors'];
  for (const peer of [phone, laptop]) await peer.subscribe('/topic/**', '/queue/**', ...own);
  const send = (path: string, body?: unknown) => {
    return { type: 'send', destination: `/app/orders${path}`, body };
  };
  assert.deepEqual(told(await phone.say(send('/place', { item: 'tea' }))), [
    ['/topic/orders/place', 1],
  ]);
  assert.deepEqual(told(await phone.say(send('/7/cancel'))), [
    ['/topic/cancelled/7', 'cancelled 7'],
    ['/queue/log', 'cancelled 7'],
  ]);
  laptop.heard();
  assert.deepEqual(told(await phone.say(send('/own'))), [['/user/queue/orders', ['tea']]]);
  assert.deepEqual(told(laptop.heard()), []);
  assert.deepEqual(told(await phone.say(send('/mine'))), [['/user/queue/orders/mine', 1]]);
  assert.deepEqual(told(laptop.heard()), [['/user/queue/orders/mine', 1]]);
  const failed = { destination: '/app/orders/place', why: 'no air left', count: 1 };
  assert.deepEqual(told(await phone.say(send('/place', { item: 'air' }))), [
    ['/user/queue/errors', failed],
  ]);
  assert.deepEqual(told(laptop.heard()), []);
  const all = await phone.say({ type: 'subscribe', destination: '/app/orders/all' });
  assert.deepEqual(told(all), [['/app/orders/all', ['tea']]]);
  const [refused] = await phone.say({ ...send('/all'), type: 'request', id: 1 });
  assert.equal(refused?.['code'], 'destination/unsupported-operation');
  const [reply] = await phone.say({ ...send('/place', { item: 'milk' }), type: 'request', id: 2 });
  assert.equal(reply?.['body'], 2);
  assert.deepEqual(orders.orders, ['tea', 'milk']);
  await server.close();
});

test('exception handlers of a controller come before those of the application, which answer all controllers', async () => {
  class First {
    @messageMapping('/first')
    run() {
      throw new RangeError('first');
    }
    @messageExceptionHandler()
    @sendTo('/topic/first-failed')
    failed(error: unknown) {
      return String(error);
    }
  }
  class Second {
    @messageMapping('/second')
    run() {
      throw new RangeError('second');
    }
  }
  const { server, connect } = memoryServer();
  server.app.register(new First(), new Second());
  server.app.onError(RangeError, (error) => error.message, { sendTo: '/topic/failed' });
  const ada = await connect();
  await ada.subscribe('/topic/**');
  const heard = await ada.say(
    { type: 'send', destination: '/app/first' },
    { type: 'send', destination: '/app/second' },
  );
  assert.deepEqual(told(heard), [
    ['/topic/first-failed', 'RangeError: first'],
    ['/topic/failed', 'second'],
  ]);
  await server.close();
});

test('a subclass has the mappings and the prefix of its base, private methods can be mapped, instances are apart', async () => {
  @controller('/base')
  class Base {
    readonly name: string;
    constructor(name: string) {
      this.name = name;
    }
    @messageMapping('/greet')
    greet(): string {
      return `base ${this.name}`;
    }
    @messageMapping('/secret')
    #secret() {
      return `secret of ${this.name}`;
    }
    keepsSecret(): boolean {
      return typeof this.#secret === 'function';
    }
  }
  class Derived extends Base {
    override greet(): string {
      return `derived ${this.name}`;
    }
    @messageMapping('/more')
    more() {
      return 'more';
    }
  }
  const one = memoryServer();
  const two = memoryServer();
  one.server.app.register(new Derived('one'));
  two.server.app.register(new Base('two'));
  const answers: unknown[] = [];
  for (const { connect } of [one, two]) {
    const peer = await connect();
    for (const path of ['greet', 'secret', 'more']) {
      const destination = `/app/base/${path}`;
      const [answer] = await peer.say({ type: 'request', id: 1, destination });
      answers.push(answer?.['body'] ?? answer?.['code']);
    }
  }
  assert.deepEqual(answers, [
    'derived one',
    'secret of one',
    'more',
    'base two',
    'secret of two',
    'app/no-handler',
  ]);
  await Promise.all([one.server.close(), two.server.close()]);
});

test('what is no controller is refused when it is registered', () => {
  const { app } = memoryServer().server;
  class Aimless {
    @sendTo('/topic/a')
    run() {}
    @messageMapping('/b')
    other() {}
  }
  class Broken {
    @messageMapping('/{id}/{id}')
    run() {}
  }
  assert.throws(() => app.register({}), /has no mappings/);
  assert.throws(() => app.register(new Aimless()), /run says where a value goes, but maps none/);
  assert.throws(() => app.register(new Broken()), /named twice/);
  assert.throws(() => {
    class Static {
      @messageMapping('/a')
      static run() {}
    }
    return Static;
  }, /not a static one/);
});
