/** Proves that the schema of the config file and its reference say the same, and what a wrong file is told. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { configSchema } from './config.js';
import { loadConfig, type LoadedConfig } from './config-file.js';
import { configKeys, knownKeys, nearestKey } from './config-keys.js';
import { CommandFailure, EXIT_WRONG_USE } from './failure.js';

const REFERENCE = new URL('../../docs/reference/configuration.md', import.meta.url);

const KEYS = ['key-one-of-16-characters', 'key-two-of-16-characters'];

/** The rows of the table of keys: name, and default as it is written there. */
function referenceRows(): Map<string, string> {
  const [, section = ''] = readFileSync(REFERENCE, 'utf8').split('## Keys');
  const rows = section
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim()));
  return new Map(
    rows.map(([, name = '', , , value = '']) => [name.replaceAll('`', ''), value] as const),
  );
}

function writtenDefault(value: unknown): string {
  if (value === undefined) return '–';
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
}

function fileWith(t: TestContext, text: string, name = 'tideway.yaml'): string {
  const folder = mkdtempSync(join(tmpdir(), 'tideway-config-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

/** What is said about a file, without the folder that it is in. */
function faultsOf(t: TestContext, text: string): string[] {
  const file = fileWith(t, text);
  try {
    loadConfig(file);
  } catch (error) {
    assert.ok(error instanceof CommandFailure);
    assert.equal(error.exitCode, EXIT_WRONG_USE);
    return error.message.replaceAll(file, 'tideway.yaml').split('\n');
  }
  return assert.fail('the config was accepted');
}

function load(t: TestContext, text: string): LoadedConfig {
  return loadConfig(fileWith(t, text));
}

test('the reference has a row for every key of the schema, with its default, and no other', () => {
  const keys = configKeys(configSchema);
  assert.ok(keys.length > 30, 'the schema was walked');
  assert.deepEqual(
    referenceRows(),
    new Map(keys.map(({ name, defaultValue }) => [name, writtenDefault(defaultValue)])),
  );
});

test('the example of the reference is a valid config', (t) => {
  const [, yaml = ''] = /```yaml\n([\s\S]*?)```/.exec(readFileSync(REFERENCE, 'utf8')) ?? [];
  const secret = fileWith(t, `${'s'.repeat(32)}\n`, 'secret.txt');
  const keys = fileWith(t, `${KEYS[0]}\n# not a key\n${KEYS[1]}\n`, 'api-keys.txt');
  const { config } = load(
    t,
    yaml.replaceAll('./secret.txt', secret).replace('./api-keys.txt', keys),
  );
  assert.equal(config.tokens?.hmacSecret, 's'.repeat(32));
  assert.deepEqual(config.apiKeys, KEYS);
  assert.equal(config.access[1]?.who, 'authenticated');
  assert.equal(config.limits.maxMessageBytes, 65_536);
  assert.equal(config.limits.maxFragmentCount, 131_072);
});

test('an empty file is a config of defaults', (t) => {
  assert.deepEqual(load(t, '').config, loadConfig(undefined).config);
  assert.deepEqual(load(t, '# nothing\n').config, configSchema.parse({}));
});

test('an unknown key is named with file, line and path, and the nearest known key', (t) => {
  assert.deepEqual(faultsOf(t, 'port: 1\nlimits:\n  maxMessageByte: 3\n'), [
    'tideway.yaml:3: limits.maxMessageByte: unknown key; did you mean "maxMessageBytes"?',
  ]);
  assert.deepEqual(faultsOf(t, 'topics:\n  /topic/a.b: { historysize: 3 }\n'), [
    'tideway.yaml:2: topics."/topic/a.b".historysize: unknown key; did you mean "historySize"?',
  ]);
  const [fault = ''] = faultsOf(t, 'log: { colour: red }\n');
  assert.equal(fault, 'tideway.yaml:1: log.colour: unknown key; known: level');
});

test('every fault of a file is told, in the order of its lines', (t) => {
  assert.deepEqual(
    faultsOf(
      t,
      'port: eighty\npath: [ws]\naccess:\n  - effect: alow\n    pattern: /topic/**\nlog: 3\n',
    ),
    [
      'tideway.yaml:1: port: expected a whole number from 0 to 65535, got "eighty"',
      'tideway.yaml:2: path[0]: expected a path such as /ws, got "ws"',
      'tideway.yaml:4: access[0].effect: expected allow or deny, got "alow"',
      'tideway.yaml:6: log: expected keys and values: level, got 3',
    ],
  );
});

test('values that cannot be meant are refused with what is expected', (t) => {
  const cases: readonly (readonly [yaml: string, words: RegExp])[] = [
    ['limits: { maxPullBytes: 0 }', /limits\.maxPullBytes: expected a whole number from 1 up/],
    ['limits: { closeTimeoutMs: 3000000000 }', /from 1 to 2147483647 \(milliseconds\), got 3/],
    ['port: 1.5', /port: expected a whole number from 0 to 65535, got 1\.5/],
    ['static:', /static: expected a path of a directory, got nothing/],
    ['contentSecurityPolicy: true', /contentSecurityPolicy: expected a policy.*, got true/],
    [
      'contentSecurityPolicy: |\n  a\n  b\n',
      /contentSecurityPolicy: expected a policy.*in one line/,
    ],
    ['allowedOrigins: [https://a.example/x]', /allowedOrigins\[0\]: expected an origin/],
    ['allowedOrigins: https://a.example', /allowedOrigins: expected a list of origins/],
    ['access: [{ effect: allow }]', /access\[0\]\.pattern: expected a pattern.*got nothing/],
    ['access: [{ effect: allow, pattern: /a, operations: [] }]', /operations: expected send/],
    ['path: 3', /path: expected a path such as \/ws, or a list of such paths, got 3/],
    ['path: []', /path: expected a path such as \/ws, or a list of such paths, got a list/],
    ['endpoints: []', /endpoints: expected at least one endpoint/],
    ['endpoints: [{ dialects: [stomp] }]', /endpoints\[0\]\.path: expected a path.*got nothing/],
    [
      'endpoints: [{ path: /ws, dialects: [mqtt] }]',
      /endpoints\[0\]\.dialects\[0\]: expected a list of dialects: .*native, got "mqtt"/,
    ],
    [
      'endpoints: [{ path: /ws, refusals: silence }]',
      /endpoints\[0\]\.refusals: expected error or queue, got "silence"/,
    ],
    [
      'endpoints:\n  - path: /ws\n    dialects: [native]\n    refusals: queue\n',
      /^tideway\.yaml:4: endpoints\[0\]\.refusals: this endpoint does not speak stomp/,
    ],
    [
      'endpoints: [{ path: /ws, refusals: queue }]\nprefixes: { user: [] }',
      /endpoints\[0\]\.refusals: the queue is a user destination, and prefixes\.user leaves/,
    ],
    [
      'endpoints: [{ path: /ws, dialect: [stomp] }]',
      /dialect: unknown key; did you mean "dialects"/,
    ],
    [
      'endpoints:\n  - path: /ws\n  - path: /ws\n',
      /^tideway\.yaml:3: endpoints\[1\]\.path: \/ws is the path of two endpoints; name its/,
    ],
    ['prefixes: { topics: /topic }', /prefixes\.topics: unknown key; did you mean "topic"/],
    ['prefixes: { app: [3] }', /prefixes\.app: expected a prefix such as \/topic, or a list/],
    ['prefixes: { app: app }', /prefixes\.app: "app" is no prefix: it must begin with "\/"/],
    [
      'prefixes: { work: [/work, /queue] }',
      /prefixes\.work: "\/queue" is a prefix of "topic" by default; set prefixes\.topic without it$/,
    ],
    ['tokens: { isuer: x }', /tokens\.isuer: unknown key; did you mean "issuer"/],
    ['tokens: {}', /tokens: expected either hmacSecret or hmacSecretFile/],
    ['- port', /^tideway\.yaml: expected keys and values: host, port/],
  ];
  for (const [yaml, words] of cases) assert.match(faultsOf(t, yaml).join('\n'), words, yaml);
});

test('an app is a module, forwards, or both; a forward is told what is wrong with it', (t) => {
  const app = (yaml: string): LoadedConfig['config']['app'] => load(t, `app: ${yaml}`).config.app;
  const to = '{ url: "https://example.com/" }';
  assert.match(app('./app.js').module ?? '', /\/app\.js$/);
  assert.deepEqual(app('./app.js').forwards, {});
  assert.equal(app(`{ /a/**: ${to} }`).module, undefined);
  assert.equal(app(`{ /a/**: ${to} }`).forwards['/a/**']?.timeoutMs, 10_000);
  const both = app(`{ module: ./app.js, /a: ${to} }`);
  assert.deepEqual([both.module?.endsWith('/app.js'), Object.keys(both.forwards)], [true, ['/a']]);
  const secret = fileWith(t, `${'s'.repeat(32)}\n`, 'secret.txt');
  const signed = app(`{ /a: { url: "https://example.com/", secretFile: ${secret} } }`);
  assert.equal(signed.forwards['/a']?.secret, 's'.repeat(32));
  const cases: readonly (readonly [yaml: string, words: RegExp])[] = [
    ['app: 3', /app: expected a path of a JavaScript module, or patterns .*, got 3/],
    ['app: {', /not YAML/],
    ['app: { /a: {} }', /app\."\/a"\.url: expected a URL such as .*, got nothing/],
    ['app: { /a: { url: "ftp://a" } }', /app\."\/a"\.url: expected a URL/],
    ['app: { /a: { url: "http://a", timeoutms: 3 } }', /timeoutms: unknown key; .*"timeoutMs"/],
    ['app: { /a: { url: "http://a", maxConcurrency: 0 } }', /expected a whole number from 1 up/],
    ['app: { modul: ./app.js }', /app\.modul: expected keys and values: url, /],
  ];
  for (const [yaml, words] of cases) assert.match(faultsOf(t, yaml).join('\n'), words, yaml);
  const faults = faultsOf(t, 'app: { /a: { url: "http://a", secret: hunter2 } }').join('\n');
  assert.match(
    faults,
    /secret: expected a secret of at least 32 octets, got a string \(not shown\)/,
  );
});

test('a text of digits is told to want quotes', (t) => {
  const digits = '7'.repeat(40);
  const [secret, size] = faultsOf(
    t,
    `tokens: { hmacSecret: ${digits} }\nlimits: { maxMessageBytes: "5" }\n`,
  );
  assert.match(secret ?? '', /expected a text, got a number \(not shown\); put it in quotes$/);
  assert.match(size ?? '', /got "5"$/);
});

test('a secret is never repeated in an error', (t) => {
  const faults = faultsOf(t, 'apiKeys: ["two words"]\ntokens: { hmacSecret: hunter2 }\n');
  assert.equal(faults.length, 2);
  assert.doesNotMatch(faults.join('\n'), /two words|hunter2/);
});

test('an API key that could be guessed is refused, wherever it stands, and never repeated', (t) => {
  const inFile = fileWith(t, `${KEYS[0]}\nhunter2\n`, 'keys.txt');
  for (const text of ['apiKeys: [hunter2]\n', `apiKeysFile: ${inFile}\n`]) {
    const faults = faultsOf(t, `port: 0\n${text}`);
    assert.equal(faults.length, 1);
    assert.match(faults[0] ?? '', /:2: apiKeys.*: a key has fewer than 16 characters$/);
    assert.doesNotMatch(faults[0] ?? '', /hunter2/);
  }
  assert.deepEqual(load(t, 'apiKeys: [sixteen-letters_]\n').config.apiKeys, ['sixteen-letters_']);
});

test('a key "__proto__" is refused wherever it stands, with its line; schemas would drop it', (t) => {
  const places = [
    'topics:\n  __proto__: { historySize: 5 }\n',
    'app:\n  __proto__: { url: "http://a" }\n',
    'work:\n  __proto__: {}\n',
    'limits:\n  __proto__: {}\n',
    '# none\n__proto__: 1\n',
    'access:\n  - { effect: allow, pattern: /a, __proto__: 1 }\n',
    'topics:\n  "__proto__": &x { historySize: 5 }\n  /topic/a: *x\n',
  ];
  for (const text of places) {
    const faults = faultsOf(t, text);
    assert.equal(faults.length, 1, text);
    assert.match(faults[0] ?? '', /^tideway\.yaml:2: .*__proto__: this key is not allowed$/);
  }
  const json =
    '{\n "topics": {\n  "/topic/a": {},\n  "__proto__": {\n   "historySize": 5 }\n }\n}\n';
  assert.deepEqual(faultsOf(t, json), [
    'tideway.yaml:4: topics.__proto__: this key is not allowed',
  ]);
});

test('what is not YAML is told with its place', (t) => {
  assert.match(faultsOf(t, 'port: [1\n').join('\n'), /^tideway\.yaml: not YAML: .*line \d/);
  assert.match(faultsOf(t, 'topics: *nothing\n').join('\n'), /not YAML: .*alias.*nothing/i);
  assert.match(faultsOf(t, 'port: 1\nport: 2\n').join('\n'), /not YAML: .*unique.*line 2/);
});

test('a config file that is not there is told by name', () => {
  assert.throws(() => loadConfig('/nowhere/tideway.yaml'), {
    message: 'cannot read the config file /nowhere/tideway.yaml: there is no such file',
    exitCode: EXIT_WRONG_USE,
  });
});

test('a secret file is told apart from its key when it is missing or too short', (t) => {
  const short = fileWith(t, 'short\n', 'secret.txt');
  const faults = (file: string): string =>
    faultsOf(t, `tokens:\n  hmacSecretFile: ${file}\n`).join('\n');
  assert.match(faults(short), /:2: tokens\.hmacSecretFile: the secret in .* fewer than 32 octets/);
  assert.match(faults('./none.txt'), /tokens\.hmacSecretFile: .*none\.txt: there is no such file/);
  assert.match(
    faultsOf(t, `apiKeysFile: ${fileWith(t, '# none\n', 'keys.txt')}\n`).join('\n'),
    /apiKeysFile: .* has no key in it/,
  );
});

test('paths of a config file start at the file', (t) => {
  const file = fileWith(t, 'static: ./public\napp: ../app.js\n');
  const { config } = loadConfig(file);
  assert.equal(config.static, join(file, '../public'));
  assert.equal(config.app.module, join(file, '../../app.js'));
});

test('the nearest key is found for a slip, and none for another word', () => {
  const known = knownKeys(configSchema, ['limits']);
  assert.equal(nearestKey('maxmessagebytes', known), 'maxMessageBytes');
  assert.equal(nearestKey('maxOutbundByte', known), 'maxOutboundBytes');
  assert.equal(nearestKey('colour', known), undefined);
  assert.deepEqual(knownKeys(configSchema, ['access', 3]), [
    'effect',
    'operations',
    'pattern',
    'who',
  ]);
  assert.deepEqual(knownKeys(configSchema, ['port', 'x']), []);
});
