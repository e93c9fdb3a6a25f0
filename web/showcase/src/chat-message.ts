/** Owns how the body of a chat message is read; anybody may publish anything, so nothing is taken on trust. */

export const MAX_NAME_LENGTH = 40;
export const MAX_TEXT_LENGTH = 500;

export interface ChatMessage {
  readonly name: string;
  readonly text: string;
}

/** `{ name, text }` as it is; any other JSON under the name "Somebody", so that it is not lost unseen. */
export function readChatMessage(body: unknown): ChatMessage {
  const { name, text } = Object(body) as { name?: unknown; text?: unknown };
  const isOurs = typeof text === 'string';
  const shownName = typeof name === 'string' && name.trim() !== '' ? name : 'Somebody';
  const shownText = isOurs ? text : typeof body === 'string' ? body : JSON.stringify(body);
  return {
    name: shorten(shownName, MAX_NAME_LENGTH),
    text: shorten(shownText ?? '', MAX_TEXT_LENGTH),
  };
}

function shorten(text: string, maxLength: number): string {
  return text.length <= maxLength ? text : `${text.slice(0, maxLength - 1)}…`;
}
