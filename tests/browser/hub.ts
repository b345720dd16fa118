/** The Task stage with a test hub. It has two origins, which the site's policy allows as it allows those of the real hub. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import { HubServer, type HubRepo } from '../hub-server.ts';
import { closeContexts, openChromium, openStudio, type StudioOptions, type WatchedPage } from './chromium.ts';
import { goTo, WAIT } from './looks.ts';
import { serveDist, type Site } from './site.ts';

const SPRIG = join(import.meta.dirname, '../../public/models/sprig');

/** The bundled model as a repository. */
export const sprig: HubRepo = {
  files: Object.fromEntries(
    readdirSync(SPRIG).map((name) => [name, new Uint8Array(readFileSync(join(SPRIG, name)))]),
  ),
  licence: 'apache-2.0',
};

export class HubBench {
  private constructor(
    readonly hub: HubServer,
    readonly site: Site,
    readonly browser: Browser,
  ) {}

  static async start(repos: Record<string, HubRepo>): Promise<HubBench> {
    const hub = await HubServer.start(repos);
    const site = await serveDist([hub.address, hub.filesAddress]);
    return new HubBench(hub, site, await openChromium());
  }

  /** A profile of its own at the Task stage, with our hub. @param options of the profile */
  async visit(options: StudioOptions = {}): Promise<WatchedPage> {
    const opened = await openStudio(
      this.browser,
      { viewport: { width: 1440, height: 900 }, reducedMotion: 'reduce', ...options },
      this.site.address,
    );
    const { page } = opened;
    await goTo(page, 'task');
    await page.getByText('Access token, another hub').click();
    await region(page).getByLabel('Address of the hub').fill(this.hub.address);
    await region(page).getByRole('button', { name: 'Use this hub' }).click();
    await page.getByText(/^Models are looked for at/).waitFor({ state: 'attached' });
    return opened;
  }

  /** Large files come slowly until this is switched off. @param ms between 3,000 bytes: a small file must not be there before a slow page is paused */
  slow(ms = 60): void {
    this.hub.fail(/^\/lfs/, { slow: { chunk: 3000, ms } }, 9);
  }

  /** Ranges that were asked for at the second server, the first time aside. */
  ranges(): (string | undefined)[] {
    return this.hub.requests.filter(({ server }) => server === 'files').map(({ range }) => range);
  }

  async close(): Promise<void> {
    await closeContexts(this.browser);
    await this.site.close();
    await this.hub.close();
  }
}

export const region = (page: Page): Locator =>
  page.getByRole('region', { name: 'From the Hugging Face hub' });
/** The table of models. */
export const models = (page: Page): Locator => page.getByRole('region', { name: 'Models to choose from' });
/** Its rows of models that this browser keeps. */
export const kept = (page: Page): Locator =>
  models(page).getByRole('row').filter({ hasText: 'In this browser:' });
export const row = (page: Page, name: string): Locator =>
  page.getByRole('region', { name: 'Downloads' }).getByRole('listitem').filter({ hasText: name });

export async function find(page: Page, asked: string): Promise<void> {
  await region(page).getByLabel('Model', { exact: true }).fill(asked);
  await region(page).getByRole('button', { name: 'Find', exact: true }).click();
}

export async function download(page: Page, asked: string): Promise<void> {
  await find(page, asked);
  // Behind the colon stands which of its forms: models of the table have their names there.
  await region(page)
    .getByRole('button', { name: /^Download: / })
    .click(WAIT);
}

/** Folders of models in the browser's private file system, whole or not. */
export function folders(page: Page): Promise<number> {
  return page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    const models = await root.getDirectoryHandle('models', { create: true });
    let count = 0;
    for await (const _ of models.keys()) count++;
    return count;
  });
}
