/** What this browser computes on: what a person chose, what the worker opened, and how the page speaks of it. */
import type { DeviceChoice, DeviceFacts, Failure, GraftWorker } from '../../worker/api.ts';

type DeviceState =
  | { readonly kind: 'asking' }
  | { readonly kind: 'present'; readonly device: DeviceFacts }
  | { readonly kind: 'absent'; readonly failure: Failure };

/** In the order of the form, with what it calls them. */
export const DEVICE_CHOICES: readonly { readonly choice: DeviceChoice; readonly name: string }[] = [
  { choice: 'auto', name: 'The faster one' },
  { choice: 'gpu', name: 'The GPU' },
  { choice: 'processor', name: 'The CPU' },
];

const KEY = 'graft-device';

/** The page's words for the device. */
export interface DeviceWords {
  readonly isProcessor: boolean;
  /** “the GPU”, in a sentence. */
  readonly the: string;
  /** “this GPU”. */
  readonly this: string;
  /** The name of its memory. */
  readonly memory: string;
  /** On a phone: bytes that a run may take before the phone ends the tab. */
  readonly phoneBytes?: number | undefined;
}

class DeviceInUse implements DeviceWords {
  state = $state.raw<DeviceState>({ kind: 'asking' });
  choice = $state<DeviceChoice>(kept());
  /** Why the device that was asked for is not used. */
  failure = $state.raw<Failure>();
  /** The current device, until another is open. */
  readonly facts = $derived(this.state.kind === 'present' ? this.state.device : undefined);
  readonly isProcessor = $derived(this.facts?.kind === 'processor');
  readonly the = $derived(this.isProcessor ? 'the CPU' : 'the GPU');
  readonly this = $derived(this.isProcessor ? 'this CPU' : 'this GPU');
  readonly memory = $derived(this.isProcessor ? 'memory' : 'GPU memory');
  readonly phoneBytes = $derived(this.facts?.phoneBytes);

  /** Asks the worker for what was chosen on an earlier visit. */
  async open(worker: GraftWorker): Promise<void> {
    const outcome = await worker.useDevice(this.choice);
    this.state = outcome.ok
      ? { kind: 'present', device: outcome.device }
      : { kind: 'absent', failure: outcome };
    // From then on, the worker measures kernels when a real GPU is idle.
    if (this.facts?.kind === 'gpu')
      void import('./kernels.svelte.ts').then(({ kernels }) => kernels.watch(worker));
  }

  /**
   * Opens another device. What was open on the previous one is gone.
   *
   * @returns whether another one is there now
   */
  async choose(choice: DeviceChoice, worker: GraftWorker): Promise<boolean> {
    const { choice: before, state: was } = this;
    this.choice = choice;
    this.failure = undefined;
    this.state = { kind: 'asking' };
    const outcome = await worker.useDevice(choice);
    if (outcome.ok) {
      this.state = { kind: 'present', device: outcome.device };
      keep(choice);
      return true;
    }
    this.failure = outcome;
    this.choice = before;
    this.state = was;
    // The previous device is opened again, unless it stayed open.
    if (was.kind === 'present') await this.open(worker);
    return false;
  }
}

export const device = new DeviceInUse();

function kept(): DeviceChoice {
  try {
    const value = localStorage.getItem(KEY);
    return DEVICE_CHOICES.find(({ choice }) => choice === value)?.choice ?? 'auto';
  } catch {
    return 'auto';
  }
}

function keep(choice: DeviceChoice): void {
  try {
    if (choice === 'auto') localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, choice);
  } catch {
    // Storage is refused: it holds for this visit.
  }
}
