// What the figures were measured on, in words.
import { cpus, release } from 'node:os';
import process from 'node:process';
import { pinning } from './measure.mjs';

export function describeMachine() {
  const list = cpus();
  return {
    processor: `${list[0]?.model.trim() ?? 'unknown'}, ${list.length} cores`,
    system: `${process.platform} ${release()}, ${process.arch}`,
    node: `Node.js ${process.version}`,
    pinning,
  };
}
