/** Proves access: rules, defaults, patterns wider than a right, the router's refusals, the Origin gate. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Cancellation, MemoryMetrics, RequestError } from '../foundation/index.js';
import { DestinationPattern, Message } from '../message/index.js';
import { ANONYMOUS, Grant, type Principal } from '../session/index.js';
import {
  AccessRules,
  authenticated,
  OriginGate,
  Router,
  type Caller,
  type Mount,
} from './index.js';

const ADA: Principal = { name: 'ada', claims: {}, expiresAtMs: undefined };

function rules(access: 'open' | 'closed'): AccessRules {
  const made = new AccessRules();
  made.setDefault(access);
  return made;
}

test('[A2] rules are closed before anybody has said where the server listens', () => {
  assert.ok(!new AccessRules().permits(ADA, 'subscribe', '/topic/a'));
});

test('[A2] open allows what no rule forbids, but neither sending to /user nor anything of /ops', () => {
  const open = rules('open');
  for (const operation of ['send', 'subscribe', 'request'] as const) {
    assert.ok(open.permits(ANONYMOUS, operation, '/topic/a'));
    assert.ok(open.permits(ANONYMOUS, operation, '/topic/**'));
    for (const scope of ['/ops', '/ops/a', '/ops/a/b', '/ops/*', '/ops/**']) {
      assert.ok(!open.permits(ADA, operation, scope), `${operation} ${scope}`);
    }
  }
  assert.ok(open.permits(ANONYMOUS, 'subscribe', '/user/queue/a'));
  assert.ok(!open.permits(ADA, 'send', '/user/ada/queue/a'));
  assert.ok(!open.permits(ADA, 'request', '/user/ada/queue/a'));
  open.allow('send', '/user/**', authenticated);
  assert.ok(open.permits(ADA, 'send', '/user/ada/queue/a'));
  assert.ok(!open.permits(ANONYMOUS, 'send', '/user/ada/queue/a'));
});

test('[A2] closed allows only what a rule allows', () => {
  const closed = rules('closed').allow(['send', 'subscribe'], '/topic/{room}/**');
  assert.ok(closed.permits(ANONYMOUS, 'send', '/topic/a/b'));
  assert.ok(!closed.permits(ANONYMOUS, 'request', '/topic/a/b'));
  assert.ok(!closed.permits(ANONYMOUS, 'send', '/topic/a'));
  assert.ok(!closed.permits(ANONYMOUS, 'subscribe', '/queue/a'));
});

test('[A2] the first refusal that no rule was made for is told, once', () => {
  const told: string[] = [];
  const closed = new AccessRules(['/user'], (operation, scope) => told.push(operation, scope));
  closed.allow('send', '/named/**', authenticated).deny('send', '/never');
  assert.ok(!closed.permits(ANONYMOUS, 'send', '/named/a'));
  assert.ok(!closed.permits(ANONYMOUS, 'send', '/never'));
  assert.ok(!closed.permits(ANONYMOUS, 'send', '/ops/a'));
  assert.deepEqual(told, []);
  assert.ok(!closed.permits(ANONYMOUS, 'subscribe', '/named/a'));
  assert.ok(!closed.permits(ANONYMOUS, 'subscribe', '/other'));
  assert.deepEqual(told, ['subscribe', '/named/a']);
});

test('an operation that is none, and a condition that is no function, are refused at once', () => {
  const words = /^TypeError: "publish" is no operation; there are send, subscribe, request, any$/;
  const open = rules('open');
  assert.throws(() => open.deny('publish' as 'send', '/topic/a'), words);
  assert.throws(() => open.deny(['send', 'publish'] as 'send'[], '/topic/a'), words);
  for (const operations of [undefined, [], [undefined], 'toString', ['any']]) {
    assert.throws(() => open.allow(operations as 'any', '/topic/a'), TypeError);
  }
  for (const condition of [true, null, 'authenticated']) {
    const given = condition as unknown as typeof authenticated;
    assert.throws(() => open.deny('any', '/topic/a', given), /^TypeError: the condition of/);
  }
  assert.ok(open.permits(ANONYMOUS, 'send', '/topic/a'));
});

test('[D3] a pattern wider than what is granted is refused, one inside it is not', () => {
  const closed = rules('closed').allow('subscribe', '/topic/a/*');
  const cases = [
    ['/topic/a/*', true],
    ['/topic/a/b', true],
    ['/topic/a/**', false],
    ['/topic/*', false],
    ['/topic/*/b', false],
    ['/topic/**', false],
    ['/*/a/b', false],
    ['/topic/a', false],
    ['/topic/a/b/c', false],
    ['/topic/A/b', false],
  ] as const;
  for (const [scope, isAllowed] of cases) {
    assert.equal(closed.permits(ADA, 'subscribe', scope), isAllowed, scope);
  }
});

