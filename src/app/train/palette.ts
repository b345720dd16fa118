import { onThemeChange } from '../ui/theme-changes.ts';

/** Canvas knows no custom properties: an element resolves them, in the theme that holds now. */
export function palette(host: HTMLElement): (name: string) => string {
  const probe = document.createElement('span');
  host.append(probe);
  const cache = new Map<string, string>();
  onThemeChange(() => cache.clear());
  return (name) => {
    let colour = cache.get(name);
    if (colour === undefined) {
      probe.style.color = `var(--${name})`;
      colour = getComputedStyle(probe).color;
      cache.set(name, colour);
    }
    return colour;
  };
}
