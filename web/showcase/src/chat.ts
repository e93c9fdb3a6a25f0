/** Owns the chat room: what is delivered is shown, once per delivery, one's own messages too. */
import { ChatLog } from './chat-log.js';
import { MAX_NAME_LENGTH, MAX_TEXT_LENGTH, type ChatMessage } from './chat-message.js';
import { reachOf, type Connection } from './connection.js';
import { element } from './elements.js';
import { KeptMessages } from './kept-messages.js';
import { Outgoing } from './outgoing.js';

const CHAT = '/topic/chat';
/** A delivery may come before or after the acceptance of its send; older ones need no remembering. */
const MAX_REMEMBERED_COUNT = 100;
const MAX_KEPT_COUNT = 20;

export function startChat(connection: Connection): void {
  const log = new ChatLog();
  const ownPositions = new Set<string>();

  connection.subscribe(CHAT, {
    onDelivery: (delivery) => {
      const { position } = delivery;
      log.addMessage(delivery, position !== undefined && ownPositions.delete(position));
    },
    onLive: (recovered) => {
      if (recovered === true) {
        log.addNotice('recovered', 'Everything sent in the meantime was recovered.');
      } else if (recovered === false) {
        log.addNotice(
          'not-recovered',
          'What was sent in the meantime could not be recovered: the server was restarted and ' +
            'its memory is gone, or more than 200 messages went by.',
        );
      }
    },
    onRefused: (reason) => log.addNotice('subscription-refused', `The server refused: ${reason}`),
  });

  noticeCuts(connection, log);
  offerForm(connection, (position) => {
    log.markOwn(position);
    ownPositions.add(position);
    for (const oldest of ownPositions) {
      if (ownPositions.size <= MAX_REMEMBERED_COUNT) break;
      ownPositions.delete(oldest);
    }
  });
}

function noticeCuts(connection: Connection, log: ChatLog): void {
  let state: 'new' | 'connected' | 'cut' = 'new';
  connection.onChange((change) => {
    if (change.state === 'connected') {
      if (state === 'cut') log.addNotice('connection-back', 'The connection is back.');
      state = 'connected';
    } else if (state === 'connected') {
      log.addNotice('connection-cut', 'The connection was cut. Trying to come back.');
      state = 'cut';
    }
  });
}

function offerForm(connection: Connection, onAccepted: (position: string) => void): void {
  const name = element('chat-name', HTMLInputElement);
  const text = element('chat-text', HTMLInputElement);
  const outgoing = new Outgoing();
  const kept = new KeptMessages<ChatMessage>({
    name: 'chat',
    field: text,
    maxCount: MAX_KEPT_COUNT,
    nouns: ['message', 'messages'],
    until: 'when the connection is back',
    send: async (message) => {
      const settled = await outgoing.show(message, connection.send(CHAT, message));
      if (settled.outcome === 'accepted' && settled.position !== undefined) {
        onAccepted(settled.position);
      }
      return settled.outcome !== 'draining';
    },
    show: (message, discard) => outgoing.keep(message, discard),
  });

  connection.onChange((change) =>
    kept.reachChanged(reachOf(change), change.state !== 'connecting'),
  );
  element('chat-form', HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault();
    const message: ChatMessage = {
      name: name.value.trim().slice(0, MAX_NAME_LENGTH),
      text: text.value.trim().slice(0, MAX_TEXT_LENGTH),
    };
    const blank = message.name === '' ? name : message.text === '' ? text : undefined;
    if (blank !== undefined) {
      blank.focus();
      return;
    }
    // What is not taken stays in the field.
    if (kept.take(message) !== 'refused') text.value = '';
    text.focus();
  });
}
