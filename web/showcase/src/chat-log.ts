/** Owns the list of what was said: messages and notices in the order in which they came. */
import type { Delivery } from './connection.js';
import { readChatMessage } from './chat-message.js';
import { element, make, timeOfDay } from './elements.js';

const MAX_ENTRY_COUNT = 500;
/** Closer to the end than this, the reader is taken to be following. */
const FOLLOW_PX = 48;

export type NoticeCode =
  'connection-cut' | 'connection-back' | 'recovered' | 'not-recovered' | 'subscription-refused';

export class ChatLog {
  readonly #scroll = element('chat-scroll', HTMLElement);
  readonly #list = element('chat-list', HTMLOListElement);
  readonly #empty = element('chat-empty', HTMLElement);
  readonly #newer = element('chat-newer', HTMLButtonElement);

  constructor() {
    this.#newer.addEventListener('click', () => this.#follow());
    this.#scroll.addEventListener('scroll', () => {
      if (this.#isFollowing()) this.#newer.hidden = true;
    });
  }

  /** Shows one delivery, as often as it is delivered: hiding a double here would hide a fault. */
  addMessage({ body, position, publishedAtMs }: Delivery, isOwn: boolean): void {
    const { name, text } = readChatMessage(body);
    const who = make('bdi', { className: 'who', text: name });
    const head = make('p', { className: 'message-head', children: [who] });
    if (publishedAtMs !== undefined) head.append(timeOfDay(publishedAtMs));
    const words = make('p', { className: 'message-text', text });
    words.dir = 'auto';
    const item = make('li', {
      className: 'message',
      data: { testid: 'chat-message', name, text, own: String(isOwn) },
      children: [head, words],
    });
    if (position !== undefined) item.dataset['position'] = position;
    this.#add(item, isOwn);
  }

  /** The acceptance of a send may come after its delivery: then the message is marked as one's own. */
  markOwn(position: string): void {
    for (let item = this.#list.lastElementChild; item; item = item.previousElementSibling) {
      if (!(item instanceof HTMLElement) || item.dataset['position'] !== position) continue;
      item.dataset['own'] = 'true';
      return;
    }
  }

  addNotice(code: NoticeCode, text: string): void {
    const item = make('li', {
      className: 'notice',
      data: { testid: 'notice', code },
      children: [make('span', { text: `${text} ` }), timeOfDay(Date.now())],
    });
    this.#add(item, false);
  }

  #add(item: HTMLElement, isOwn: boolean): void {
    const mayScroll = isOwn || this.#isFollowing();
    this.#empty.hidden = true;
    this.#list.append(item);
    while (this.#list.childElementCount > MAX_ENTRY_COUNT) this.#list.firstElementChild?.remove();
    if (mayScroll) this.#follow();
    else this.#newer.hidden = false;
  }

  #isFollowing(): boolean {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroll;
    return scrollHeight - scrollTop - clientHeight < FOLLOW_PX;
  }

  #follow(): void {
    this.#scroll.scrollTop = this.#scroll.scrollHeight;
    this.#newer.hidden = true;
  }
}
