/** Owns the greeting over STOMP: what a page that was made for a Spring server does, and the frames that this takes. */
import { Client, type IFrame } from '@stomp/stompjs';
import { element, make } from './elements.js';
import { KeptMessages, type Reach } from './kept-messages.js';

const MAX_GREETING_COUNT = 3;
const MAX_GREETING_LENGTH = 200;
const MAX_FRAME_COUNT = 40;
const MAX_FRAME_LENGTH = 1_000;
const MAX_KEPT_COUNT = 5;

export function startStomp(location: Location): void {
  const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
  const client = new Client({
    brokerURL: `${scheme}//${location.host}/gs-guide-websocket`,
    // Frames as they are, and not as the library prints them.
    logRawCommunication: true,
  });
  const status = element('stomp-status', HTMLElement);
  const show = showState();
  const form = offerForm(client, status);

  client.onConnect = () => {
    client.subscribe('/topic/greetings', ({ body }) => {
      form.answered('');
      showGreeting(body);
    });
    client.subscribe('/user/queue/errors', ({ body }) => {
      const { message } = Object(read(body)) as { message?: unknown };
      form.answered(`Not greeted: ${String(message)}`);
    });
    show('connected', 'Connected');
    form.reachChanged('there');
  };
  client.onStompError = ({ headers }: IFrame) => form.answered(`Refused: ${headers['message']}`);
  client.onWebSocketClose = () => {
    if (client.active) show('connecting', 'Reconnecting');
    else show('idle', 'Not connected');
    form.reachChanged('away');
  };
  client.debug = showFrame();
  element('stomp-connect', HTMLButtonElement).addEventListener('click', () => {
    if (client.active) {
      void client.deactivate();
      return;
    }
    show('connecting', 'Connecting');
    client.activate();
  });
}

interface GreetingForm {
  /** Whoever it was for: the handler has spoken. */
  answered(words: string): void;
  reachChanged(reach: Reach): void;
}

function offerForm(client: Client, status: HTMLElement): GreetingForm {
  const name = element('stomp-name', HTMLInputElement);
  let isWaiting = false;
  const show = (willWait: boolean, words: string): void => {
    isWaiting = willWait;
    status.textContent = words;
  };
  const kept = new KeptMessages<string>({
    name: 'stomp',
    field: name,
    maxCount: MAX_KEPT_COUNT,
    nouns: ['name', 'names'],
    until: 'when STOMP is connected',
    send: (greeted) => {
      show(true, 'The handler is taking its second…');
      client.publish({ destination: '/app/hello', body: JSON.stringify({ name: greeted }) });
      // Nobody says so without a receipt; with one, a refusal would end the connection.
      return Promise.resolve(true);
    },
  });
  element('stomp-form', HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault();
    const greeted = name.value.trim();
    if (greeted === '') return name.focus();
    if (kept.take(greeted) === 'kept') name.value = '';
  });
  return {
    answered: (words) => show(false, words),
    reachChanged: (reach) => {
      if (reach === 'away' && isWaiting) {
        show(false, 'Unknown whether the name arrived; it is not sent again.');
      }
      kept.reachChanged(reach, false);
    },
  };
}

type State = 'connected' | 'connecting' | 'idle';

function showState(): (name: State, text: string) => void {
  const state = element('stomp-state', HTMLElement);
  const words = element('stomp-words', HTMLElement);
  const button = element('stomp-connect', HTMLButtonElement);
  return (name, text) => {
    state.dataset['state'] = name;
    words.textContent = text;
    button.textContent = name === 'idle' ? 'Connect' : 'Disconnect';
    button.classList.toggle('primary', name === 'idle');
  };
}

function showGreeting(body: string): void {
  const { content } = Object(read(body)) as { content?: unknown };
  if (typeof content !== 'string') return;
  const list = element('stomp-list', HTMLOListElement);
  const text = make('bdi', { text: content.slice(0, MAX_GREETING_LENGTH) });
  list.prepend(make('li', { data: { testid: 'stomp-greeting' }, children: [text] }));
  while (list.childElementCount > MAX_GREETING_COUNT) list.lastElementChild?.remove();
}

/** A listener for what stompjs says of itself: of that, the frames that are no heartbeats. */
function showFrame(): (line: string) => void {
  const list = element('stomp-frames', HTMLOListElement);
  const scroll = element('stomp-scroll', HTMLElement);
  const empty = element('stomp-empty', HTMLElement);
  return (line) => {
    const [, arrows, command = '', rest = ''] = /^(>>>|<<<) ([A-Z]+)\n([\s\S]*)/.exec(line) ?? [];
    if (arrows === undefined) return;
    const isIn = arrows === '<<<';
    const head = make('strong', { text: `${isIn ? '←' : '→'} ${command}` });
    const text = rest.replaceAll('\0', '').trim().slice(0, MAX_FRAME_LENGTH);
    const item = make('li', { className: 'frame', data: { direction: isIn ? 'in' : 'out' } });
    item.append(head, text === '' ? '' : `\n${text}`);
    list.append(item);
    while (list.childElementCount > MAX_FRAME_COUNT) list.firstElementChild?.remove();
    empty.hidden = true;
    scroll.scrollTop = scroll.scrollHeight;
  };
}

/** Whatever was published there; undefined for what is not JSON. */
function read(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
