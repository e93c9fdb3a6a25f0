/** Proves that the hint is given once, and only after much traffic. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FreedMemory } from './freed-memory.js';

const MIB = 1_048_576;

test('the hint is given once, after 64 MiB of large reads', () => {
  const blocks: number[] = [];
  const freed = new FreedMemory((byteLength) => blocks.push(byteLength));
  for (let mebibytes = 0; mebibytes < 63; mebibytes++) freed.read(MIB);
  assert.deepEqual(blocks, []);
  freed.read(MIB);
  assert.equal(blocks.length, 1);
  // glibc ignores larger ones.
  assert.ok(blocks[0]! > 31 * MIB && blocks[0]! < 32 * MIB);
  for (let mebibytes = 0; mebibytes < 200; mebibytes++) freed.read(MIB);
  assert.equal(blocks.length, 1);
});
