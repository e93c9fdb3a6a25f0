/** Proves which origins may be named, and which of them pass. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OriginGate } from './origin-gate.js';

const WORDS =
  'is no origin as browsers send it; name each, such as https://example.com, without a path';

test('[A4] what no browser sends as an Origin cannot be allowed: patterns, paths, hosts alone', () => {
  const none = ['*', 'https://*.example.com', 'https://a.example/', 'a.example', '', 'file://x/y'];
  // Never equal to what a browser sends.
  none.push(
    'https://A.example',
    'https://a.example:443',
    'HTTP://a.example',
    'http://user@a.example',
  );
  for (const origin of none) {
    assert.throws(() => new OriginGate({ allowedOrigins: [origin] }), {
      name: 'RangeError',
      message: `allowedOrigins: ${JSON.stringify(origin)} ${WORDS}`,
    });
  }
});

test('[A4] an allowed origin passes as it is written, and nothing near it', () => {
  const allowedOrigins = ['https://a.example', 'http://[::1]:8080', 'app://local', 'null'];
  // Web views of apps: from a file, from Capacitor.
  allowedOrigins.push('file://', 'capacitor://localhost');
  const gate = new OriginGate({ allowedOrigins });
  for (const origin of allowedOrigins)
    assert.equal(gate.isAllowed(origin, undefined), true, origin);
  for (const origin of ['http://a.example', 'https://a.example:8443', 'https://b.a.example']) {
    assert.equal(gate.isAllowed(origin, undefined), false, origin);
  }
});
