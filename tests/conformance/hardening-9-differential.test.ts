/** Hardening test 9: the same random frames for our engine and three others; every difference has a name and a reason. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runSeeds } from './differential/differential.js';
import { LENIENCES } from './differential/model.js';

/** `npm run acceptance -- 9` runs it at full size, from another seed each time. */
const IS_FULL = process.env['TIDEWAY_ACCEPTANCE'] === '9';
const COUNT = IS_FULL ? 20_000 : 500;
const given = Number(process.env['TIDEWAY_SEED'] ?? NaN);
const FIRST = Number.isNaN(given) ? (IS_FULL ? Date.now() % 1_000_000_000 : 1) : given;

const page = readFileSync(
  fileURLToPath(new URL('../../../tests/conformance/differences.md', import.meta.url)),
  'utf8',
);
const PATIENCE = { timeout: IS_FULL ? 1_800_000 : 110_000 };

test(
  `[hardening 9] ${COUNT} random conversations from seed ${FIRST}: ours judges as the RFC, others differ only by name`,
  PATIENCE,
  async (context) => {
    const { wrongSeeds, differences, comparedCount, endings } = await runSeeds(FIRST, COUNT);
    assert.deepEqual(wrongSeeds, [], 'our engine judges otherwise than the model of RFC 6455');
    assert.deepEqual(
      differences.filter(({ why }) => why === undefined || why.length === 0),
      [],
      'a difference that no lenience of differences.md explains',
    );
    // Accepting, and failing for each reason there is: the seeds reach all of it in both roles.
    for (const role of ['server', 'client']) {
      for (const code of [1000, 1002, 1007, 1009, 'empty']) {
        assert.ok((endings.get(`${role} ${code}`) ?? 0) > 0, `${role} ${code}`);
      }
    }
    const seen = new Set(differences.flatMap(({ why }) => why ?? []));
    context.diagnostic(
      `figure: ${comparedCount} judgements of other engines compared, ${differences.length} differ, ` +
        `all by ${seen.size} named leniences (seeds ${FIRST} to ${FIRST + COUNT - 1})`,
    );
    if (!IS_FULL) return;
    const all = new Set(Object.values(LENIENCES).flat());
    assert.deepEqual(
      [...all].filter((one) => !seen.has(one)),
      [],
      'leniences that nothing shows',
    );
  },
);

test('[hardening 9] differences.md has a paragraph for every lenience and no other', () => {
  const headings = [...page.matchAll(/^## (\S+)$/gm)].map(([, name]) => name);
  assert.equal(new Set(headings).size, headings.length);
  assert.deepEqual(new Set(headings), new Set(Object.values(LENIENCES).flat()));
});
