/** Tells a person who looks elsewhere that a run has ended: only after they pressed a button that asks for it. */
import { addressOf } from './route.svelte.ts';

type NotifierState = NotificationPermission | 'unsupported';

export class Notifier {
  state = $state<NotifierState>('unsupported');

  constructor() {
    if ('Notification' in globalThis) this.state = Notification.permission;
  }

  /** Only from a press: browsers ask the person then, and not otherwise. */
  async ask(): Promise<void> {
    if (this.state === 'default') this.state = await Notification.requestPermission();
  }

  /** Nothing if it was not allowed, or if the page is seen anyway. */
  async report(title: string, body: string): Promise<void> {
    if (this.state !== 'granted' || (document.visibilityState === 'visible' && document.hasFocus())) return;
    const options: NotificationOptions = { body, tag: 'graft-run' };
    try {
      const shown = new Notification(title, options);
      shown.addEventListener('click', () => {
        focus();
        location.hash = addressOf('train');
        shown.close();
      });
    } catch {
      // Chrome on Android shows notifications of a service worker alone.
      const worker = await navigator.serviceWorker?.getRegistration();
      await worker?.showNotification(title, options);
    }
  }
}
