/** The service worker as the page sees it: whether the app is kept on this device, and whether a new version waits. */
import { whenQuiet } from '../ui/quiet.ts';

export class Update {
  /** Whether all files are kept here, so that the page opens without a network. */
  kept = $state<'no' | 'installing' | 'yes' | 'failed'>('no');
  /** `waiting`: a new version is complete. `taken`: another tab uses it already, while this one runs the old one. */
  state = $state<'none' | 'waiting' | 'taken'>('none');
  #registration: ServiceWorkerRegistration | undefined;
  #asked = false;

  /** Registers when the page has had its first moments. Browsers without service workers, and the development server, have none. */
  constructor() {
    if (!import.meta.env.PROD || !('serviceWorker' in navigator)) return;
    const { serviceWorker } = navigator;
    let controlled = serviceWorker.controller !== null;
    if (controlled) this.kept = 'yes';
    serviceWorker.addEventListener('controllerchange', () => {
      if (this.#asked) location.reload();
      else if (controlled) this.state = 'taken';
      controlled = true;
    });
    whenQuiet(() => void this.#register());
  }

  /** The new version takes over, and the page is loaded again. Only ever called by a press. */
  takeOver(): void {
    const waiting = this.#registration?.waiting;
    if (this.state === 'waiting' && waiting) {
      this.#asked = true;
      waiting.postMessage('take-over');
    } else {
      location.reload();
    }
  }

  async #register(): Promise<void> {
    try {
      const registration = await navigator.serviceWorker.register('service-worker.js');
      this.#registration = registration;
      if (registration.waiting && registration.active) this.state = 'waiting';
      if (registration.installing) this.#follow(registration.installing);
      else this.kept = 'yes';
      registration.addEventListener('updatefound', () => {
        if (registration.installing) this.#follow(registration.installing);
      });
    } catch {
      // The browser refused, or the script did not load: everything works, but not without a network.
      if (this.kept !== 'yes') this.kept = 'failed';
    }
  }

  #follow(worker: ServiceWorker): void {
    const update = this.#registration?.active !== null;
    if (!update) this.kept = 'installing';
    worker.addEventListener('statechange', () => {
      if (worker.state === 'installed' && update) this.state = 'waiting';
      else if (worker.state === 'activated') {
        this.kept = 'yes';
        worker.postMessage('claim');
      } else if (worker.state === 'redundant' && this.kept === 'installing') this.kept = 'failed';
    });
  }
}
