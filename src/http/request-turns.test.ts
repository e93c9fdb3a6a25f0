/** Proves that the requests of one connection stay in order, however its turns fall. */
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { test } from 'node:test';
import { MemoryMetrics, TurnBudget } from '../foundation/index.js';
import { inTurns } from './request-turns.js';

test('a request that waits for its turn is not overtaken by the next one of its connection', () => {
  let nowMs = 0;
  let due: (() => void)[] = [];
  const turns = new TurnBudget({
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    afterTick: (callback) => callback(),
    afterTurn: (callback) => void due.push(callback),
  });
  const turn = (): void => {
    const callbacks = due;
    due = [];
    for (const callback of callbacks) callback();
  };
  const handled: unknown[] = [];
  const listener = inTurns((request) => void handled.push(request.url), {
    turns,
    metrics: new MemoryMetrics(),
    maxPipelinedRequestCount: 64,
  });
  const socket = new EventEmitter();
  const ask = (url: string): EventEmitter => {
    const response = new EventEmitter();
    listener({ socket, url } as unknown as IncomingMessage, response as unknown as ServerResponse);
    return response;
  };
  turns.spend(16);
  nowMs += 10;
  turns.spend(16);
  for (let other = 0; other < 40; other++) turns.later(() => {}, 'prompt');
  const response = ask('first');
  turn();
  ask('second');
  ask('third');
  for (let count = 0; count < 10; count++) turn();
  assert.deepEqual(handled, ['first'], 'one at a time: each may hold a file');
  response.emit('close');
  for (let count = 0; count < 10; count++) turn();
  assert.deepEqual(handled, ['first', 'second']);
});
