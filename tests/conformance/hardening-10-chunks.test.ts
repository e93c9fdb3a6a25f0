/** Hardening test 10: however the octets are cut into writes, the same comes of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scriptOf } from './differential/random-frames.js';
import { isFullSize } from './hardening.js';
import type { Case, Chop } from './matrix/case.js';
import { runCases } from './matrix/matrix.js';

const COUNT = isFullSize(10) ? 2000 : 60;
const CHOPS: readonly Chop[] = ['blob', 'frame', 7, 'octet'];
const PATIENCE = { timeout: isFullSize(10) ? 900_000 : 110_000 };

test(
  `[hardening 10] ${COUNT} random frame sequences in one write, a frame a write and an octet a write: the same events`,
  PATIENCE,
  async (context) => {
    const scripts = Array.from({ length: COUNT }, (_, seed) => scriptOf(seed + 1))
      // What a frame that never ends would be is a matter of time, not of chunks.
      .filter(({ frames }) => frames.every(({ payload }) => payload.length < 200));
    const cases = CHOPS.flatMap((chop) =>
      scripts.map(({ seed, frames }): Case => ({
        id: `${seed} ${chop}`,
        frames,
        chop,
        ending: 'nothing',
        expected: 1000,
        isInformational: true,
        options: { maxMessageBytes: 300 },
      })),
    );
    const results = await runCases(cases);
    const lines = new Map<string, Set<string>>();
    for (const { name, line } of results) {
      const [role = '', seed = ''] = name.split(' ');
      const key = `${role} ${seed}`;
      // Who ends the TCP connection is left out: where a script says goodbye with the very code that the endpoint
      // fails with, the peer cannot tell the two apart and may be the first.
      const events = line.slice(0, line.lastIndexOf(';'));
      lines.set(key, (lines.get(key) ?? new Set()).add(events));
    }
    assert.equal(lines.size, scripts.length * 2);
    assert.deepEqual(
      [...lines]
        .filter(([, seen]) => seen.size > 1)
        .map(([key, seen]) => ({ key, seen: [...seen] })),
      [],
    );
    context.diagnostic(
      `figure: ${results.length} connections, ${scripts.length} sequences cut in ${CHOPS.length} ways, ` +
        'both roles: the same events each time',
    );
  },
);
