/** Shared by the tests of screens: navigation, what the page shows, what axe finds. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Download, Page } from 'playwright-core';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
export const RESULTS = join(import.meta.dirname, '../../test-results');
export const PICTURES = join(RESULTS, 'screens');
const WITH_PICTURES = process.env['GRAFT_TEST_PICTURES'] === '1';
/** For waits that depend on computation on a busy machine. */
export const WAIT = { timeout: 90_000 };

/** Goes to another place and waits until it is shown instead of the one before. @param stage its name in the address, or `start` */
export async function goTo(page: Page, stage: string): Promise<void> {
  await page.evaluate(
    (hash) => {
      const placeOf = (address: string): string | undefined => address.split('/')[1];
      if (placeOf(location.hash || '#/') !== placeOf(hash))
        document.querySelector('main h1')?.setAttribute('data-left', '');
      location.hash = hash;
    },
    stage === 'start' ? '#/' : `#/${stage}`,
  );
  await page.locator('main h1:not([data-left])').first().waitFor();
}

/** Every setting of the form under Train, whether it was folded away or not. */
export async function openSettings(page: Page): Promise<void> {
  await page
    .locator('details', { has: page.getByText('Every setting, explained') })
    .evaluate((details: HTMLDetailsElement) => (details.open = true));
}

/** Opens a bundled sample under Data, where samples are folded away once rows are open. */
export async function openSample(page: Page, name = /^A sea captain/): Promise<void> {
  const sample = page.getByRole('button', { name });
  const others = page.getByRole('button', { name: /^(Samples|Other rows)$/ });
  await sample.or(others).first().waitFor();
  if (await others.isVisible()) await others.click();
  await sample.click();
}

/** The fact that the stem tells of a stage. */
export const factOf = (page: Page, stage: string): Promise<string> =>
  page.getByRole('navigation').getByRole('link', { name: stage }).innerText();

/** The file that the page downloads when something is pressed. */
export async function downloadOf(page: Page, press: () => Promise<void>): Promise<Download> {
  const [download] = await Promise.all([page.waitForEvent('download'), press()]);
  return download;
}

/** The rules of axe that a theme can break: those about colours. */
export const RULES_OF_COLOURS = ['color-contrast', 'link-in-text-block'];

/** Violations, with the elements that they are about. @param rules all if left out */
export async function axe(page: Page, rules?: readonly string[]): Promise<string[]> {
  // Through the debugger, which the page's policy does not restrict.
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(AXE);
  const { violations, asked } = await page.evaluate(async (only) => {
    const { axe: core } = globalThis as unknown as { axe: typeof import('axe-core') };
    // Passed checks are only counted: describing each element takes longer than all checks. Nor does anybody read how it would be selected.
    const results = await core.run(document, {
      resultTypes: ['violations'],
      selectors: false,
      ...(only && { runOnly: { type: 'rule', values: [...only] } }),
    });
    return {
      violations: results.violations.map(
        ({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`,
      ),
      // The contrast of what lies before an inert page is often left open.
      asked: results.passes.length + results.incomplete.length,
    };
  }, rules);
  if (asked === 0) throw new Error('axe looked at nothing');
  return violations;
}

/** Whether the page draws two frames within ten seconds, by an observer that is called after one: some tests take `requestAnimationFrame` away. */
export const draws = (page: Page): Promise<boolean> =>
  page.evaluate(async () => {
    const drawn = (): Promise<void> =>
      new Promise((resolve) => {
        const observer = new IntersectionObserver(() => {
          observer.disconnect();
          resolve();
        });
        observer.observe(document.documentElement);
      });
    return Promise.race([
      drawn()
        .then(drawn)
        .then(() => true),
      new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 10_000)),
    ]);
  });

/**
 * Sets the size of the window and waits until the page is drawn in it. On a busy machine Chromium has stopped drawing a page for good after a new size, while
 * its scripts went on. Then another size is tried.
 */
async function resize(page: Page, width: number, height: number): Promise<void> {
  for (let tries = 0; tries < 3; tries++) {
    await page.setViewportSize({ width, height });
    if (await draws(page)) return;
    await page.bringToFront();
    await page.setViewportSize({ width, height: height + 1 });
  }
  throw new Error(`Chromium draws no frame of the page at ${width} × ${height}`);
}

/** Makes the window as high as the page is in this width, so that what sticks to an edge lies at the edge. @param height the least */
async function fit(page: Page, width: number, height: number): Promise<void> {
  if (page.viewportSize()?.width !== width) await resize(page, width, height);
  const down = await page.evaluate(() => document.documentElement.scrollHeight);
  // Charts follow the size of the window a frame later.
  await resize(page, width, Math.max(height, down));
}

/** A picture of the window in test-results/screens, with `GRAFT_TEST_PICTURES=1`. */
async function screenshot(page: Page, name: string, width: number): Promise<void> {
  if (WITH_PICTURES) await page.screenshot({ path: join(PICTURES, `studio-${name}-${width}.png`) });
}

/** All of the page in a window as high as it is, and a picture of that. */
export async function picture(page: Page, name: string, width: number, height: number): Promise<void> {
  await fit(page, width, height);
  await screenshot(page, name, width);
}

/** What is wider than the window, and what can be scrolled sideways in it. */
export function sideways(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    const found = scrollWidth > clientWidth ? [`the page, ${scrollWidth} px in ${clientWidth}`] : [];
    for (const element of document.querySelectorAll<HTMLElement>('body *')) {
      const scrolls = ['auto', 'scroll'].includes(getComputedStyle(element).overflowX);
      if (!scrolls || element.matches('input, select, textarea') || !element.checkVisibility()) continue;
      // Sizes are rounded.
      if (element.scrollWidth > element.clientWidth + 1)
        found.push(`${element.outerHTML.slice(0, 80)}, ${element.scrollWidth} px in ${element.clientWidth}`);
    }
    return found;
  });
}

/** What a screen is looked at in: with pictures in all four, otherwise in each theme and each width once. The tests of the whole studio have all four of its stages. */
const LOOKS = (
  [
    ['light', 1440, 900],
    ['light', 360, 780],
    ['dark', 1440, 900],
    ['dark', 360, 780],
  ] as const
).filter(([theme, width]) => WITH_PICTURES || (theme === 'light') === width > 360);

/** Both themes, wide and narrow: what axe finds, and what is wider than the window. */
export async function inspect(page: Page, name: string): Promise<string[]> {
  const found: string[] = [];
  for (const [colorScheme, width, height] of LOOKS) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await fit(page, width, height);
    await page.evaluate(() => document.fonts.ready);
    // Charts follow the size of the window a frame later.
    const across = await page
      .waitForFunction((most) => document.documentElement.scrollWidth <= most, width, { timeout: 5000 })
      .then(
        () => width,
        () => page.evaluate(() => document.documentElement.scrollWidth),
      );
    if (across > width) found.push(`${name} is ${across} px wide in ${width}`);
    await screenshot(page, `${name}-${colorScheme}`, width);
    for (const violation of await axe(page)) found.push(`${name}, ${colorScheme}, ${width}: ${violation}`);
  }
  await resize(page, 1440, 900);
  return found;
}
