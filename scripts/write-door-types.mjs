// Owns the published declarations of `tideway/websocket`: types/websocket.d.cts with the options and tables of the sources put in.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Generic as in `@types/ws`: by the classes of connections and requests. */
const SERVER_OPTIONS = `ServerOptions<
  U extends typeof WebSocketAlias = typeof WebSocketAlias,
  V extends typeof IncomingMessage = typeof IncomingMessage,
>`;
/** With one parameter its answer decides at once; with two, the callback does. A union would leave parameters without types. */
const VERIFY_CLIENT = `((
      info: { origin: string; secure: boolean; req: InstanceType<V> },
      callback: VerifyCallback,
    ) => boolean | void) | null | undefined`;
/** A method's parameters may be narrower: `(error: Error) => …` and `(error?: Error | null) => …` are given as well. */
const SEND_CALLBACK = `{ done(error?: Error): void }['done']`;
const AS_IN_TYPES_OF_WS = [
  ['(error?: Error | null) => void', SEND_CALLBACK],
  ['ServerOptions<T extends WebSocket = WebSocket>', SERVER_OPTIONS],
  ['WebSocketClass<T>', 'U'],
  ['VerifyClient | null | undefined', VERIFY_CLIENT],
  ['request: http.IncomingMessage', 'request: InstanceType<V>'],
  ['http.Server | https.Server', 'HTTPServer<V> | HTTPSServer<V>'],
  ["'host' | 'hostname'", "'hostname'"],
  ["'port' | 'protocol'", "'port'"],
  ['http.OutgoingHttpHeaders', 'OutgoingHttpHeaders'],
];

/** A declaration of a source, with the comment above it; options can be written, as in `@types/ws`. */
function taken(file, name) {
  const source = readFileSync(`${root}src/${file}.ts`, 'utf8');
  const start = new RegExp(
    `(?:^/\\*\\*(?:(?!\\*/)[\\s\\S])*\\*/\\n)?^(?:export )?(?:interface|type) ${name}\\b`,
    'm',
  ).exec(source);
  if (start === null) throw new Error(`${file}.ts declares no ${name}`);
  const text = source.slice(start.index);
  const end = /^\}\n|;\n(?=\n|export|$)/m.exec(text);
  let declaration = text.slice(0, end.index + end[0].length);
  declaration = declaration.replace(/^(\s*)(?:export |readonly )/gm, '$1').trimEnd();
  for (const [ours, theirs] of AS_IN_TYPES_OF_WS) {
    declaration = declaration.replaceAll(ours, theirs);
  }
  return declaration;
}

/** What a module's namespace has, for the declarations of the module. */
function namesIn(text) {
  const body = text.slice(text.indexOf('declare namespace WebSocket {'));
  const found = body.matchAll(/^ {2}(interface|type|class|const|function) (\w+)/gm);
  const values = new Set();
  const types = new Set();
  for (const [, kind, name] of found) {
    (kind === 'interface' || kind === 'type' ? types : values).add(name);
  }
  for (const name of values) types.delete(name);
  return { values: [...values], types: [...types] };
}

/** Writes both declarations where `exports` looks for them, below `dist` or a folder that becomes it. */
export function writeDoorTypes(dist) {
  const template = readFileSync(root + 'types/websocket.d.cts', 'utf8');
  const commonJs = template.replace(/^( *)\/\/ @take (\S+) (\S+)$/gm, (_, indent, file, name) =>
    taken(file, name).replace(/^(?=.)/gm, indent),
  );
  const { values, types } = namesIn(commonJs);
  // Declared anew: TypeScript merges no `declare module 'ws' { interface WebSocket … }` with what is re-exported.
  const names = [...values, ...types].filter((name) => name !== 'WebSocket');
  const module = [
    ...names.map((name) => `export import ${name} = WebSocket.${name};`),
    'export { WebSocket };',
    'export default WebSocket;',
    '',
  ].join('\n');
  const folder = join(dist, 'transport/websocket');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'door.d.cts'), commonJs);
  writeFileSync(join(folder, 'door.d.ts'), commonJs.replace('export = WebSocket;\n', module));
}
