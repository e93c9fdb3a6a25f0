/** Runs seeds against all engines of a role and tells where another engine judges otherwise than ours. */
import { startEngines, type Engine, type Verdict } from './engines.js';
import type { Role } from '../matrix/frames.js';
import { explain, isSame, judge, type Lenience } from './model.js';
import { scriptOf, type Script } from './random-frames.js';

/** Another engine judged a script otherwise. */
export interface Difference {
  readonly seed: number;
  readonly role: Role;
  readonly engine: string;
  readonly ours: Verdict;
  readonly theirs: Verdict;
  /** The leniences that explain it, which are never none; undefined when nothing explains it. */
  readonly why: readonly Lenience[] | undefined;
}

export interface Outcome {
  /** Seeds at which our engine judged otherwise than RFC 6455 in the plainest words. */
  readonly wrongSeeds: readonly string[];
  readonly differences: readonly Difference[];
  /** Judgements of another engine that were compared with ours. */
  readonly comparedCount: number;
  /** How often our engine closed with each code. */
  readonly endings: ReadonlyMap<string, number>;
}

const PARALLEL_COUNT = 24;

/** Runs `count` seeds from the first on. */
export async function runSeeds(first: number, count: number): Promise<Outcome> {
  const engines = startEngines();
  const differences: Difference[] = [];
  const wrongSeeds: string[] = [];
  const endings = new Map<string, number>();
  let comparedCount = 0;
  let next = first;
  const worker = async (): Promise<void> => {
    while (next < first + count) {
      const seed = next++;
      for (const role of ['server', 'client'] as const) {
        const [ours, ...others] = engines.filter((engine) => engine.role === role);
        const script = scriptOf(seed);
        const verdict = await ours!.run(script);
        if (!isSame(verdict, judge(script.frames))) wrongSeeds.push(`${role} ${seed}`);
        const ending = `${role} ${verdict.closeCode}`;
        endings.set(ending, (endings.get(ending) ?? 0) + 1);
        for (const other of others) {
          comparedCount += 1;
          const found = await compare(script, verdict, other);
          if (found !== undefined) differences.push(found);
        }
      }
    }
  };
  await Promise.all(Array.from({ length: PARALLEL_COUNT }, worker));
  for (const engine of engines) engine.close();
  return { wrongSeeds, differences, comparedCount, endings };
}

async function compare(
  script: Script,
  ours: Verdict,
  engine: Engine,
): Promise<Difference | undefined> {
  const theirs = await engine.run(script);
  if (isSame(ours, theirs)) return undefined;
  const why = explain(engine.name, engine.role, script.frames, theirs);
  return { seed: script.seed, role: engine.role, engine: engine.name, ours, theirs, why };
}
