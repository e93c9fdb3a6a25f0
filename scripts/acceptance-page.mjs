// Owns the tables of docs/acceptance.md: a row for each test, and a section of their own for the figures of fairness.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { root } from './test-files.mjs';

const page = join(root, 'docs/acceptance.md');

/** The machine and the day, as the last two columns say it. */
export function where() {
  return [
    `Node ${process.versions.node}, ${cpus().length} cores`,
    new Date().toISOString().slice(0, 10),
  ];
}

function write(lines) {
  writeFileSync(page, lines.join('\n'));
  spawnSync(process.execPath, ['node_modules/prettier/bin/prettier.cjs', '--write', page], {
    cwd: root,
  });
}

const labelOf = (line) => line.split('|')[1]?.trim() ?? '';
/** Hardening tests by their number, then the others. */
const placeOf = (label) => Number(/^hardening (\d+)$/.exec(label)?.[1] ?? Infinity);

/** Puts the row of a test where it belongs, in place of the one that it had. */
export function writeFigure(row) {
  const lines = readFileSync(page, 'utf8').split('\n');
  const from = lines.findIndex((line) => line.startsWith('| ---')) + 1;
  const length = lines.slice(from).findIndex((line) => !line.startsWith('|'));
  const rows = lines.slice(from, from + length).filter((line) => labelOf(line) !== row[0]);
  rows.push(`| ${row.join(' | ')} |`);
  rows.sort(
    (a, b) => placeOf(labelOf(a)) - placeOf(labelOf(b)) || (labelOf(a) < labelOf(b) ? -1 : 1),
  );
  write([...lines.slice(0, from), ...rows, ...lines.slice(from + length)]);
}

/** Puts rows into the table of a section, by their first column, in the order that is given. Makes the section when there is none. */
export function writeSection(title, words, { heads, rows, order }) {
  const lines = readFileSync(page, 'utf8').trimEnd().split('\n');
  let from = lines.indexOf(`## ${title}`);
  if (from < 0) {
    lines.push('', `## ${title}`);
    from = lines.length - 1;
  }
  const after = lines.findIndex((line, index) => index > from && line.startsWith('## '));
  const until = after < 0 ? lines.length : after;
  const known = lines
    .slice(from, until)
    .filter((line) => line.startsWith('|'))
    .slice(2);
  const mine = new Map(known.map((line) => [labelOf(line), line]));
  for (const row of rows) mine.set(row[0], `| ${row.join(' | ')} |`);
  const table = order.flatMap((name) => mine.get(name) ?? []);
  const head = [`| ${heads.join(' | ')} |`, `|${' --- |'.repeat(heads.length)}`];
  const section = [`## ${title}`, '', words, '', ...head, ...table, ''];
  write([...lines.slice(0, from), ...section, ...lines.slice(until)]);
}
