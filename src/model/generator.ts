/**
 * Generation with a key/value cache: answers to a list of prompts, as many at once as there are sequences. It is a continuous batch (continuous-batch.ts)
 * that knows all of its prompts: one that ends makes room for the next at once, and what prompts have in common is computed once.
 */
import type { Plan } from '../engine/plan.ts';
import { MAX_CANDIDATES } from '../engine/ops/sampling.ts';
import { ContinuousBatch } from './continuous-batch.ts';
import { checkPrompt, type GenerateOptions } from './generation.ts';
import type { AdapterHooks } from './graph.ts';
import type { LanguageModel } from './language-model.ts';
import { checkSampling } from './sampling.ts';
import type { Generated } from './sequence.ts';

/** Between the seeds of the prompts of a call. */
const SEED_STEP = 1_000_003;

export class Generator {
  readonly #batch: ContinuousBatch;

  /**
   * @param sequences how many are generated at once
   * @param maxLength longest sequence, prompt included: the cache holds sequences · maxLength tokens
   */
  constructor(
    readonly model: LanguageModel,
    readonly sequences: number,
    readonly maxLength: number,
  ) {
    this.#batch = new ContinuousBatch(model, sequences, maxLength);
  }

  /**
   * Continues each prompt. The same seed gives the same tokens on the same device.
   *
   * @param prompts token ids; those that find no place wait for one
   * @throws GraftError `prompt-length`, `token-id`, `sampling`, `sampling-not-finite`, `engine-…`, and what `onToken` and `onEnd` throw
   */
  async generate(prompts: readonly (readonly number[])[], options: GenerateOptions): Promise<Generated[]> {
    const { seed, seeds, signal, constraint, onToken, onEnd, ...others } = options;
    checkSampling(options.sampling);
    if ((options.candidates ?? 0) > MAX_CANDIDATES)
      throw new Error(`${options.candidates} candidates, of at most ${MAX_CANDIDATES}`);
    // One that cannot be continued ends the call before any token.
    for (const prompt of prompts) checkPrompt(this.model, prompt, this.maxLength, options.adapter);
    // Between two calls, weights may have learned: what was read with them is of no use.
    this.#batch.forgetPrompts();
    const ending = new AbortController();
    const signals = signal ? AbortSignal.any([signal, ending.signal]) : ending.signal;
    const answers = prompts.map(async (prompt, sequence): Promise<Generated> => {
      const {
        cachedTokens: _,
        seconds,
        ...generated
      } = await this.#batch.generate({
        ...{ ...others, prompt, signal: signals },
        seed: seeds?.[sequence] ?? seed + sequence * SEED_STEP,
        ...(constraint && { constraint: constraint() }),
        ...(onToken && { onToken: (id, candidates) => onToken(sequence, id, candidates) }),
      });
      onEnd?.(sequence, generated, seconds);
      return generated;
    });
    try {
      return await Promise.all(answers);
    } finally {
      // If one fails, the others have nobody who reads them. Nothing may be in flight when the next call comes.
      ending.abort();
      await Promise.allSettled(answers);
      await this.#batch.idle();
    }
  }

  /** Compiles the plans of an adapter before the first prompt. */
  prepare(adapter?: AdapterHooks): Promise<void> {
    return this.#batch.prepareAll(adapter);
  }

  /** Drops the plans of an adapter that is about to be freed. */
  forget(adapter: AdapterHooks): void {
    this.#batch.forget(adapter);
  }

  /** Drops all plans, and with them slots of the model's pool that were made for something larger. The next prompt compiles them again. */
  forgetAll(): void {
    this.#batch.forgetAll();
  }

  /** Bytes of what the layers keep of the sequences' tokens. */
  get cacheBytes(): number {
    return this.#batch.cacheBytes;
  }

  /** Frees the cache and the plans, after the GPU has settled. */
  destroy(): void {
    this.#batch.free();
  }

  /** The plan of a new token of one sequence with the base model or an adapter, with the inputs of the last one: for measurements. */
  decodePlan(adapter?: AdapterHooks): Promise<Plan> {
    return this.#batch.decodePlan(adapter);
  }
}
