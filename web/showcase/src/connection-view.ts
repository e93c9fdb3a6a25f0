/** Owns what the page says about its connection: the state in the bar and the card beside the title. */
import type { Connection, ConnectionChange } from './connection.js';
import { element } from './elements.js';

const CUT_MS = 5000;

export function showConnection(connection: Connection): void {
  const received = element('link-received', HTMLElement);
  const cutButton = element('cut-button', HTMLButtonElement);
  let receivedCount = 0;

  element('link-address', HTMLElement).textContent = connection.url;
  connection.onAnyDelivery(() => {
    receivedCount += 1;
    received.textContent = receivedCount.toLocaleString();
  });
  showState(connection);
  cutButton.addEventListener('click', () => connection.cutFor(CUT_MS));
  connection.onChange(({ state }) => {
    cutButton.disabled = state !== 'connected';
  });
}

function showState(connection: Connection): void {
  const state = element('connection-state', HTMLElement);
  const words = element('connection-words', HTMLElement);
  const hint = element('link-hint', HTMLElement);
  const returns = element('link-returns', HTMLElement);
  const usualHint = hint.textContent ?? '';
  let connectedCount = 0;

  connection.onChange((change) => {
    if (change.state === 'connected') connectedCount += 1;
    state.dataset['state'] = change.state;
    const newWords = stateWords(change, connectedCount > 0);
    // Written only when it differs: a screen reader would read it again.
    if (words.textContent !== newWords) words.textContent = newWords;
    hint.textContent = hintWords(change, connectedCount > 0) ?? usualHint;
    returns.textContent = Math.max(0, connectedCount - 1).toLocaleString();
  });
}

function stateWords({ state, retryInMs }: ConnectionChange, wasConnected: boolean): string {
  if (state === 'connected') return 'Connected';
  if (state === 'connecting' || retryInMs !== undefined) {
    return wasConnected ? 'Reconnecting' : 'Connecting';
  }
  return 'Disconnected';
}

/** What to do or expect while there is no connection. */
function hintWords(
  { state, reason, retryInMs }: ConnectionChange,
  wasConnected: boolean,
): string | undefined {
  if (state !== 'disconnected') return undefined;
  if (retryInMs === undefined) {
    return `${reason === '' ? 'The connection has ended.' : `${reason}.`} Reload the page to connect again.`;
  }
  const seconds = Math.max(1, Math.ceil(retryInMs / 1000));
  const next = `No connection. Next attempt in ${seconds} ${seconds === 1 ? 'second' : 'seconds'}.`;
  // A browser does not say why; a page behind another name or a forwarded port is refused every time.
  return wasConnected ? next : `${next} If it is refused, the server's terminal says why.`;
}
