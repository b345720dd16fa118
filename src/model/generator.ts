/**
 * Generation with a key/value cache: one replay and one submit a token, several sequences at once, adapters switched without reloading the
 * base. Tokens are chosen on the GPU and stay there for the next replay; the host reads them while that one runs.
 */
import { FIRST_VIRTUAL } from '../engine/ops/embedding.ts';
import { encodeSettings, markSeen, MAX_CANDIDATES, RECORD_WORDS } from '../engine/ops/sampling.ts';
import type { Device } from '../engine/device.ts';
import type { Plan } from '../engine/plan.ts';
import type { StagingRing } from '../engine/staging.ts';
import { GraftError } from '../errors.ts';
import { virtualIds } from './batch.ts';
import type { LanguageModel } from './language-model.ts';
import type { AdapterHooks } from './graph.ts';
import {
  bytesOfCache,
  createCache,
  Decoder,
  freeCache,
  Prefill,
  type Cache,
  type NextToken,
} from './replays.ts';
import { checkSampling, type Candidate, type Sampling } from './sampling.ts';
import { Sequence, type Generated } from './sequence.ts';

export interface GenerateOptions {
  readonly maxNewTokens: number;
  readonly sampling: Sampling;
  readonly seed: number;
  /** A seed for each sequence, if its draws should not depend on its index among the prompts. */
  readonly seeds?: readonly number[];
  /** Ids that end a sequence; they are not part of the result. */
  readonly stopIds: readonly number[];
  readonly adapter?: AdapterHooks;
  readonly signal?: AbortSignal;
  /** How many candidates `onToken` gets, at most 20; none if left out. */
  readonly candidates?: number;
  /**
   * Called with each new token and the tokens that were most likely in its place, by the model's own logits at temperature 1, most likely
   * first; a true result ends this sequence, with the token kept.
   */
  readonly onToken?: (sequence: number, id: number, candidates: readonly Candidate[]) => boolean | void;
}

/**
 * Tokens in flight at once: the one that is read and those that run meanwhile. All but one are wasted when a sequence stops. On a GPU a readback can
 * take longer than a token; on a processor a wasted token costs as much as any.
 */
const IN_FLIGHT = { gpu: 3, software: 2, processor: 1 };

/** How many tokens of a sequence a device should have in flight. */
export function tokensInFlight({ software, processor }: Pick<Device, 'software' | 'processor'>): number {
  return IN_FLIGHT[processor ? 'processor' : software ? 'software' : 'gpu'];
}

interface Read {
  readonly sequences: readonly NextToken[];
  readonly records: Promise<Float32Array>;
}

/** The plans of the model with one adapter, or with none. */
interface Replays {
  readonly prefill: Prefill;
  readonly decoder: Decoder;
}

function destroyReplays({ prefill, decoder }: Replays): void {
  prefill.destroy();
  decoder.destroy();
}

export class Generator {
  readonly #cache: Cache;
  readonly #ring: StagingRing;
  /** Plans by adapter; undefined is the base. */
  readonly #replays = new Map<AdapterHooks | undefined, Replays>();

  /**
   * @param sequences how many are generated at once
   * @param maxLength longest sequence, prompt included: the cache holds sequences · maxLength tokens
   */
  constructor(
    readonly model: LanguageModel,
    readonly sequences: number,
    readonly maxLength: number,
  ) {
    this.#cache = createCache(model, sequences * maxLength);
    this.#ring = model.device.createStaging(sequences * RECORD_WORDS * 4, 'tokens');
  }

  /**
   * Continues each prompt. The same seed gives the same tokens on the same device.
   *
   * @param prompts token ids; as many as there are sequences, or fewer
   * @throws GraftError `prompt-length`, `token-id`, `sampling`, `sampling-not-finite`, `engine-…`
   */
  async generate(prompts: readonly (readonly number[])[], options: GenerateOptions): Promise<Generated[]> {
    checkSampling(options.sampling);
    if (prompts.length === 0 || prompts.length > this.sequences)
      throw new Error(`${prompts.length} prompts for ${this.sequences} sequences`);
    if ((options.candidates ?? 0) > MAX_CANDIDATES)
      throw new Error(`${options.candidates} candidates, of at most ${MAX_CANDIDATES}`);
    const before = virtualIds(options.adapter?.virtualTokens ?? 0);
    for (const prompt of prompts) checkPrompt(this.model, prompt, this.maxLength, options.adapter);
    const replays = await this.#replaysFor(options.adapter);

    const sequences = before.length > 0 ? prompts.map((prompt) => [...before, ...prompt]) : prompts;
    const tokens = sequences.flatMap((ids, sequence) =>
      ids.slice(0, -1).map((id, position) => ({ id, sequence, position })),
    );
    await replays.prefill.fill(tokens, () => !options.signal?.aborted);
    return this.#continue(replays, sequences, options);
  }

  /** Compiles the plans of an adapter before the first prompt. */
  async prepare(adapter?: AdapterHooks): Promise<void> {
    await this.#replaysFor(adapter);
  }

