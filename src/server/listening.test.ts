/** Proves what is said of an address: its origins and its URL. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loopbackOrigins, urlOf } from './listening.js';

test('[A4] the origins of a loopback server are written as browsers write them, the default port left out', () => {
  assert.deepEqual(loopbackOrigins(8080), [
    'http://localhost:8080',
    'https://localhost:8080',
    'http://127.0.0.1:8080',
    'https://127.0.0.1:8080',
    'http://[::1]:8080',
    'https://[::1]:8080',
  ]);
  assert.ok(loopbackOrigins(80).includes('http://localhost'));
  assert.ok(loopbackOrigins(443).includes('https://[::1]'));
});

test('the URL of an address can be opened, whatever was bound', () => {
  const urlAt = (host: string): string => urlOf({ host, port: 80, isLoopback: false });
  assert.deepEqual(['127.0.0.1', '0.0.0.0', '::', '::1', '10.0.0.1'].map(urlAt), [
    'http://localhost:80',
    'http://localhost:80',
    'http://localhost:80',
    'http://[::1]:80',
    'http://10.0.0.1:80',
  ]);
});
