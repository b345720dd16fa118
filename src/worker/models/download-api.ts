/** Models from the hub, as the page asks for them. */
import { GraftError } from '../../errors.ts';
import { readSetting, writeSetting } from '../../storage/settings.ts';
import { HUB, hubAddress, parsePlace } from '../../weights/hub.ts';
import type { DownloadsApi } from '../api/downloads.ts';
import { Downloads, UselessDownload } from './downloads.ts';
import { checkAnyModel, type Models } from './models.ts';
import { failureOf, listener, outcome } from '../outcome.ts';
import { following } from '../stopping.ts';

const HUB_SETTING = 'hub';

/** The address that was chosen, or the usual one. */
export async function chosenHub(): Promise<string> {
  const kept = await readSetting(HUB_SETTING);
  return typeof kept === 'string' ? hubAddress(kept) : HUB;
}

/** Downloads of base models into the store of this browser, from the hub that the person chose. */
export function makeDownloads({ store }: Models): Downloads {
  return new Downloads({
    store,
    check: checkAnyModel,
    hub: chosenHub,
    alone: inOneTab,
  });
}

/** Works unless another tab does. @returns undefined then */
export const inOneTab = <T>(name: string, work: () => Promise<T>): Promise<T | undefined> =>
  navigator.locks.request(name, { ifAvailable: true }, (lock) => (lock ? work() : undefined)) as Promise<
    T | undefined
  >;

/** Answers the page's calls about models on the hub. */
export function downloadApi(downloads: Downloads): DownloadsApi {
  return {
    hubAddress: () => outcome(async () => ({ hub: await chosenHub() })),
    changeHub: (address) =>
      outcome(async () => {
        const hub = address.trim() === '' ? HUB : hubAddress(address);
        await writeSetting(HUB_SETTING, hub);
        return { hub };
      }),
    findModels: (asked, access, signal) =>
      outcome(async () => {
        const controller = following(signal, stopped);
        const offers = await whileAllowed(asked, controller, () =>
          downloads.find(asked, access, controller.signal),
        );
        return { offers };
      }),
    download: (source, access, onStatus) =>
      outcome(async () => {
        const controller = new AbortController();
        try {
          const model = await whileAllowed(source, controller, () =>
            downloads.download(source, access, listener(onStatus), controller),
          );
          return model ? { model: { name: model.name, bytes: model.bytes } } : {};
        } catch (error) {
          if (error instanceof UselessDownload) return { useless: failureOf(error) };
          throw error;
        }
      }),
    pauseDownload: async (source) => downloads.pause(source),
    cancelDownload: (source) =>
      outcome(async () => {
        await downloads.cancel(source);
        return {};
      }),
    listDownloads: () => outcome(async () => ({ downloads: await downloads.list() })),
  };
}

/**
 * Ends the work when the page's policy stops one of its requests: that fails as if the network were gone, and only this event says why.
 *
 * @throws GraftError `hub-policy`
 */
export async function whileAllowed<T>(
  asked: string,
  controller: AbortController,
  work: () => Promise<T>,
): Promise<T> {
  const place = parsePlace(asked, await chosenHub());
  const { origin } = new URL(place.kind === 'url' ? place.url : place.hub);
  const onViolation = (event: Event): void => {
    const { blockedURI } = event as SecurityPolicyViolationEvent;
    if (URL.canParse(blockedURI) && new URL(blockedURI).origin === origin)
      controller.abort(forbidden(origin));
  };
  self.addEventListener('securitypolicyviolation', onViolation);
  try {
    return await work();
  } finally {
    self.removeEventListener('securitypolicyviolation', onViolation);
  }
}

function forbidden(origin: string): GraftError {
  return new GraftError(
    'hub-policy',
    `This page may not reach ${origin}: its policy names the servers that it may ask, and this is none of them.`,
    'Fetch the model with the browser or with npx graft fetch, and add it from disk. The operator of this page can allow the server.',
  );
}

/** What a stopped question to the hub ends with: `worker-aborted`. */
export function stopped(): GraftError {
  return new GraftError('worker-aborted', 'Asking the hub was stopped.', 'Ask again when you like.');
}