test('[D3] two rules that cover a pattern only together do not grant it', () => {
  const closed = rules('closed').allow('subscribe', '/topic/a').allow('subscribe', '/topic/b');
  assert.ok(!closed.permits(ADA, 'subscribe', '/topic/*'));
});

test('a deny rule wins in whatever order, and one that only overlaps a pattern counts at each destination', () => {
  for (const isDenyFirst of [true, false]) {
    const made = rules('closed');
    if (isDenyFirst) made.deny('any', '/topic/secret/**');
    made.allow('any', '/topic/**');
    if (!isDenyFirst) made.deny('any', '/topic/secret/**');
    assert.ok(made.permits(ADA, 'subscribe', '/topic/**'), 'the pattern is only overlapped');
    assert.ok(!made.permits(ADA, 'subscribe', '/topic/secret/**'));
    assert.ok(!made.permits(ADA, 'subscribe', '/topic/secret/*'));
    assert.ok(!made.permits(ADA, 'subscribe', '/topic/secret/a'));
    assert.ok(made.permits(ADA, 'subscribe', '/topic/secrets/a'));
  }
});

test('a condition is given the captures, and a wildcard where a pattern has one', () => {
  const own = rules('closed').allow(
    'any',
    '/topic/{name}/**',
    ({ name }, captures) => captures.get('name') === name,
  );
  assert.ok(own.permits(ADA, 'subscribe', '/topic/ada/x'));
  assert.ok(own.permits(ADA, 'subscribe', '/topic/ada/**'));
  assert.ok(!own.permits(ADA, 'subscribe', '/topic/eve/x'));
  assert.ok(!own.permits(ADA, 'subscribe', '/topic/*/x'));
  assert.ok(!own.permits(ANONYMOUS, 'subscribe', '/topic/ada/x'));
});

test('every change is a new generation; a rule that is no pattern is none', () => {
  const made = new AccessRules();
  const seen = [made.generation];
  made.setDefault('open');
  seen.push(made.generation);
  made.allow('any', '/a');
  seen.push(made.generation);
  made.deny('any', '/b');
  seen.push(made.generation);
  assert.equal(new Set(seen).size, 4);
  assert.throws(() => made.allow('any', '/a*'), RequestError);
  assert.equal(made.generation, seen.at(-1));
});

test('[D3] whatever the rules, a destination inside a granted pattern is refused only by a deny rule', () => {
  const segment = fc.constantFrom('a', 'b', '*');
  const pattern = fc
    .tuple(fc.array(segment, { maxLength: 2 }), fc.constantFrom('a', '*', '**'))
    .map(([inner, last]) => `/${[...inner, last].join('/')}`);
  const rule = fc.record({ isDeny: fc.boolean(), pattern });
  const destination = fc
    .array(fc.constantFrom('a', 'b', 'z'), { minLength: 1, maxLength: 4 })
    .map((names) => `/${names.join('/')}`);
  fc.assert(
    fc.property(
      fc.array(rule, { maxLength: 4 }),
      pattern,
      destination,
      (given, scope, concrete) => {
        const made = rules('closed');
        for (const one of given) made[one.isDeny ? 'deny' : 'allow']('subscribe', one.pattern);
        fc.pre(DestinationPattern.parse(scope).matches(concrete));
        if (!made.permits(ADA, 'subscribe', scope)) return;
        const isDenied = given.some(
          (one) => one.isDeny && DestinationPattern.parse(one.pattern).matches(concrete),
        );
        assert.equal(made.permits(ADA, 'subscribe', concrete), !isDenied);
      },
    ),
    { numRuns: 1_000 },
  );
});

const message = Message.fromJson(1);
const client: Caller = { authority: 'client', principal: ADA, session: {} as never };
const serverCaller: Caller = { authority: 'server', principal: ANONYMOUS, session: undefined };

function router(access: AccessRules = rules('open')) {
  const metrics = new MemoryMetrics();
  const made = new Router(access, metrics);
  const log: string[] = [];
  const mount = (name: string): Mount => ({
    kind: 'log',
    send: ({ destination, path, grant }) => {
      log.push(`${name} ${destination} ${path} ${grant.scope}`);
      return Promise.resolve({});
    },
    close: () => void log.push(`${name} closes`),
  });
  return { made, metrics, log, mount };
}

const hasCode = (code: string) => (error: unknown) =>
  error instanceof RequestError && error.code === code;

