/** Every request since the page was loaded: by the page, by its worker, and by the service worker. */
import { observeRequests, type NetworkRequest } from '../../requests.ts';
import type { GraftWorker } from '../../worker/api.ts';

export interface Request extends NetworkRequest {
  readonly by: 'page' | 'worker' | 'service worker';
  /** Whether it went to another origin than the app's. */
  readonly elsewhere: boolean;
}

/** Rows that the list keeps, the newest ones; the counts go on. */
const LISTED = 500;

export class Requests {
  list = $state.raw<readonly Request[]>([]);
  /** Over the network to the app's own server. */
  own = $state(0);
  /** To any other server. */
  elsewhere = $state(0);
  /** Answered on this device. */
  kept = $state(0);

  constructor(worker: GraftWorker) {
    observeRequests((asked) => this.#add('page', asked));
    void worker.watchRequests((asked) => this.#add('worker', asked));
    if (!('serviceWorker' in navigator)) return;
    navigator.serviceWorker.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
      if (typeof data !== 'object' || data === null || !('type' in data) || data.type !== 'graft-asked')
        return;
      if ('url' in data && typeof data.url === 'string')
        this.#add('service worker', { url: data.url, answer: 'network', bytes: 0 });
    });
    navigator.serviceWorker.startMessages();
  }

  #add(by: Request['by'], asked: NetworkRequest): void {
    const elsewhere = !asked.url.startsWith(`${location.origin}/`);
    if (elsewhere) this.elsewhere++;
    else if (asked.answer === 'kept') this.kept++;
    else this.own++;
    this.list = [{ ...asked, by, elsewhere }, ...this.list].slice(0, LISTED);
  }
}
