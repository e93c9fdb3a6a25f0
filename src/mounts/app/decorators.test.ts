/** Proves that decorators called as TypeScript's older ones are say what to change. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  controller,
  messageExceptionHandler,
  messageMapping,
  sendTo,
  sendToUser,
  subscribeMapping,
} from './decorators.js';

test('with experimentalDecorators, every decorator says to turn it off', () => {
  const ofMethods = [
    messageMapping('/x'),
    subscribeMapping('/x'),
    sendTo('/topic/x'),
    sendToUser(),
    messageExceptionHandler(),
  ];
  const ofClasses = [controller('/x'), messageMapping('/x')];
  const expected = { name: 'TypeError', message: /turn "experimentalDecorators" off/ };
  for (const decorator of ofMethods) {
    const old = decorator as unknown as (...given: unknown[]) => void;
    assert.throws(() => old({}, 'method', { value: () => {} }), expected);
  }
  for (const decorator of ofClasses) {
    const old = decorator as unknown as (...given: unknown[]) => void;
    assert.throws(() => old(class {}), expected);
  }
});