test('the longest prefix has the destination, by whole segments', async () => {
  const { made, log, mount } = router();
  const outer = mount('outer');
  made.mount('/a', outer);
  made.mount('/a/b', mount('inner'));
  made.mount('/other', outer);
  for (const destination of ['/a/x', '/a/b/x', '/a/bc', '/a/b', '/a']) {
    await made.send(client, destination, { message });
  }
  made.close();
  assert.deepEqual(log, [
    'outer /a/x /x /a/x',
    'inner /a/b/x /x /a/b/x',
    'outer /a/bc /bc /a/bc',
    'inner /a/b  /a/b',
    'outer /a  /a',
    'outer closes',
    'inner closes',
  ]);
  for (const prefix of ['/a', '/a/', 'a', '/*', '/'])
    assert.throws(() => made.mount(prefix, outer), hasCode('destination/invalid'));
});

test('what a router refuses, it refuses by code, and counts access', async () => {
  const { made, metrics, mount } = router(rules('open').deny('send', '/a/no'));
  made.mount('/a', mount('a'));
  const send = (destination: string, more = {}) =>
    made.send(client, destination, { message, ...more });
  await assert.rejects(send('/a/*'), hasCode('destination/invalid'));
  await assert.rejects(send('/b'), hasCode('destination/unknown'));
  await assert.rejects(send('/a/no'), hasCode('access/denied'));
  await assert.rejects(send('/a/x', { key: 'k'.repeat(256) }), hasCode('frame/invalid-field'));
  await assert.rejects(
    send('/a/x', { messageId: 'k'.repeat(256) }),
    hasCode('frame/invalid-field'),
  );
  await assert.rejects(
    made.request(client, '/a/x', { message }, new Cancellation()),
    hasCode('destination/unsupported-operation'),
  );
  assert.equal(metrics.value('access_refused', { operation: 'send' }), 1);
  await made.send(serverCaller, '/a/no', { message });
});

const headers = (fields: Readonly<Record<string, string>>) => ({
  get: (name: string) => fields[name],
});

test("[A4] elsewhere than on loopback an Origin equal to the Host is the server's own", () => {
  const gate = new OriginGate({ allowedOrigins: ['https://app.example'] });
  gate.setOwn('host');
  const refusal = (origin: string, host?: string) =>
    gate.refusalOf(headers({ origin, ...(host !== undefined && { host }) }));
  assert.equal(refusal('https://a.example', 'a.example'), undefined);
  assert.equal(refusal('http://a.example:81', 'A.example:81'), undefined);
  assert.equal(refusal('https://app.example', 'a.example'), undefined);
  for (const origin of [
    'https://b.example',
    'https://a.example.evil',
    'https://xa.example',
    'null',
    '',
    'a.example',
    'https://a.example:81',
    'ws://a.example',
  ]) {
    assert.ok(refusal(origin, 'a.example') !== undefined, origin);
  }
  assert.ok(refusal('https://a.example') !== undefined, 'without a Host');
  assert.equal(gate.refusalOf(headers({})), undefined);
  assert.ok(gate.refusalOf(headers({ cookie: 'a=b' })) !== undefined);
});

test('[A1] a condition that answers a promise has failed: it allows nothing, and its rejection ends nothing', async () => {
  const fail = (): Promise<boolean> => Promise.reject(new Error('of the application'));
  for (const answer of [() => Promise.resolve(true), fail]) {
    const rules = new AccessRules();
    rules.allow('send', '/topic/a', answer as unknown as () => boolean);
    assert.throws(() => rules.permits(ANONYMOUS, 'send', '/topic/a'), /has to answer at once/);
  }
  await new Promise((resolve) => setImmediate(resolve));
});

test('[A3] what was decided about a destination holds for all patterns of a principal, until the rules change', () => {
  const asked: string[] = [];
  const access = rules('open').deny('subscribe', '/t/{name}', (_, captures) => {
    asked.push(captures.get('name') ?? '');
    return captures.get('name') === 'secret';
  });
  const grantOf = (principal: Principal, text: string): Grant =>
    new Grant(access, principal, 'subscribe', DestinationPattern.parse(text));
  const grants = ['/t/*', '/t/**', '/*/*'].map((text) => grantOf(ADA, text));
  for (const grant of grants) {
    assert.deepEqual([grant.covers('/t/a'), grant.covers('/t/secret')], [true, false]);
  }
  assert.deepEqual(asked.splice(0), ['a', 'secret']);
  assert.equal(grantOf({ ...ADA }, '/t/*').covers('/t/a'), true);
  assert.deepEqual(asked.splice(0), ['a'], 'another principal is asked about anew');
  access.deny('subscribe', '/t/a');
  for (const grant of grants) {
    assert.equal(grant.isPermitted, true);
    assert.equal(grant.covers('/t/a'), false);
  }
});
