/** Proves that programs typed for `ws` compile on the declarations of `tideway/websocket`, beside `@types/ws`. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** `npm run acceptance -- others` does the same with TypeScript 5.0 and 5.6, and with `moduleResolution: node`. */
const RESOLUTIONS = { node20: 'node16', esnext: 'bundler' };

for (const types of ['ws', 'tideway/websocket']) {
  for (const [module, resolution] of Object.entries(RESOLUTIONS)) {
    test(`programs typed for ws compile against ${types}: ${resolution}`, (t) => {
      const folder = mkdtempSync(join(root, 'build', 'types-'));
      t.after(() => rmSync(folder, { recursive: true, force: true }));
      // `import = require()` is for CommonJS alone.
      const kinds = resolution === 'bundler' ? ['mts'] : ['mts', 'cts'];
      const files = kinds.map((kind) => {
        const text = readFileSync(join(root, `tests/others/types/programs.${kind}`), 'utf8');
        const file = join(folder, `programs.${kind}`);
        writeFileSync(file, text.replaceAll(`'ws'`, `'${types}'`));
        return file;
      });
      const flags = [
        '--noEmit',
        '--ignoreConfig',
        '--strict',
        '--target',
        'es2022',
        '--types',
        'node',
      ];
      const { status, stdout } = spawnSync(
        process.execPath,
        [
          join(root, 'node_modules/typescript/bin/tsc'),
          ...flags,
          '--module',
          module,
          '--moduleResolution',
          resolution,
          ...files,
        ],
        { cwd: root, encoding: 'utf8' },
      );
      assert.equal(status, 0, stdout);
    });
  }
}
