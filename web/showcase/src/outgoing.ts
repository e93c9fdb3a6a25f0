/** Owns the list of messages that are kept or on their way, and of those of which nobody knows whether they arrived. */
import type { ChatMessage } from './chat-message.js';
import type { SendOutcome } from './connection.js';
import { element, make } from './elements.js';

/** An answer usually comes sooner than this; showing the wait would only flicker. */
const SHOWN_AFTER_MS = 300;

interface Item {
  readonly item: HTMLLIElement;
  readonly status: HTMLElement;
}

export class Outgoing {
  readonly #list = element('chat-outgoing', HTMLUListElement);

  /** Shows a message that waits for a connection; answers how to hide it. */
  keep(message: ChatMessage, discard: () => void): () => void {
    const { item } = this.#itemOf(message, 'kept', 'Kept');
    item.append(this.#button('Discard', discard));
    this.#list.append(item);
    this.#list.scrollTop = this.#list.scrollHeight;
    return () => item.remove();
  }

  /** Shows a send until its outcome is known, and after that only if it was not accepted. */
  async show(message: ChatMessage, outcome: Promise<SendOutcome>): Promise<SendOutcome> {
    const { item, status } = this.#itemOf(message, 'sending', 'Sending');
    const timer = setTimeout(() => this.#list.append(item), SHOWN_AFTER_MS);
    const settled = await outcome;
    clearTimeout(timer);
    if (settled.outcome === 'accepted' || settled.outcome === 'draining') {
      item.remove();
      return settled;
    }
    item.dataset['state'] = settled.outcome;
    status.textContent =
      settled.outcome === 'unknown'
        ? 'Unknown – not repeated. No answer came, so it may have arrived or not.'
        : `Not sent: ${settled.reason}`;
    const dismissed = (): void => {
      item.remove();
      element('chat-text', HTMLInputElement).focus();
    };
    item.append(this.#button('Dismiss', dismissed));
    this.#list.append(item);
    return settled;
  }

  #itemOf({ text }: ChatMessage, state: string, words: string): Item {
    const status = make('span', { className: 'outgoing-status', text: words });
    const item = make('li', {
      data: { testid: 'chat-outgoing', state, text },
      children: [make('bdi', { className: 'outgoing-text', text }), status],
    });
    return { item, status };
  }

  #button(text: string, pressed: () => void): HTMLButtonElement {
    const button = make('button', { className: 'button small', text });
    button.type = 'button';
    button.addEventListener('click', pressed);
    return button;
  }
}
