/** Owns the process of the attacker: goes of one attack, once or for a time. */
import { Ground } from '../ground.js';
import { ATTACKS, type Attack } from './attacks/index.js';
import { answer } from '../child.js';

let goCount = 0;

export interface GoForArgument {
  readonly name: string;
  readonly port: number;
  readonly size: number;
  readonly forMs: number;
  /** A first go that takes longer is cut short. */
  readonly firstGoMs: number;
}

const MAX_GO_MS = 20_000;

/** One go. */
async function go(argument: { name: string; port: number; size: number }): Promise<boolean> {
  const { name, port, size } = argument;
  return goOnce(attackOf(name), port, size, performance.now() + MAX_GO_MS);
}

/** Goes of one size, one after another, until the time is over; answers how many were finished. */
async function goFor(argument: GoForArgument): Promise<number> {
  const attack = attackOf(argument.name);
  const beganAtMs = performance.now();
  const untilMs = beganAtMs + argument.forMs;
  const first = Math.max(untilMs, beganAtMs + argument.firstGoMs);
  let count = 0;
  do {
    if (await goOnce(attack, argument.port, argument.size, count === 0 ? first : untilMs))
      count += 1;
  } while (performance.now() < untilMs);
  return count;
}

/** One go; its connections are closed when it or its time is over. Answers whether it was finished. */
async function goOnce(
  attack: Attack,
  port: number,
  size: number,
  untilMs: number,
): Promise<boolean> {
  const ground = new Ground(port, `go${process.pid}x${goCount++}`);
  let isFinished = true;
  const timer = setTimeout(() => {
    isFinished = false;
    ground.end();
  }, untilMs - performance.now());
  try {
    await attack.go(ground, size);
  } catch (error) {
    if (isFinished) throw error;
  } finally {
    clearTimeout(timer);
    ground.end();
  }
  return isFinished;
}

function attackOf(name: string): Attack {
  const attack = ATTACKS.find((one) => one.name === name);
  if (attack === undefined) throw new Error(`no attack ${name}`);
  return attack;
}

answer({ go, goFor });
