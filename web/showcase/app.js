/**
 * The showcase's server side, loaded by `tideway serve --app`: topic rules for the chat, a greeting
 * that takes a second, and a ticker that replays real market prices.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { RequestError } from 'tideway';

const CHAT = '/topic/chat';
const GREETINGS = '/topic/greetings';
const TICKER = '/topic/ticker/sp500';

const GREETING_DELAY_MS = 1000;
const MAX_NAME_LENGTH = 40;

/** Called once by the server before it listens. */
export function configure(server) {
  const stopped = new AbortController();
  server.onClose(() => stopped.abort());

  server.topics.rule(CHAT, { historySize: 200 });
  configureGreeting(server);
  configureTicker(server, stopped.signal);
}

/** A name goes in, a second passes, the greeting goes out to everybody who listens. */
function configureGreeting(server) {
  server.app.map('/hello', { sendTo: GREETINGS }, async ({ body }) => {
    const name = greetedName(body);
    // Not ended by a server that closes: that one waits for handlers at work.
    await delay(GREETING_DELAY_MS);
    return { content: `Hello, ${name}!` };
  });
}

function greetedName(body) {
  const name = typeof body?.name === 'string' ? body.name.trim() : '';
  if (name.length === 0 || name.length > MAX_NAME_LENGTH) {
    throw new RequestError(
      'greeting/invalid-name',
      `/app/hello: "name" must have 1 to ${MAX_NAME_LENGTH} characters. Send {"name": "Ada"}.`,
    );
  }
  return name;
}

/** One trading day per interval up to the last, then over again. */
function configureTicker(server, signal) {
  const { intervalMs, windowDays } = readJson('replay.json');
  const days = readJson('../../dist/showcase/data/sp500.json').days.map(
    ([date, open, high, low, close]) => ({ date, open, high, low, close }),
  );
  // The first days are what the first chart shows, before the replay has published any.
  let publishedCount = windowDays;

  // Enough for a page that was away for a while to catch up without a hole.
  server.topics.rule(TICKER, { historySize: windowDays });

  // What a page needs to draw a whole chart at once; the topic takes it from there.
  server.app.map('/ticker/recent', { operations: 'request' }, () => ({
    days: days.slice(publishedCount - windowDays, publishedCount),
  }));

  async function replay() {
    while (!signal.aborted) {
      if (publishedCount === days.length) publishedCount = windowDays;
      const day = days[publishedCount];
      publishedCount += 1;
      await server.publish(TICKER, day, { key: 'sp500' });
      await delay(intervalMs, undefined, { signal });
    }
  }

  replay().catch((error) => {
    if (!signal.aborted) console.error(`ticker: the replay stopped: ${error.message}`);
  });
}

function readJson(path) {
  const file = new URL(path, import.meta.url);
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new Error(`showcase: cannot read ${file.pathname}. Run "npm run build" first.`, {
      cause: error,
    });
  }
}
