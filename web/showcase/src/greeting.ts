/** Owns the greeting: a name goes to the server's handler, the answer comes by a topic, to everybody. */
import type { Connection } from './connection.js';
import { element, make, timeOfDay } from './elements.js';

const HELLO = '/app/hello';
const GREETINGS = '/topic/greetings';
const MAX_GREETING_COUNT = 5;
const MAX_GREETING_LENGTH = 200;

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
  let isConnected = false;
  let isWaiting = false;
  const show = (isNowWaiting: boolean, words: string): void => {
    isWaiting = isNowWaiting;
    status.textContent = words;
    status.dataset['waiting'] = String(isWaiting);
    sendButton.disabled = !isConnected || isWaiting;
  };

  connection.onChange(({ state }) => {
    isConnected = state === 'connected';
    sendButton.disabled = !isConnected || isWaiting;
  });
  element('greeting-form', HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault();
    const greeted = name.value.trim();
    if (greeted === '') return name.focus();
    show(true, 'The handler is taking its second');
    void connection.send(HELLO, { name: greeted }).then((settled) => {
      if (settled.outcome === 'accepted') show(false, '');
      else if (settled.outcome === 'refused') show(false, `Not greeted: ${settled.reason}`);
      else show(false, 'Unknown whether the name arrived; it is not sent again.');
    });
  });
}