  /** Drops the plans of an adapter that is about to be freed. */
  forget(adapter: AdapterHooks): void {
    const replays = this.#replays.get(adapter);
    if (replays) destroyReplays(replays);
    this.#replays.delete(adapter);
  }

  /** Drops all plans, and with them slots of the model's pool that were made for something larger. The next prompt compiles them again. */
  forgetAll(): void {
    for (const replays of this.#replays.values()) destroyReplays(replays);
    this.#replays.clear();
  }

  /** Bytes of the cache of keys and values. */
  get cacheBytes(): number {
    return bytesOfCache(this.#cache);
  }

  /** Frees the cache and the plans, after the GPU has settled. */
  destroy(): void {
    this.forgetAll();
    this.#ring.destroy();
    freeCache(this.model, this.#cache);
  }

  async #continue(
    replays: Replays,
    prompts: readonly (readonly number[])[],
    options: GenerateOptions,
  ): Promise<Generated[]> {
    const { signal, seed, seeds, maxNewTokens, stopIds, candidates = 0, onToken } = options;
    const states = prompts.map(
      ({ length }, sequence) =>
        new Sequence(length, {
          seed: seeds?.[sequence] ?? seed + sequence * 1_000_003,
          most: Math.min(maxNewTokens, this.maxLength - length),
          stopIds,
          candidates,
          onToken: (id, from) => onToken?.(sequence, id, from),
        }),
    );
    this.#begin(replays, prompts, options);
    const inFlight = tokensInFlight(this.model.device);
    const reads: Read[] = [];
    try {
      for (;;) {
        if (signal?.aborted) for (const state of states) state.reason ??= 'aborted';
        const sequences = nextTokens(states);
        if (sequences.length > 0) reads.push(this.#next(replays, sequences));
        if (sequences.length > 0 && reads.length < inFlight) continue;
        const read = reads.shift();
        if (!read) break;
        const records = (await read.records).buffer as ArrayBuffer;
        for (const { sequence } of read.sequences) states[sequence].take(records, sequence);
      }
    } finally {
      // The failure was reported already; nothing may be mapped when the next prompt comes.
      await Promise.allSettled(reads.map(({ records }) => records));
    }
    return states.map(({ result }) => result);
  }

  #begin(
    replays: Replays,
    prompts: readonly (readonly number[])[],
    { sampling, candidates = 0, adapter }: GenerateOptions,
  ): void {
    const last = new Uint32Array(this.sequences);
    const words = Math.ceil(this.model.vocabularyWith(adapter) / 32);
    const seen = new Uint32Array(this.sequences * words);
    prompts.forEach((prompt, sequence) => {
      last[sequence] = prompt[prompt.length - 1];
      markSeen(
        seen.subarray(sequence * words, (sequence + 1) * words),
        prompt.filter((id) => id < FIRST_VIRTUAL),
      );
    });
    const settings = encodeSettings(Array.from(last, () => ({ ...sampling, candidates })));
    replays.decoder.begin(last, seen, settings);
  }

  #next(replays: Replays, sequences: readonly NextToken[]): Read {
    const staging = this.#ring.next();
    replays.decoder.next(sequences, staging);
    const records = staging.read();
    // It may fail before it is awaited.
    records.catch(() => undefined);
    return { sequences, records };
  }

  /** The plan of a new token with the base model, with the inputs of the last one: for measurements. */
  async decodePlan(): Promise<Plan> {
    return (await this.#replaysFor(undefined)).decoder.plan;
  }

  async #replaysFor(adapter: AdapterHooks | undefined): Promise<Replays> {
    let replays = this.#replays.get(adapter);
    if (!replays) {
      const { model, sequences, maxLength } = this;
      const use = { cache: this.#cache, maxLength, adapter };
      replays = {
        prefill: await Prefill.compile(model, use, sequences),
        decoder: await Decoder.compile(model, use, sequences),
      };
      this.#replays.set(adapter, replays);
    }
    return replays;
  }
}

/**
 * Checks that a model can continue a prompt.
 *
 * @param maxLength longest sequence, virtual tokens included
 * @throws GraftError `prompt-length`, `token-id`, `sequence-length`
 */
export function checkPrompt(
  model: LanguageModel,
  prompt: readonly number[],
  maxLength: number,
  adapter: AdapterHooks | undefined,
): void {
  model.checkIds(prompt, adapter && { vocabulary: adapter.vocabulary, virtualTokens: 0 });
  if (prompt.length === 0)
    throw new GraftError(
      'prompt-length',
      'The prompt has no tokens.',
      'Write something, or use a model with a start token.',
    );
  const room = maxLength - (adapter?.virtualTokens ?? 0);
  if (prompt.length >= room) {
    throw new GraftError(
      'prompt-length',
      `The prompt has ${prompt.length} tokens, and there is room for ${Math.max(0, room)} with the answer.`,
      'Shorten the prompt.',
    );
  }
}

/** The next token of every sequence that has not ended. */
function nextTokens(states: readonly Sequence[]): NextToken[] {
  return states.flatMap((state, sequence): NextToken[] => {
    const next = state.next();
    return next ? [{ row: sequence, sequence, ...next }] : [];
  });
}
