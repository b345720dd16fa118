/** For tests that use the keyboard alone. */
import type { Page } from 'playwright-core';

const MAX_TABS = 80;

/** Presses Tab until something with this name has the focus. */
export async function tabTo(page: Page, name: RegExp): Promise<void> {
  const seen: string[] = [];
  for (let press = 0; press < MAX_TABS; press++) {
    await page.keyboard.press('Tab');
    const found = await page.evaluate(() => {
      const element = document.activeElement;
      const label = (element as HTMLInputElement | null)?.labels?.[0]?.textContent;
      return (element?.getAttribute('aria-label') ?? label ?? element?.textContent ?? '').trim();
    });
    if (name.test(found)) return;
    seen.push(found.slice(0, 30));
  }
  throw new Error(`Tab does not reach ${name}; it reached ${seen.join(' | ')}`);
}
