/** Owns the list of messages that are on their way, and of those of which nobody knows whether they arrived. */
import type { ChatMessage } from './chat-message.js';
import type { SendOutcome } from './connection.js';
import { element, make } from './elements.js';

/** An answer usually comes sooner than this; showing the wait would only flicker. */
const SHOWN_AFTER_MS = 300;

export class Outgoing {
  readonly #list = element('chat-outgoing', HTMLUListElement);

  /** Shows a send until its outcome is known, and after that only if it was not accepted. */
  async show(message: ChatMessage, outcome: Promise<SendOutcome>): Promise<SendOutcome> {
    const status = make('span', { className: 'outgoing-status', text: 'Sending' });
    const item = make('li', {
      data: { testid: 'chat-outgoing', state: 'sending', text: message.text },
      children: [make('bdi', { className: 'outgoing-text', text: message.text }), status],
    });
    const timer = setTimeout(() => this.#list.append(item), SHOWN_AFTER_MS);
    const settled = await outcome;
    clearTimeout(timer);
    if (settled.outcome === 'accepted') {
      item.remove();
      return settled;
    }
    item.dataset['state'] = settled.outcome;
    status.textContent =
      settled.outcome === 'unknown'
        ? 'Unknown – not repeated. No answer came, so it may have arrived or not.'
        : `Not sent: ${settled.reason}`;
    item.append(this.#dismissal(item));
    this.#list.append(item);
    return settled;
  }

  #dismissal(item: HTMLElement): HTMLButtonElement {
    const button = make('button', { className: 'button small', text: 'Dismiss' });
    button.type = 'button';
    button.addEventListener('click', () => {
      item.remove();
      element('chat-text', HTMLInputElement).focus();
    });
    return button;
  }
}
