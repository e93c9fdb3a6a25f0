/** Owns the menu of the bar: on a narrow page the sections open below a button, as long as somebody is in them. */
import { element } from './elements.js';

export function offerMenu(): void {
  const button = element('menu-button', HTMLButtonElement);
  const sections = element('sections', HTMLElement);
  const isOpen = (): boolean => button.ariaExpanded === 'true';
  const open = (willBeOpen: boolean): void => {
    button.ariaExpanded = String(willBeOpen);
    sections.dataset['open'] = String(willBeOpen);
  };
  const isInside = (target: EventTarget | null): boolean =>
    target instanceof Node && (button.contains(target) || sections.contains(target));

  button.addEventListener('click', () => open(!isOpen()));
  sections.addEventListener('click', ({ target }) => {
    if (target instanceof HTMLAnchorElement) open(false);
  });
  document.addEventListener('keydown', ({ key }) => {
    if (key !== 'Escape' || !isOpen()) return;
    open(false);
    // On a wide page the button is not there, and the sections stay.
    if (button.checkVisibility()) button.focus();
  });
  document.addEventListener('pointerdown', ({ target }) => {
    if (!isInside(target)) open(false);
  });
  document.addEventListener('focusin', ({ target }) => {
    if (!isInside(target)) open(false);
  });
}
