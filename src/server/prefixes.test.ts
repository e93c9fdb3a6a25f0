/** Proves the configuration of prefixes and endpoints: defaults, and that what is wrong is said with its place. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DIALECT_NAMES } from './dialects.js';
import { endpointsOf, TRANSPORT_NAMES, type EndpointsOptions } from './endpoints.js';
import { mappingPrefixesOf } from './mounts.js';
import { prefixesOf, type PrefixOptions } from './prefixes.js';

test('[D5] prefixes that are left out have their defaults; one or several are given, or none', () => {
  assert.deepEqual(prefixesOf(), {
    app: ['/app'],
    topic: ['/topic', '/queue'],
    user: ['/user'],
    work: ['/work'],
  });
  const moved = prefixesOf({ topic: '/topic', work: ['/queue', '/work'], user: [] });
  assert.deepEqual(moved.topic, ['/topic']);
  assert.deepEqual(moved.work, ['/queue', '/work']);
  assert.deepEqual(moved.user, []);
  // Nested ones are no conflict: the longest decides.
  assert.deepEqual(prefixesOf({ app: '/topic/app' }).app, ['/topic/app']);
});

test('[D5] what is wrong with prefixes is said with its place and what to do', () => {
  const wrong: readonly (readonly [PrefixOptions, string])[] = [
    [
      { work: '/queue' },
      'prefixes.work: "/queue" is a prefix of "topic" by default; set prefixes.topic without it',
    ],
    [
      { topic: '/a', work: '/a' },
      'prefixes.work: "/a" is a prefix of "topic" too; leave it out of one',
    ],
    [{ app: ['/a', '/a'] }, 'prefixes.app: "/a" stands there twice'],
    [{ app: 'app' }, 'prefixes.app: "app" is no prefix: it must begin with "/"'],
    [
      { app: '/a/*' },
      'prefixes.app: "/a/*" is no prefix: a destination has no "*", "?", "{" or "}"',
    ],
    [{ app: [7 as never] }, 'prefixes.app: "7" is no prefix: it is no text'],
    [
      { apps: '/app' } as never,
      'prefixes.apps: there is no mount of this name; there are app, topic, user, work',
    ],
  ];
  for (const [given, message] of wrong) {
    assert.throws(() => prefixesOf(given), { name: 'RangeError', message });
  }
});

test('values of mappings go to the first prefix of the topics, unless they are told otherwise', () => {
  const prefixes = prefixesOf({ topic: ['/t', '/topic'], user: '/me' });
  assert.deepEqual(mappingPrefixesOf(prefixes), { replyPrefix: '/t', userPrefix: '/me' });
  assert.equal(mappingPrefixesOf(prefixes, { replyPrefix: '/x' }).replyPrefix, '/x');
});

test('an endpoint takes everything unless it says what; a path is the short form of one', () => {
  const all = {
    dialects: DIALECT_NAMES,
    transports: TRANSPORT_NAMES,
    allowedOrigins: ['https://a'],
    refusals: 'error' as const,
  };
  const allowedOrigins = ['https://a'];
  assert.deepEqual(endpointsOf({ allowedOrigins }), [{ path: '/ws', ...all }]);
  const native = { path: '/native', dialects: ['native'], allowedOrigins: [] } as const;
  assert.deepEqual(endpointsOf({ allowedOrigins, endpoints: [native] }), [{ ...all, ...native }]);
  assert.deepEqual(
    endpointsOf({ allowedOrigins, path: ['/a', '/b'], endpoints: [native] }).map(
      ({ path }) => path,
    ),
    ['/a', '/b', '/native'],
  );
});

test('what is wrong with endpoints is said with its place and what to do', () => {
  const path = '/ws';
  const wrong: readonly (readonly [EndpointsOptions, RegExp])[] = [
    [
      { endpoints: [{ path }, { path }] },
      /^endpoints\[1\]\.path: \/ws is the path of two endpoints/,
    ],
    [{ path, endpoints: [{ path }] }, /^endpoints\[0\]\.path: \/ws is the path of two endpoints/],
    [{ path: ['/a', '/a'] }, /^path: \/a is the path of two endpoints/],
    [{ path: 'ws' }, /^path: "ws" is no path; it begins with "\/"/],
    [{ endpoints: [{ path: '/a?b' }] }, /^endpoints\[0\]\.path: "\/a\?b" is no path/],
    [
      { endpoints: [{ path, dialects: ['mqtt' as never] }] },
      /^endpoints\[0\]\.dialects: there is no dialect "mqtt"; there are .*native/,
    ],
    [
      { endpoints: [{ path, dialects: [] }] },
      /^endpoints\[0\]\.dialects: name at least one dialect/,
    ],
    [
      { endpoints: [{ path, transports: ['sse' as never] }] },
      /^endpoints\[0\]\.transports: there is no transport "sse"; there are websocket/,
    ],
    [
      { endpoints: [{ path, dialect: 'native' } as never] },
      /^endpoints\[0\]\.dialect: an endpoint has no/,
    ],
  ];
  for (const [given, message] of wrong) assert.throws(() => endpointsOf(given), { message });
});
