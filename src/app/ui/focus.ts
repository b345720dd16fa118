/** Where the keyboard goes on when the button that was pressed is gone, or cannot be pressed any more. */
import { tick } from 'svelte';

export function isFocusLost(): boolean {
  const at = document.activeElement;
  return at === null || at === document.body || at.matches(':disabled');
}

/** For a button that comes in the place of the one that was pressed. */
export function takeFocus(element: HTMLElement): void {
  void tick().then(() => {
    if (isFocusLost()) element.focus({ preventScroll: true });
  });
}

/** The stage is read from its heading on. */
export async function focusHeading(): Promise<void> {
  await tick();
  const heading = document.querySelector<HTMLElement>('main h1');
  heading?.setAttribute('tabindex', '-1');
  heading?.focus({ preventScroll: true });
}
