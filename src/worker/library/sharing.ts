/** The worker's API for pushing adapters to the hub. */
import { GraftError } from '../../errors.ts';
import type { Library } from './adapters.ts';
import type { SharedFile, ShareProgress, SharingApi } from '../api.ts';
import type { Bases } from '../models/bases.ts';
import { chosenHub } from '../models/download-api.ts';
import { listener, outcome } from '../outcome.ts';
import { following } from '../stopping.ts';

type Content = Uint8Array<ArrayBuffer>;

/** Answers the page's calls that push an adapter to the hub. */
export function sharingApi(library: Library, bases: Bases): SharingApi {
  /** What the zip of the adapter has, without a base and without what is not for others. */
  const filesOf = async (id: string): Promise<[name: string, bytes: Content][]> => {
    const [{ files }, { sharedFile }] = await Promise.all([
      library.folder(id, bases, false),
      import('../../weights/hub/shared-files.ts'),
    ]);
    return Object.entries(files).filter(([name]) => sharedFile(name));
  };
  return {
    planShare: (id) =>
      outcome(async () => {
        const [files, hub] = await Promise.all([filesOf(id), chosenHub()]);
        return { hub, files: await Promise.all(files.map(described)) };
      }),
    shareAdapter: (id, { repo, private: isPrivate, token }, onProgress, signal) =>
      outcome(async () => {
        const controller = following(signal, stopped);
        const say = listener(onProgress);
        let last: ShareProgress = { step: 'hashing', file: '', done: 0, total: 0 };
        const [files, hub, { pushFiles }] = await Promise.all([
          filesOf(id),
          chosenHub(),
          import('../../weights/hub/push.ts'),
        ]);
        const shared = await whileAllowed(controller, () =>
          pushFiles(
            files.map(([name, bytes]) => ({ name, content: new Blob([bytes]) })),
            {
              ...{ hub, repo, token, private: isPrivate, signal: controller.signal },
              message: 'Upload with Graft',
              onProgress: (progress) => say((last = progress)),
              onWait: (wait) => say(wait ? { ...last, waiting: wait } : last),
            },
          ),
        );
        return { shared };
      }),
  };
}

function stopped(): GraftError {
  return new GraftError(
    'worker-aborted',
    'The push was stopped.',
    'Push again: what is there is not sent twice.',
  );
}

async function described([name, bytes]: [string, Content]): Promise<SharedFile> {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return {
    name,
    bytes: bytes.byteLength,
    sha256: Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join(''),
  };
}

/**
 * Ends the work when the page's policy stops a request: that fails as if the network were gone, and only this event says why. Files may go to servers
 * that the hub names.
 *
 * @throws GraftError `hub-policy`
 */
async function whileAllowed<T>(controller: AbortController, work: () => Promise<T>): Promise<T> {
  const onViolation = (event: Event): void => {
    const { blockedURI } = event as SecurityPolicyViolationEvent;
    const origin = URL.canParse(blockedURI) ? new URL(blockedURI).origin : blockedURI;
    controller.abort(
      new GraftError(
        'hub-policy',
        `This page may not reach ${origin}: its policy does not name that server.`,
        'Download the zip and send it with npx graft push. The operator of this page can allow the server.',
      ),
    );
  };
  self.addEventListener('securitypolicyviolation', onViolation);
  try {
    return await work();
  } finally {
    self.removeEventListener('securitypolicyviolation', onViolation);
  }
}
