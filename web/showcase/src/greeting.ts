/** Owns the greeting: a name goes to the server's handler, the answer comes by a topic, to everybody. */
import { reachOf, type Connection } from './connection.js';
import { element, make, timeOfDay } from './elements.js';
import { KeptMessages } from './kept-messages.js';

const HELLO = '/app/hello';
const GREETINGS = '/topic/greetings';
const MAX_GREETING_COUNT = 5;
const MAX_GREETING_LENGTH = 200;
const MAX_KEPT_COUNT = 5;

export function startGreeting(connection: Connection): void {
  const list = element('greeting-list', HTMLOListElement);
  const empty = element('greeting-empty', HTMLElement);

  connection.subscribe(GREETINGS, {
    onDelivery: ({ body, publishedAtMs }) => {
      const { content } = Object(body) as { content?: unknown };
      if (typeof content !== 'string') return;
      const item = make('li', {
        data: { testid: 'greeting' },
        children: [make('bdi', { text: content.slice(0, MAX_GREETING_LENGTH) })],
      });
      if (publishedAtMs !== undefined) item.append(timeOfDay(publishedAtMs));
      list.prepend(item);
      while (list.childElementCount > MAX_GREETING_COUNT) list.lastElementChild?.remove();
      empty.hidden = true;
    },
  });
  offerForm(connection);
}

function offerForm(connection: Connection): void {
  const name = element('greeting-name', HTMLInputElement);
  const sendButton = element('greeting-send', HTMLButtonElement);
  const status = element('greeting-status', HTMLElement);
  const show = (isWaiting: boolean, words: string): void => {
    status.textContent = words;
    status.dataset['waiting'] = String(isWaiting);
    sendButton.disabled = isWaiting;
  };
  const kept = new KeptMessages<string>({
    name: 'greeting',
    field: name,
    maxCount: MAX_KEPT_COUNT,
    nouns: ['name', 'names'],
    until: 'when the connection is back',
    send: async (greeted) => {
      show(true, 'The handler is taking its second');
      const settled = await connection.send(HELLO, { name: greeted });
      if (settled.outcome === 'refused') show(false, `Not greeted: ${settled.reason}`);
      else if (settled.outcome !== 'unknown') show(false, '');
      else show(false, 'Unknown whether the name arrived; it is not sent again.');
      return settled.outcome !== 'draining';
    },
  });

  connection.onChange((change) =>
    kept.reachChanged(reachOf(change), change.state !== 'connecting'),
  );
  element('greeting-form', HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault();
    const greeted = name.value.trim();
    if (greeted === '') return name.focus();
    // A name that is kept has left the field; one that is greeted may be greeted again.
    if (kept.take(greeted) === 'kept') name.value = '';
  });
}
