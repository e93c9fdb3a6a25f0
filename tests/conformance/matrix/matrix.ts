/** The whole matrix: every case against both roles, many at a time, and its verdicts as lines of text. */
import { createHash } from 'node:crypto';
import { dataCases } from './cases-data.js';
import { controlCases } from './cases-control.js';
import { utf8Cases } from './cases-utf8.js';
import { closingCases } from './cases-closing.js';
import { deflateCases } from './cases-deflate.js';
import { clientBench, serverBench, type Bench, type Verdict } from './endpoint.js';
import { runHandshakes } from './handshakes.js';
import type { Case } from './case.js';
import type { Role } from './frames.js';

export const allCases: readonly Case[] = [
  ...dataCases,
  ...controlCases,
  ...utf8Cases,
  ...closingCases,
  ...deflateCases,
];

/** Connections that are open at the same time. */
const PARALLEL_COUNT = 32;

/** What came of a case against one role. */
export interface Result {
  /** The case and the role. */
  readonly name: string;
  /** The verdict in one line. */
  readonly line: string;
  /** What the RFC demands and was not seen; undefined when all is well or nothing is demanded. */
  readonly fault: string | undefined;
  /** How long the connection took. */
  readonly tookMs: number;
}

/** Runs every case, and answers the results in the order of the tables. */
export async function runMatrix(): Promise<Result[]> {
  return [...(await runCases(allCases)), ...(await runHandshakes())];
}

async function runAll(bench: Bench, cases: readonly Case[]): Promise<Result[]> {
  const mine = cases.filter(({ role }) => role === undefined || role === bench.role);
  const results = Array<Result>(mine.length);
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < mine.length) {
      const index = next++;
      results[index] = await runOne(bench, mine[index]!);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL_COUNT }, worker));
  return results;
}

/** Runs some of the cases against both roles. */
export async function runCases(cases: readonly Case[]): Promise<Result[]> {
  const results: Result[] = [];
  for (const bench of [serverBench(), clientBench()]) {
    results.push(...(await runAll(bench, cases)));
    await bench.close();
  }
  return results;
}

async function runOne(bench: Bench, one: Case): Promise<Result> {
  const name = `${bench.role}: ${one.id}`;
  const startedAtMs = performance.now();
  const took = (): number => performance.now() - startedAtMs;
  try {
    const verdict = await bench.run(one);
    return {
      name,
      line: lineOf(verdict, one, bench.role),
      fault: faultOf(verdict, one),
      tookMs: took(),
    };
  } catch (error) {
    return { name, line: `broken: ${String(error)}`, fault: String(error), tookMs: took() };
  }
}

function lineOf({ told, frames, endedBy }: Verdict, one: Case, role: Role): string {
  const mark = one.isInformational === true ? 'informational; ' : '';
  const isFailure = told.some((item) => item.startsWith('error '));
  // RFC 6455 §7.1.1 and §7.1.7: whoever fails the connection ends it, otherwise the server does.
  const isDue = (endedBy === 'endpoint') === (isFailure || role === 'server');
  const end = isDue && endedBy !== 'nobody' ? 'ended in order' : `ended by the ${endedBy}`;
  return `${mark}told ${short(told)}; wrote ${short(frames)}; ${end}`;
}

const MOST_SHOWN = 8;

/** Equal neighbours once with their number; a long list by its length and a fingerprint. */
function short(items: readonly string[]): string {
  if (items.length === 0) return 'nothing';
  const runs: { item: string; count: number }[] = [];
  for (const item of items) {
    const last = runs.at(-1);
    if (last?.item === item) last.count += 1;
    else runs.push({ item, count: 1 });
  }
  const texts = runs.map(({ item, count }) => (count === 1 ? item : `${count} × ${item}`));
  if (texts.length <= MOST_SHOWN) return texts.join(', ');
  const print = createHash('sha1').update(texts.join()).digest('hex').slice(0, 8);
  return `${texts[0]} … ${items.length} in all … ${texts.at(-1)} (${print})`;
}

/** What the RFC demands of every case, whatever the golden file says. */
function faultOf({ told, frames, closeCode, endedBy }: Verdict, one: Case): string | undefined {
  if (one.isInformational === true) return undefined;
  if (endedBy === 'nobody') return 'the connection did not come to an end';
  if (closeCode !== one.expected) return `sent Close ${closeCode}, expected ${one.expected}`;
  const broken = frames.find((line) => /[A-Z]{4}-[A-Z]/.test(line.replace(/".*"/, '')));
  if (broken !== undefined) return `wrote a frame against the protocol: ${broken}`;
  // RFC 6455 §5.5.1: a Close frame is the last.
  const closeAt = frames.findIndex((line) => line.startsWith('close'));
  if (closeAt >= 0 && closeAt !== frames.length - 1)
    return 'wrote something behind its Close frame';
  if (!told.at(-1)?.startsWith('close ')) return 'the application was not told of the close last';
  const isFailure = told.some((line) => line.startsWith('error '));
  // RFC 6455 §7.1.7: what failed was ended by whoever failed it.
  if (isFailure && endedBy !== 'endpoint') return 'did not end the connection that it failed';
  return undefined;
}
