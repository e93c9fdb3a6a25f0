/** Proves masking by vectors against masking by octets, and that a machine without them does without. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { Masker, NOT_ASCII_BITS, readMask } from '../../../protocol/websocket/index.js';
import { allocateMaskingMemory } from './masking-memory.js';

const MEMORY_BYTES = 131_072;

test('§5.3: vectors mask the octets that they are told to, at every alignment, and see what is not ASCII', () => {
  const vectors = allocateMaskingMemory(MEMORY_BYTES);
  assert.ok(vectors !== undefined);
  assert.equal(vectors.octets.length, MEMORY_BYTES);
  const masker = new Masker();
  masker.vectors = vectors;
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 4, maxLength: 4, max: 0x7f }),
      fc.uint8Array({ maxLength: 700, max: 0x7f }),
      fc.nat({ max: 70 }),
      fc.option(fc.nat()),
      (key, payload, offset, notAsciiAt) => {
        if (notAsciiAt !== null && payload.length > 0)
          payload[notAsciiAt % payload.length]! |= 0x80;
        vectors.octets.fill(0xaa);
        vectors.octets.set(payload, offset);
        const end = offset + payload.length;
        const seen = masker.apply(vectors.octets, offset, end, readMask(key, 0));
        const expected = payload.map((octet, index) => octet ^ key[index % 4]!);
        assert.deepEqual(Uint8Array.from(vectors.octets.subarray(offset, end)), expected);
        assert.equal(
          (seen & NOT_ASCII_BITS) === 0,
          expected.every((octet) => octet < 0x80),
        );
        assert.ok(vectors.octets.subarray(0, offset).every((octet) => octet === 0xaa));
        assert.ok(vectors.octets.subarray(end).every((octet) => octet === 0xaa));
      },
    ),
    { numRuns: 300 },
  );
});

test('vectors reach the last octet of their memory', () => {
  const vectors = allocateMaskingMemory(MEMORY_BYTES);
  assert.ok(vectors !== undefined);
  assert.equal(vectors.apply(0, MEMORY_BYTES, 0x01010101), 0);
  assert.ok(vectors.octets.every((octet) => octet === 1));
});

test('without WebAssembly there are none', () => {
  const module = JSON.stringify(new URL('masking-memory.js', import.meta.url).href);
  const script = `import { allocateMaskingMemory } from ${module}; console.log(allocateMaskingMemory(65536));`;
  const args = ['--jitless', '--input-type=module', '--eval', script];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  assert.equal(stdout, 'undefined\n', stderr);
});
