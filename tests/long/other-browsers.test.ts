/** The first page's one button, in browsers that are not Chromium and have no WebGPU: the same run as there, on the processor. */
import { expect, inject, test } from 'vitest';
import { launchChromium } from '../browser/chromium.ts';
import { OTHER_BROWSERS, type OtherBrowser } from './other-browsers.ts';

/** Presses the button, and waits for the end. @returns the line that announces it */
async function tuneAModel(run: OtherBrowser['run']): Promise<string> {
  const pressed = `const found = [...document.querySelectorAll('button')].find((one) => one.innerText.startsWith('Tune a model now'));
    found?.click();
    return found !== undefined`;
  await expect.poll(() => run(pressed), { timeout: 60_000 }).toBe(true);
  const line = `return /^Done: loss .*$/m.exec(document.querySelector('main').innerText)?.[0] ?? document.querySelector('[role=alert]')?.innerText ?? ''`;
  let told = '';
  await expect
    .poll(async () => (told = String(await run(line))), { timeout: 300_000, interval: 1000 })
    .not.toBe('');
  return told;
}

/** Chromium's result, computed once. */
let told: Promise<string> | undefined;
const inChromium = (): Promise<string> => (told ??= askChromium());

async function askChromium(): Promise<string> {
  const browser = await launchChromium();
  const page = await browser.newPage();
  await page.goto(inject('address'));
  const line = await tuneAModel((script) => page.evaluate(`(() => { ${script} })()`));
  await browser.close();
  return line;
}

for (const [name, open] of Object.entries(OTHER_BROWSERS)) {
  test.skipIf(!open)(`${name} trains the sample, and draws its curve`, async () => {
    const browser = await open!();
    try {
      await browser.open(inject('address'));
      const line = await tuneAModel(browser.run);
      expect(line).toMatch(/^Done: loss \d/);
      expect(line).toBe(await inChromium());
      expect(await browser.run(`return document.querySelectorAll('main canvas').length`)).toBeGreaterThan(0);
      expect(await browser.run(`return document.querySelectorAll('[role=alert]').length`)).toBe(0);
    } finally {
      await browser.close();
    }
  });
}
