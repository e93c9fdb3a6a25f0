/** Owns the build of the page: everything as files of our own, so that a strict content security policy holds. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { priceFile } from './prices.js';

/** Writes the prices that `app.js` replays beside the page. */
function prices() {
  return {
    name: 'showcase-prices',
    apply: 'build',
    generateBundle() {
      const replay = JSON.parse(readFileSync(new URL('replay.json', import.meta.url), 'utf8'));
      this.emitFile({
        type: 'asset',
        fileName: 'data/sp500.json',
        source: priceFile(replay),
      });
    },
  };
}

export default {
  base: './',
  // The client's sources, not what is built of them: the page is built beside the package, not after it.
  resolve: {
    alias: {
      'tideway/client': fileURLToPath(new URL('../../src/client/index.ts', import.meta.url)),
    },
  },
  plugins: [prices()],
  build: {
    outDir: '../../dist/showcase',
    emptyOutDir: true,
    // `default-src 'self'` refuses data: addresses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: 'es2023',
  },
  // `npx vite` in this folder serves the page with live reload, against a server that `npm start` runs.
  server: {
    proxy: {
      '/ws': { target: 'ws://localhost:8080', ws: true },
      '/gs-guide-websocket': { target: 'ws://localhost:8080', ws: true },
    },
  },
};
