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

test('a socket of a CommonJS declaration passes as one of a module, and back', (t) => {
  const folder = mkdtempSync(join(root, 'build', 'types-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const required = `
    import WebSocket = require('tideway/websocket');
    export declare const socket: WebSocket;
    export declare function take(a: WebSocket, b: typeof WebSocket, c: WebSocket.Server): void;`;
  const imported = `
    import { WebSocket, WebSocketServer } from 'tideway/websocket';
    import { socket, take } from './required.cjs';
    export const own: WebSocket = socket;
    take(own, WebSocket, new WebSocketServer({ port: 0 }));`;
  writeFileSync(join(folder, 'required.cts'), required);
  writeFileSync(join(folder, 'imported.mts'), imported);
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  const flags = ['--noEmit', '--ignoreConfig', '--strict', '--module', 'node20', '--types', 'node'];
  const { status, stdout } = spawnSync(
    process.execPath,
    [compiler, ...flags, join(folder, 'imported.mts')],
    { cwd: root, encoding: 'utf8' },
  );
  assert.equal(status, 0, stdout);
});
