/** Adds what the pages showed to the message of a failed test: nothing else is left of a machine of CI. */
import { afterEach } from 'vitest';
import { openPages } from './chromium.ts';
import { lateCalls } from './jitter.ts';
import { draws } from './looks.ts';

declare module 'vitest' {
  interface TaskMeta {
    /** What the open pages showed. */
    pages?: string;
  }
}

/** The most characters of one page. */
const MAX = 700;

afterEach(async ({ task }) => {
  if (task.result?.state !== 'fail') return;
  const pages = await openPages();
  const shown = await Promise.all(
    pages.map(async (page) => {
      const text = await page
        .locator('body')
        .innerText({ timeout: 5000 })
        .catch((error: unknown) => String(error));
      const drawn = (await draws(page).catch(() => false)) ? '' : ' (draws no frames)';
      const late = await lateCalls(page);
      const held = late && ` [late: ${late}]`;
      return `${new URL(page.url()).hash}${drawn}${held}: ${text.replace(/\s+/g, ' ').slice(0, MAX)}`;
    }),
  );
  task.meta.pages = shown.join(' | ');
});
