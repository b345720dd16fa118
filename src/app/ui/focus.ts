/** Moves the focus when the pressed button is gone, or cannot be pressed any more. */
import { tick } from 'svelte';

/** Whether nothing has the focus, or something that cannot be pressed. */
export function isFocusLost(): boolean {
  const at = document.activeElement;
  return at === null || at === document.body || at.matches(':disabled');
}

/** For a button that replaces the pressed one. */
export function takeFocus(element: HTMLElement): void {
  void tick().then(() => {
    if (isFocusLost()) element.focus({ preventScroll: true });
  });
}

/** Moves the focus to the heading of the stage. */
export async function focusHeading(): Promise<void> {
  await tick();
  const heading = document.querySelector<HTMLElement>('main h1');
  heading?.setAttribute('tabindex', '-1');
  heading?.focus({ preventScroll: true });
}

/** The part of the window's height in which a heading leaves room for what it stands over. */
const IN_VIEW = 0.6;

/** Brings the heading of what has just appeared into view, which on a phone may be below the screen, and moves the focus to it. */
export function showHeading(heading: HTMLElement): void {
  heading.setAttribute('tabindex', '-1');
  heading.focus({ preventScroll: true });
  const { top, bottom } = heading.getBoundingClientRect();
  if (top >= 0 && bottom <= innerHeight * IN_VIEW) return;
  const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
  heading.scrollIntoView({ block: 'start', behavior: still ? 'auto' : 'smooth' });
}
