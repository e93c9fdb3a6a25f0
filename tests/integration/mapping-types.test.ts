/** Proves what the compiler infers for handlers: this file compiles, and each line marked to fail does not without its mark. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import {
  createServer,
  messageExceptionHandler,
  messageMapping,
  type HandlerContext,
  type JsonValue,
  type StandardSchema,
} from 'tideway';
import type { Client } from 'tideway/client';
import * as valibot from 'valibot';
import { z } from 'zod';

/** Compiles only where both types are the same. */
type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(_proof: Same<A, B>): void => {};

test('payload and variables have the types of schema and pattern', () => {
  const { app } = createServer();
  const Order = z.object({ item: z.string(), count: z.coerce.number().default(1) });
  app.map('/orders/{id}/items/{item}', { payload: Order }, ({ payload, variables }) => {
    same<typeof payload, { item: string; count: number }>(true);
    same<typeof variables.id, string>(true);
    same<typeof variables.item, string>(true);
    // @ts-expect-error -- the pattern has no such variable
    void variables.other;
    // @ts-expect-error -- the schema has no such member
    void payload.price;
    // By name too, for patterns that are not known when the program is compiled.
    same<ReturnType<typeof variables.get>, string | undefined>(true);
  });
  const Trimmed = valibot.pipe(valibot.string(), valibot.trim(), valibot.transform(Number));
  app.map('/number', { payload: Trimmed }, ({ payload, variables }) => {
    same<typeof payload, number>(true);
    // @ts-expect-error -- the pattern has no variables
    void variables.id;
  });
  app.map('/plain/{id}/**', ({ payload, variables }) => {
    same<typeof payload, JsonValue>(true);
    same<typeof variables.id, string>(true);
  });
  app.map('/options', { sendTo: '/topic/a' }, ({ payload }) => {
    same<typeof payload, JsonValue>(true);
  });
  const pattern: string = '/some/{id}';
  app.map(pattern, ({ variables }) => variables.get('id'));
  // A variable called as a member of the map is the variable.
  app.map('/{get}/{size}', ({ variables }) => {
    same<typeof variables.get, string>(true);
    same<typeof variables.size, string>(true);
  });
  // Handlers that say what they take, exactly or less so, fit too.
  app.map('/orders/{id}', ({ variables }: HandlerContext) => variables.get('id'));
  app.map('/orders/{id}', ({ payload }: { payload: unknown }) => payload);
  app.map(
    '/strict',
    { payload: Order },
    ({ payload }: HandlerContext<{ item: string }>) => payload,
  );
  const price = ({ payload }: HandlerContext<{ price: number }>) => payload.price;
  // @ts-expect-error -- the schema makes no such payload
  app.map('/strict', { payload: Order }, price);
  const name = ({ variables }: HandlerContext<JsonValue, '/{name}'>) => variables.name;
  // @ts-expect-error -- the pattern has no {name}
  app.map('/strict', name);
  const operations = ['ask'];
  // @ts-expect-error -- no operation
  assert.throws(() => app.map('/strict', { operations }, () => 1), RangeError);
  const payload = { type: 'object' };
  // @ts-expect-error -- no schema
  assert.throws(() => app.map('/strict', { payload }, () => 1), TypeError);
  app.onError(RangeError, (error) => same<typeof error, RangeError>(true));
});

test('decorators fit methods that take what the schema makes', () => {
  const Order = z.object({ item: z.string() });
  class Controller {
    @messageMapping('/{id}', { payload: Order })
    fits({ payload, variables }: HandlerContext<{ item: string }, '/prefix/{x}/{id}'>) {
      return [payload.item, variables.x, variables.id];
    }
    @messageMapping('/a')
    nothing() {}
    // @ts-expect-error -- the schema makes no such payload
    @messageMapping('/a', { payload: Order })
    refused({ payload }: HandlerContext<{ price: number }>) {
      return payload.price;
    }
    @messageExceptionHandler(RangeError)
    failed(error: RangeError) {
      return error.message;
    }
    // @ts-expect-error -- it handles another error
    @messageExceptionHandler(RangeError)
    other(error: { readonly unheardOf: string }) {
      return error.unheardOf;
    }
  }
  assert.ok(new Controller());
});

test('the interface of schemas is that of the specification, both ways', () => {
  const schema: StandardSchema<string, number> = {
    '~standard': { version: 1, vendor: 'a', validate: (value) => ({ value: Number(value) }) },
  };
  const theirs: StandardSchemaV1<string, number> = schema;
  const ours: StandardSchema<string, number> = theirs;
  same<
    StandardSchemaV1.InferOutput<typeof theirs>,
    NonNullable<(typeof ours)['~standard']['types']>['output']
  >(true);
  const zod: StandardSchema<unknown, string> = z.string();
  const aValibot: StandardSchema<string, string> = valibot.string();
  assert.ok([zod, aValibot].every((one) => one['~standard'].version === 1));
});

test('what a client says of bodies is their type; without a word they are unknown', () => {
  interface Price {
    readonly cents: number;
  }
  const uses = (client: Client): unknown[] => [
    client.subscribe<Price>('/topic/a', ({ body }) => same<typeof body, Price>(true)),
    client.subscribe<Price>('/topic/b', {
      onSnapshot: ({ body }) => same<typeof body, Price>(true),
      onPublication: ({ body }) => same<typeof body, Price>(true),
    }),
    client.subscribe<Price>('/work/a', ({ body }) => same<typeof body, Price>(true), {
      acknowledge: 'auto',
    }),
    client.subscribe('/topic/c', ({ body }) => same<typeof body, unknown>(true)),
    client.request<Price>('/app/a').then(({ body }) => same<typeof body, Price>(true)),
    client.request('/app/a').then(({ body }) => same<typeof body, unknown>(true)),
  ];
  assert.equal(typeof uses, 'function');
});
