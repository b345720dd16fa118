/** What the next run would need of the GPU: asked again whenever a setting, the model or the rows change. */
import type { Failure, MemoryAdvice, RunMemory, RunOptions } from '../../worker/api.ts';
import { bytes } from '../ui/format.ts';
import type { Session } from './session.svelte.ts';

/** A number that is half written needs no plan. */
const SETTLE_MS = 250;

export class MemoryForecast {
  memory = $state.raw<RunMemory>();
  failure = $state.raw<Failure>();
  /** What is shown belongs to earlier settings. */
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

  /** Settings that cannot work have no plan. */
  clear(): void {
    this.#asked++;
    this.pending = false;
    this.memory = undefined;
    this.failure = undefined;
  }

  /** Why the run does not fit, and what to change, best first; undefined for a run that fits, as far as is known. */
  get refusal(): Refusal | undefined {
    const { memory, failure } = this;
    if (!memory) return failure?.advice && { reasons: [failure.what], advice: failure.advice };
    return memory.problems.length > 0 ? { reasons: misfits(memory), advice: memory.advice } : undefined;
  }

  async #plan(options: RunOptions, asked: number): Promise<void> {
    const outcome = await this.#session.worker.planRun(options);
    if (asked !== this.#asked) return;
    this.pending = false;
    this.memory = outcome.ok ? outcome.memory : undefined;
    this.failure = outcome.ok ? undefined : outcome;
  }
}

export interface Refusal {
  readonly reasons: readonly string[];
  readonly advice: readonly MemoryAdvice[];
}

const NAMES = {
  buffer: 'one buffer',
  binding: 'one buffer that a shader reads',
  memory: 'the GPU',
} as const;

/** Why a run does not fit, a sentence for each reason. */
export function misfits({ problems }: RunMemory): string[] {
  return problems.map(({ limit, label, bytes: needed, allowed }) =>
    limit === 'dispatch'
      ? `“${label}” works on too many rows at once: ${needed} groups of them, where a GPU takes ${allowed}.`
      : `“${label}” needs ${bytes(needed)}, and this GPU allows ${bytes(allowed)} for ${NAMES[limit]}.`,
  );
}

/** Many GPUs that people have hold no more than this, and what else is open wants some of it. */
const MUCH_BYTES = 4 * 2 ** 30;

/** A word on a run that may be more than the GPU has, which a browser does not say; undefined for others. */
export function muchNote(
  { peakBytes, problems, checkpointed }: Pick<RunMemory, 'peakBytes' | 'problems' | 'checkpointed'>,
  batch: number,
): string | undefined {
  if (problems.length > 0 || peakBytes <= MUCH_BYTES) return undefined;
  const way = checkpointed
    ? ` Save memory${batch > 1 ? ', or take fewer rows at once' : ''}.`
    : batch > 1
      ? ' Take fewer rows at once.'
      : '';
  return `Many GPUs have less memory than this, and a browser does not tell how much there is: the run may fail, or slow the machine down.${way}`;
}

/** Which weights are split into shards because one buffer cannot hold them; undefined where none is. */
export function splitNote({ split }: RunMemory): string | undefined {
  if (split.length === 0) return undefined;
  const [{ label, pieces, bytes: largest }, ...others] = split;
  const rest = others.length > 0 ? `, and ${others.length} more like it` : '';
  return `“${label}” is larger than this GPU allows for one buffer: it is split into ${pieces} shards of at most ${bytes(largest)}${rest}.`;
}

/** The parts of a run's memory as the bar shows them. */
export function partsOf({ parts }: RunMemory): { readonly name: string; readonly bytes: number }[] {
  const { base, adapter, gradients, optimiser, activations, inputs, commands, samples, staging } = parts;
  return [
    { name: 'base model', bytes: base },
    { name: 'adapter and optimiser', bytes: adapter + gradients + optimiser },
    { name: 'activations', bytes: activations },
    { name: 'sample answers', bytes: samples },
    { name: 'the rest', bytes: inputs + commands + staging },
  ];
}
