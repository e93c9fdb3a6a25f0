// The back end of the greeting that Spring's guide to WebSocket messaging builds: a STOMP endpoint, a handler, and the page.
import { fileURLToPath } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';
import { createServer } from 'tideway';

const server = createServer({
  // registerStompEndpoints: registry.addEndpoint("/gs-guide-websocket")
  path: '/gs-guide-websocket',
  // src/main/resources/static
  staticDirectory: fileURLToPath(new URL('public', import.meta.url)),
  // Where pages may load from: without this line from this server alone. The guide's page has jQuery from there too.
  contentSecurityPolicy: [
    "default-src 'self' data:",
    'https://cdn.jsdelivr.net',
    'https://code.jquery.com',
  ].join(' '),
});

// @MessageMapping("/hello") @SendTo("/topic/greetings")
server.app.map('/hello', { sendTo: '/topic/greetings' }, async ({ body }) => {
  await delay(1000); // simulated work
  return { content: `Hello, ${htmlEscape(String(body?.name))}!` };
});

// HtmlUtils.htmlEscape: for pages that put what they receive into their markup.
function htmlEscape(text) {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

await server.listen({ port: Number(process.env.PORT ?? 8080), host: 'localhost' });
console.log(`greetings are given at ${server.url}`);
process.once('SIGTERM', () => void server.close());
