/** Owns the choice between light and dark; until one is made, the system's preference stands. */
import { element } from './elements.js';

const THEME_CHANGED = 'themechanged';

export function offerThemes(): void {
  const toggle = element('theme-toggle', HTMLButtonElement);
  const prefersDark = matchMedia('(prefers-color-scheme: dark)');
  const isDark = (): boolean => {
    const chosen = document.documentElement.dataset['theme'];
    return chosen === undefined ? prefersDark.matches : chosen === 'dark';
  };
  const show = (): void => {
    toggle.ariaLabel = isDark() ? 'Use light colours' : 'Use dark colours';
    document.dispatchEvent(new Event(THEME_CHANGED));
  };
  toggle.addEventListener('click', () => {
    const theme = isDark() ? 'light' : 'dark';
    document.documentElement.dataset['theme'] = theme;
    remember(theme);
    show();
  });
  prefersDark.addEventListener('change', show);
  show();
}

/** For what is painted by script and not by the style sheet. */
export function onThemeChange(listener: () => void): void {
  document.addEventListener(THEME_CHANGED, listener);
}

function remember(theme: string): void {
  try {
    localStorage.setItem('theme', theme);
  } catch {
    // Storage may be forbidden: the choice then lasts as long as the page.
  }
}
