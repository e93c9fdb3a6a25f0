/** Owns the lines for a terminal: where this server is not at the commands' default address, they say where it is. */
import { element } from './elements.js';

const DEFAULT_URL = 'ws://localhost:8080/ws';

export function pointTerminalLines({ protocol, host }: Location): void {
  const url = `${protocol === 'https:' ? 'wss' : 'ws'}://${host}/ws`;
  if (url === DEFAULT_URL) return;
  for (const id of ['snippet-subscribe', 'snippet-publish']) {
    element(id, HTMLElement).append(` --url ${url}`);
  }
}
