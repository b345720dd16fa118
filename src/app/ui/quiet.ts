/** For what can wait until the page has been shown and can be used. */

/** The wait in browsers that do not say when they are idle. */
const SOON_MS = 500;
/** The longest wait: a page that is never idle does the work all the same. */
const LATEST_MS = 4000;

/** Calls `work` once: when the page is loaded and the browser has nothing else to do. */
export function whenQuiet(work: () => void): void {
  const wait = (): void => {
    // Safari has no requestIdleCallback.
    if ('requestIdleCallback' in globalThis) requestIdleCallback(() => work(), { timeout: LATEST_MS });
    else setTimeout(work, SOON_MS);
  };
  if (document.readyState === 'complete') wait();
  else addEventListener('load', wait, { once: true });
}
