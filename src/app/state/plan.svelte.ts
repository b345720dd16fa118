/** What the next run would need of the GPU: asked again whenever a setting, the model or the rows change. */
import type { Failure, RunMemory, RunOptions } from '../../worker/api.ts';
import { bytes } from '../ui/format.ts';
import type { Session } from './session.svelte.ts';

/** Nobody waits for a plan of a number that is half written. */
const SETTLE_MS = 250;

export class MemoryForecast {
  memory = $state.raw<RunMemory>();
  failure = $state.raw<Failure>();
  /** What is shown is not of the settings as they are now. */
  pending = $state(false);
  #asked = 0;
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /** @returns gives it up */
  ask(options: RunOptions): () => void {
    const asked = ++this.#asked;
    this.pending = true;
    const timer = setTimeout(() => void this.#plan(options, asked), SETTLE_MS);
    return () => clearTimeout(timer);
  }

  async #plan(options: RunOptions, asked: number): Promise<void> {
    const outcome = await this.#session.worker.planRun(options);
    if (asked !== this.#asked) return;
    this.pending = false;
    this.memory = outcome.ok ? outcome.memory : undefined;
    this.failure = outcome.ok ? undefined : outcome;
  }
}

const NAMES = {
  buffer: 'one buffer',
  binding: 'one buffer that a shader reads',
  memory: 'the GPU',
} as const;

/** Why a run cannot be held, in a sentence each. */
export function misfits({ problems }: RunMemory): string[] {
  return problems.map(({ limit, label, bytes: needed, allowed }) =>
    limit === 'dispatch'
      ? `“${label}” works on too many rows at once: ${needed} groups of them, where a GPU takes ${allowed}.`
      : `“${label}” needs ${bytes(needed)}, and this GPU allows ${bytes(allowed)} for ${NAMES[limit]}.`,
  );
}

/** What is kept in pieces because one buffer cannot hold it; undefined where nothing is. */
export function splitNote({ split }: RunMemory): string | undefined {
  if (split.length === 0) return undefined;
  const [{ label, pieces, bytes: largest }, ...others] = split;
  const rest = others.length > 0 ? `, and ${others.length} more like it` : '';
  return `“${label}” is larger than this GPU allows for one buffer: it is kept in ${pieces} pieces of at most ${bytes(largest)}${rest}.`;
}

/** The parts that a person can picture, largest share of the bar first in the order of a model. */
export function partsOf({ parts }: RunMemory): { readonly name: string; readonly bytes: number }[] {
  const { base, adapter, gradients, optimiser, activations, inputs, commands, samples, staging } = parts;
  return [
    { name: 'base model', bytes: base },
    { name: 'adapter and optimiser', bytes: adapter + gradients + optimiser },
    { name: 'activations', bytes: activations },
    { name: 'answers on the way', bytes: samples },
    { name: 'the rest', bytes: inputs + commands + staging },
  ];
}
