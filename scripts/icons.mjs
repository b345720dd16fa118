// @ts-check
/**
 * Draws the icons of the installed app: `node scripts/icons.mjs`. The mark comes from src/app/ui/Mark.svelte and its colours from
 * src/app/ui/tokens.css, so run it again when either changes. Needs the Chromium of the tests.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { findChromium, root } from './machine.mjs';

const ICONS = [
  // The share of the height that the mark takes. What is masked keeps its middle 80 % (https://www.w3.org/TR/appmanifest/#icon-masks).
  { name: 'icon-192', size: 192, share: 0.74, round: 0.22 },
  { name: 'icon-512', size: 512, share: 0.74, round: 0.22 },
  { name: 'maskable-512', size: 512, share: 0.54, round: 0 },
  { name: 'apple-touch-180', size: 180, share: 0.62, round: 0 },
];

const mark = readFileSync(join(root, 'src/app/ui/Mark.svelte'), 'utf8');
const drawing = /<svg[\s\S]*?<\/svg>/.exec(mark)?.[0];
if (!drawing) throw new Error('Mark.svelte has no drawing');
const tokens = readFileSync(join(root, 'src/app/ui/tokens.css'), 'utf8');
const folder = join(root, 'public', 'icons');
mkdirSync(folder, { recursive: true });

const executablePath = findChromium();
if (!executablePath) {
  console.error('No Chromium: run node scripts/setup.mjs');
  process.exit(1);
}
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
try {
  const page = await browser.newPage({ colorScheme: 'light' });
  for (const { name, size, share, round } of ICONS) {
    await page.setViewportSize({ width: size, height: size });
    await page.setContent(`<!doctype html><style>${tokens}
      body { margin: 0; height: ${size}px; display: grid; place-items: center; background: none; }
      div { display: grid; place-items: center; width: ${size}px; height: ${size}px; border-radius: ${round * size}px; background: var(--paper); }
      svg { height: ${share * size}px; } .base { fill: var(--base); } .tuned { fill: var(--tuned); }
      </style><div>${drawing}</div>`);
    await page.screenshot({ path: join(folder, `${name}.png`), omitBackground: true });
    console.log(`Drew ${name}.png`);
  }
} finally {
  await browser.close();
}
