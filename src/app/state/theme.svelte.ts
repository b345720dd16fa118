/** Light, dark, or as the system is: kept in this browser. public/theme.js reads it before the page is drawn. */

/** In the order of the switch, with what it calls them. */
export const THEMES = { system: 'System', light: 'Light', dark: 'Dark' } as const;
type ThemeName = keyof typeof THEMES;

const KEY = 'graft-theme';

export class Theme {
  name = $state<ThemeName>('system');

  constructor() {
    this.name = nameOf(document.documentElement.dataset['theme']);
    // Another tab may change it.
    addEventListener('storage', ({ key, newValue }) => {
      if (key === KEY) this.#show(nameOf(newValue));
    });
    this.#frame();
  }

  choose(name: ThemeName): void {
    this.#show(name);
    try {
      if (name === 'system') localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, name);
    } catch {
      // Storage is refused: it holds for this visit.
    }
  }

  #show(name: ThemeName): void {
    this.name = name;
    const { dataset } = document.documentElement;
    if (name === 'system') delete dataset['theme'];
    else dataset['theme'] = name;
    this.#frame();
  }

  /** The colour of what the browser draws around the page, one for each theme. */
  #frame(): void {
    for (const meta of document.querySelectorAll<HTMLMetaElement>('meta[name="theme-color"]')) {
      const own = (meta.dataset['theme'] ??= /dark/.test(meta.media) ? 'dark' : 'light');
      const shown = this.name === own ? 'all' : 'not all';
      meta.media = this.name === 'system' ? `(prefers-color-scheme: ${own})` : shown;
    }
  }
}

/** Whether a text names a theme, as what is stored may not. */
export function isTheme(value: string): value is ThemeName {
  return value in THEMES;
}

function nameOf(value: string | null | undefined): ThemeName {
  return value === 'light' || value === 'dark' ? value : 'system';
}
