/** Owns the buttons that copy a snippet. */
import { element } from './elements.js';

const SHOWN_FOR_MS = 2000;

export function offerCopies(): void {
  const status = element('copy-status', HTMLElement);
  for (const button of document.querySelectorAll<HTMLButtonElement>('[data-copies]')) {
    const snippet = element(button.dataset['copies'] ?? '', HTMLElement);
    button.addEventListener('click', () => {
      void copy(snippet).then((words) => {
        button.textContent = words;
        status.textContent = words;
        setTimeout(() => {
          button.textContent = 'Copy';
          status.textContent = '';
        }, SHOWN_FOR_MS);
      });
    });
  }
}

async function copy(snippet: HTMLElement): Promise<string> {
  try {
    await navigator.clipboard.writeText(snippet.textContent ?? '');
    return 'Copied';
  } catch {
    // Clipboards are refused on plain HTTP away from localhost: leave the text selected instead.
    getSelection()?.selectAllChildren(snippet);
    return 'Selected';
  }
}
