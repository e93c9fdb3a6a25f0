/** Owns finding and making elements. Text enters the page as text only, never as markup. */

/** The element that index.html gives this id; a missing one is our own mistake. */
export function element<Kind extends Element>(id: string, kind: abstract new () => Kind): Kind {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`index.html has no ${kind.name} with id "${id}"`);
  return found;
}

interface Description {
  className?: string;
  text?: string;
  data?: Readonly<Record<string, string>>;
  children?: readonly Node[];
}

/** A new element with a class, a text or children, and data attributes. */
export function make<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  { className, text, data = {}, children = [] }: Description = {},
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  if (className !== undefined) made.className = className;
  if (text !== undefined) made.textContent = text;
  for (const [name, value] of Object.entries(data)) made.dataset[name] = value;
  made.append(...children);
  return made;
}

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });

/** A `time` element that reads "14:05". */
export function timeOfDay(atMs: number): HTMLTimeElement {
  const at = new Date(atMs);
  const made = make('time', { text: clock.format(at) });
  made.dateTime = at.toISOString();
  return made;
}
