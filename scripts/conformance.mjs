// Owns `npm run conformance`: runs the matrix of cases, prints what is against the RFC or has changed; --update accepts it.
import { readGolden, writeGolden } from '../build/tests/conformance/matrix/golden.js';
import { runMatrix } from '../build/tests/conformance/matrix/matrix.js';

const isUpdate = process.argv.includes('--update');
const results = await runMatrix();
const golden = isUpdate ? new Map() : readGolden();

const faults = results.filter(({ fault }) => fault !== undefined);
for (const { name, fault, line } of faults) console.log(`FAULT ${name}: ${fault}\n      ${line}`);
const changed = isUpdate ? [] : results.filter(({ name, line }) => golden.get(name) !== line);
for (const { name, line } of changed) {
  console.log(`CHANGED ${name}\n    was ${golden.get(name) ?? 'no case'}\n     is ${line}`);
}
if (isUpdate) writeGolden(results);
console.log(`${results.length} cases, ${faults.length} faults, ${changed.length} changed`);
process.exit(faults.length + changed.length > 0 ? 1 : 0);
