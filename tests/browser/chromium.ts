/** A real Chromium with WebGPU on SwiftShader, and pages that record their errors. */
import {
  chromium,
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  type Page,
} from 'playwright-core';
import { inject } from 'vitest';
import { findChromium, findHeadlessChromium } from '../../scripts/machine.mjs';
import { jittered } from './jitter.ts';

const WEBGPU = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'];
/**
 * Chromium takes the last list of this kind, so it has what Playwright turns off for the sake of tests, and the two pages that an address bar
 * loads ahead for each window: nobody sees them, and they take the processor half a second.
 */
const TURNED_OFF = [
  'AvoidUnnecessaryBeforeUnloadCheckSync',
  'DestroyProfileOnBrowserClose',
  'HttpsUpgrades',
  'HttpsFirstBalancedModeAutoEnable',
  'LensOverlay',
  'MediaRouter',
  'PaintHolding',
  'ThirdPartyStoragePartitioning',
  'AvoidCorsURLLoaderRestartOnRedirect',
  'TcpPortRandomizationWin',
  'OptimizationHints',
  'NetworkTimeServiceQuerying',
  'AimEnabled',
  'PreconnectToSearch',
  'WebUIOmniboxPopup',
  'WebUIOmniboxAimPopup',
];
const FLAGS = [
  `--disable-features=${TURNED_OFF.join(',')}`,
  '--no-sandbox',
  '--disable-background-networking',
  '--no-first-run',
  '--disable-component-update',
  '--disable-sync',
];
/** Flags that give Chromium a software GPU. */
export const WEBGPU_FLAGS = [...FLAGS, ...WEBGPU];

/** @param webgpu whether it has an adapter: without these flags Chromium on a machine without a GPU has none */
export async function launchChromium({
  webgpu = true,
  executablePath = findChromium(),
} = {}): Promise<Browser> {
  if (!executablePath) throw new Error('No Chromium: run node scripts/setup.mjs');
  return jittered(await chromium.launch({ executablePath, args: webgpu ? WEBGPU_FLAGS : FLAGS }));
}

let shared: Promise<Browser> | undefined;
let withWindows: Promise<Browser> | undefined;

/** The Chromium of all files of a process: the shell, if it is installed. A test that breaks its browser launches one of its own. */
export function openChromium(): Promise<Browser> {
  return (shared ??= launchChromium({ executablePath: findHeadlessChromium() }));
}

/** The same with windows. It can keep the screen on, which the shell refuses. */
export function openChromiumWithWindows(): Promise<Browser> {
  return (withWindows ??= launchChromium());
}

/** The pages that are open in this process. */
export async function openPages(): Promise<Page[]> {
  const browsers = await Promise.all([shared, withWindows]);
  return browsers.flatMap((browser) => browser?.contexts() ?? []).flatMap((context) => context.pages());
}

/** Leaves the Chromium of this process to the next one, without pages. */
export async function closeContexts(browser: Browser): Promise<void> {
  await Promise.all(browser.contexts().map((context) => context.close()));
}

export interface WatchedPage {
  readonly page: Page;
  /** Errors on the console, uncaught errors, failed requests and broken policies, in order. */
  readonly problems: readonly string[];
  /** Every address that was asked for. */
  readonly requests: readonly string[];
  close(): Promise<void>;
}

/** What pages compute on: `auto` is the processor here, which is several times as fast as a GPU in software. */
export type ComputesOn = 'auto' | 'gpu';

/** Pages of this context, or one page of it in another way than the others, compute on this. */
export async function computeOn(where: BrowserContext | Page, device: ComputesOn): Promise<void> {
  await where.addInitScript((name) => localStorage.setItem('graft-device', name), device);
}

export interface StudioOptions extends BrowserContextOptions {
  readonly on?: ComputesOn;
  /**
   * Whether the page registers its service worker, which copies every file of the app: the better part of a second of the processor for
   * each context. It is for tests of what is kept, of what is asked of the network, and of use offline.
   */
  readonly serviceWorker?: boolean;
}

/** The page stays as it is before the service worker is installed. Playwright's own way to block it answers with undefined, and warns. */
async function withoutServiceWorker(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    ServiceWorkerContainer.prototype.register = () => new Promise(() => undefined);
  });
}

/** Opens the studio in the Chromium of this process, as wide as a laptop and without animations, for all tests of a file. */
export async function openWide(options: StudioOptions = {}): Promise<WatchedPage> {
  return openStudio(await openChromium(), {
    viewport: { width: 1440, height: 900 },
    reducedMotion: 'reduce',
    ...options,
  });
}

/** Closes the pages of the tests of a file. */
export async function closePages(): Promise<void> {
  await closeContexts(await openChromium());
}

/** Opens the studio in a fresh context. @param address of another server of the built page */
export async function openStudio(
  browser: Browser,
  { on = 'auto', serviceWorker = false, ...options }: StudioOptions = {},
  address = inject('address'),
): Promise<WatchedPage> {
  const context = await browser.newContext(options);
  // Machines of CI can stand still for half a minute.
  context.setDefaultTimeout(90_000);
  if (on !== 'auto') await computeOn(context, on);
  if (!serviceWorker) await withoutServiceWorker(context);
  const page = await context.newPage();
  const problems: string[] = [];
  const requests: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type()))
      problems.push(`console ${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => problems.push(`uncaught: ${error.message}`));
  context.on('request', (request) => requests.push(request.url()));
  context.on('requestfailed', (request) => {
    // Aborted is what was on its way when its page or its worker ended, such as files that the page fetches ahead. A file that cannot be had
    // fails otherwise.
    const why = request.failure()?.errorText;
    if (why === 'net::ERR_ABORTED') return;
    // A request that is open when the page closes has no answer, which is no problem.
    void request.response().then(
      () => problems.push(`failed: ${request.url()} ${why}`),
      () => undefined,
    );
  });
  context.on('response', (response) => {
    if (response.status() >= 400) problems.push(`${response.status()}: ${response.url()}`);
  });
  await page.goto(address);
  return { page, problems, requests, close: () => context.close() };
}
