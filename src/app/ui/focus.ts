/** Moves the focus when the pressed button is gone, or cannot be pressed any more. */
import { tick } from 'svelte';

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
