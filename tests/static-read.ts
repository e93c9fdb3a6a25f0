/** Owns the switch of the tests for the shared read buffer: `TIDEWAY_TEST_STATIC_READ=1` for every connection, `0` for none. */
import type * as owner from '../dist/transport/websocket/tuning/static-read-buffer.js';

/** Not behind any door, so by where it stands seen from build/tests. */
const file = new URL(
  '../../dist/transport/websocket/tuning/static-read-buffer.js',
  import.meta.url,
);
const { StaticReadBuffer } = (await import(file.href)) as typeof owner;
const wanted = process.env['TIDEWAY_TEST_STATIC_READ'];
// The methods are taken off the class and called on one instance, which is the point.
const { prototype } = StaticReadBuffer;
type Methods = typeof prototype;
const install = Reflect.get(prototype, 'install') as Methods['install'];
const prepare = Reflect.get(prototype, 'prepare') as Methods['prepare'];

if (wanted === '1') {
  // Tried out once, before the first test, so that no connection comes too early for it.
  const tested = new StaticReadBuffer();
  const keepsAlive = setTimeout(() => {}, 10_000);
  if (!(await prepare.call(tested))) throw new Error('the shared read buffer does not work here');
  clearTimeout(keepsAlive);
  const wanting = new WeakSet<object>();
  prototype.prepare = function () {
    wanting.add(this);
    return prepare.call(this);
  };
  prototype.install = function (socket, read) {
    return wanting.has(this) && install.call(tested, socket, read);
  };
} else if (wanted === '0') {
  prototype.prepare = () => Promise.resolve(false);
}
