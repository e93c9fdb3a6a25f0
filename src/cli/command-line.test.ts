/** Proves the small words of a command line: times, ports, the program's own name, the default URL. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_PATH, DEFAULT_PORT } from '../server/index.js';
import { DEFAULT_URL } from './connection.js';
import { durationOption, waitOption } from './duration.js';
import { bodyLine, wholeLine } from './output.js';
import { parsePort } from './port.js';
import { commandNameOf } from './terminal.js';

test('a time is a number with a unit, and nothing else', () => {
  const times = ['1ms', '30s', '5m', '1h', '7d'].map(durationOption);
  assert.deepEqual(times, [1, 30_000, 300_000, 3_600_000, 604_800_000]);
  for (const text of ['', '5', 's', '0s', '-1s', '1.5s', '1 s', '1w', '1000000000s']) {
    assert.throws(() => durationOption(text), { code: 'commander.invalidArgument' }, text);
  }
});

test('what a timer waits is at most what it can hold', () => {
  assert.deepEqual(['500ms', '24d'].map(waitOption), [500, 2_073_600_000]);
  for (const text of ['25d', '999999999d', '0s']) {
    assert.throws(() => waitOption(text), { code: 'commander.invalidArgument' }, text);
  }
});

test('a port is a whole number from 0 to 65535', () => {
  assert.deepEqual(['0', '8080', '65535'].map(parsePort), [0, 8080, 65_535]);
  for (const text of ['', '65536', '-1', '1e3', '0x50', ' 80', '80 ', 'http']) {
    assert.equal(parsePort(text), undefined, text);
  }
});

test('the program calls itself what one has typed', () => {
  assert.equal(commandNameOf('/usr/bin/tideway', '/home/ada'), 'tideway');
  assert.equal(
    commandNameOf('/home/ada/t/dist/cli/main.js', '/home/ada/t'),
    'node dist/cli/main.js',
  );
  assert.equal(commandNameOf('/home/ada/my t/main.js', '/home/ada'), "node 'my t/main.js'");
});

test('the client commands look where the server is by default', () => {
  assert.equal(DEFAULT_URL, `ws://localhost:${DEFAULT_PORT}${DEFAULT_PATH}`);
});

test('a printed body is one line: JSON, a text as JSON, octets as base64', () => {
  const octets = (contentType: string, ...body: number[]): Parameters<typeof bodyLine>[0] => ({
    body: Uint8Array.from(body),
    contentType,
    headers: [],
  });
  const json = { body: { text: 'two\nlines' }, contentType: 'application/json', headers: [] };
  assert.equal(bodyLine(json), '{"text":"two\\nlines"}');
  assert.equal(bodyLine(octets('text/plain', 0x68, 0x69)), '"hi"');
  assert.equal(
    bodyLine(octets('text/plain', 0xff)),
    '{"contentType":"text/plain","encoding":"base64","body":"/w=="}',
    'text that is no UTF-8',
  );
  assert.deepEqual(JSON.parse(wholeLine('reply', octets('a/b', 1))), {
    type: 'reply',
    contentType: 'a/b',
    encoding: 'base64',
    body: 'AQ==',
  });
});
