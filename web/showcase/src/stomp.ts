/** Owns the greeting over STOMP: what a page that was made for a Spring server does, and the frames that this takes. */
import { Client, type IFrame } from '@stomp/stompjs';
import { element, make } from './elements.js';

const MAX_GREETING_COUNT = 3;
const MAX_GREETING_LENGTH = 200;
const MAX_FRAME_COUNT = 40;
const MAX_FRAME_LENGTH = 1_000;

export function startStomp(location: Location): void {
  const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
  const client = new Client({
    brokerURL: `${scheme}//${location.host}/gs-guide-websocket`,
    // Frames as they are, and not as the library prints them.
    logRawCommunication: true,
  });
  const status = element('stomp-status', HTMLElement);
  const show = showState();

  client.onConnect = () => {
    client.subscribe('/topic/greetings', ({ body }) => {
      status.textContent = '';
      showGreeting(body);
    });
    client.subscribe('/user/queue/errors', ({ body }) => {
      const { message } = Object(read(body)) as { message?: unknown };
      status.textContent = `Not greeted: ${String(message)}`;
    });
    show('connected', 'Connected');
  };
  client.onStompError = ({ headers }: IFrame) => {
    status.textContent = `Refused: ${headers['message']}`;
  };
  client.onWebSocketClose = () => {
    if (client.active) show('connecting', 'Reconnecting');
    else show('idle', 'Not connected');
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
  offerForm(client, status);
}

function offerForm(client: Client, status: HTMLElement): void {
  const name = element('stomp-name', HTMLInputElement);
  element('stomp-form', HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault();
    const greeted = name.value.trim();
    if (greeted === '' || !client.connected) return name.focus();
    status.textContent = 'The handler is taking its second…';
    client.publish({ destination: '/app/hello', body: JSON.stringify({ name: greeted }) });
  });
}

type State = 'connected' | 'connecting' | 'idle';

function showState(): (name: State, text: string) => void {
  const state = element('stomp-state', HTMLElement);
  const words = element('stomp-words', HTMLElement);
  const button = element('stomp-connect', HTMLButtonElement);
  const send = element('stomp-send', HTMLButtonElement);
  return (name, text) => {
    state.dataset['state'] = name;
    words.textContent = text;
    button.textContent = name === 'idle' ? 'Connect' : 'Disconnect';
    button.classList.toggle('primary', name === 'idle');
    send.disabled = name !== 'connected';
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
