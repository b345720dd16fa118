/** Generation with a key/value cache: one replay a token, several sequences at once, adapters switched without reloading the base. */
import { matmul, wholeColumns } from '../engine/ops/matmul.ts';
import { NO_ROW } from '../engine/ops/gather_rows.ts';
import { Plan } from '../engine/plan.ts';
import { Tape } from '../engine/tape.ts';
import type { Tensor } from '../engine/tensor.ts';
import { GraftError } from '../errors.ts';
import { Random } from '../random.ts';
import { batchTensors, type BatchTensors } from './batch.ts';
import type { LanguageModel } from './language-model.ts';
import type { Adapter } from './lora.ts';
import { candidates, checkSampling, draw, type Candidate, type Sampling } from './sampling.ts';

export interface GenerateOptions {
  readonly maxNewTokens: number;
  readonly sampling: Sampling;
  readonly seed: number;
  /** Ids that end a sequence; they are not part of the result. */
  readonly stopIds: readonly number[];
  readonly adapter?: Adapter;
  readonly signal?: AbortSignal;
  /**
   * Called with each new token, what it was drawn from, and the logits as the model gave them (f32 [V], valid during the call); a true
   * result ends this sequence, with the token kept.
   */
  readonly onToken?: (
    sequence: number,
    id: number,
    from: readonly Candidate[],
    logits: Float32Array,
  ) => boolean | void;
}

/** Why a sequence ended. */
export type FinishReason = 'stop' | 'length' | 'caller' | 'aborted';

export interface Generated {
  readonly ids: number[];
  readonly reason: FinishReason;
}

/** Tokens of a prompt that go through the model in one replay. Padding attends to nothing and is written nowhere. */
const PREFILL_TOKENS = 64;

interface Replay {
  plan: Plan;
  inputs: BatchTensors;
  slots: Tensor;
  logits?: Tensor;
}

interface Token {
  id: number;
  sequence: number;
  position: number;
}

export class Generator {
  readonly #keys: Tensor[];
  readonly #values: Tensor[];
  /** Plans by adapter; undefined is the base. */
  readonly #replays = new Map<Adapter | undefined, { prefill: Replay; decode: Replay }>();

  /**
   * @param sequences how many are generated at once
   * @param maxLength longest sequence, prompt included: the cache holds sequences · maxLength tokens
   */
  constructor(
    readonly model: LanguageModel,
    readonly sequences: number,
    readonly maxLength: number,
  ) {
    const { layers, kvHeads, headSize } = model.definition.shape;
    const cache = (name: string): Tensor[] =>
      Array.from({ length: layers }, (_, layer) =>
        model.device.upload(
          [sequences * maxLength, kvHeads * headSize],
          model.activations,
          `${name} ${layer}`,
        ),
      );
    this.#keys = cache('keys');
    this.#values = cache('values');
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
    for (const prompt of prompts) this.#checkPrompt(prompt);
    const { prefill, decode } = await this.#replaysFor(options.adapter);

    const tokens = prompts.flatMap((prompt, sequence) =>
      prompt.slice(0, -1).map((id, position): Token => ({ id, sequence, position })),
    );
    for (let start = 0; start < tokens.length && !options.signal?.aborted; start += PREFILL_TOKENS) {
      this.#run(prefill, tokens.slice(start, start + PREFILL_TOKENS));
      // A long prompt is not queued at once: it can be aborted, and others get their turn on the GPU.
      await this.model.device.settle();
    }
    return this.#continue(decode, prompts, options);
  }

  /** Compiles what generating with an adapter needs, ahead of the first prompt. */
  async prepare(adapter?: Adapter): Promise<void> {
    await this.#replaysFor(adapter);
  }

  /** Drops the plans of an adapter that is about to be freed. */
  forget(adapter: Adapter): void {
    const replays = this.#replays.get(adapter);
    if (!replays) return;
    this.#replays.delete(adapter);
    replays.prefill.plan.destroy();
    replays.decode.plan.destroy();
  }

  /** Drops all plans, and with them slots of the model's pool that were made for something larger. The next prompt makes them anew. */
  forgetAll(): void {
    for (const { prefill, decode } of this.#replays.values()) {
      prefill.plan.destroy();
      decode.plan.destroy();
    }
    this.#replays.clear();
  }

  /** Frees the cache and the plans, after the GPU has settled. */
  destroy(): void {
    this.forgetAll();
    for (const tensor of [...this.#keys, ...this.#values]) this.model.device.free(tensor);
  }

  async #continue(
    decode: Replay,
    prompts: readonly (readonly number[])[],
    options: GenerateOptions,
  ): Promise<Generated[]> {
    const V = this.model.definition.shape.vocabulary;
    const pitch = wholeColumns(V);
    const stop = new Set(options.stopIds);
    // One generator for each sequence, so that a sequence does not depend on its neighbours.
    const states = prompts.map((prompt, sequence) => ({
      all: [...prompt],
      ids: [] as number[],
      reason: (options.maxNewTokens > 0 ? undefined : 'length') as FinishReason | undefined,
      random: new Random(options.seed + sequence * 1_000_003),
    }));
    for (;;) {
      if (options.signal?.aborted) for (const state of states) state.reason ??= 'aborted';
      if (states.every(({ reason }) => reason)) break;
      const live = states.flatMap((state, sequence): Token[] =>
        state.reason
          ? []
          : [{ id: state.all[state.all.length - 1], sequence, position: state.all.length - 1 }],
      );
      this.#run(decode, live);
      const logits = new Float32Array(await decode.plan.read(decode.logits!));
      live.forEach(({ sequence }, row) => {
        const state = states[sequence];
        const scores = logits.subarray(row * pitch, row * pitch + V);
        const from = candidates(scores, options.sampling, state.all);
        const id = draw(from, state.random);
        if (stop.has(id)) {
          state.reason = 'stop';
          return;
        }
        state.ids.push(id);
        state.all.push(id);
        if (options.onToken?.(sequence, id, from, scores)) state.reason = 'caller';
        else if (state.ids.length >= options.maxNewTokens || state.all.length >= this.maxLength)
          state.reason = 'length';
      });
    }
    return states.map(({ ids, reason }) => ({ ids, reason: reason! }));
  }

  async #replaysFor(adapter: Adapter | undefined): Promise<{ prefill: Replay; decode: Replay }> {
    let replays = this.#replays.get(adapter);
    if (!replays) {
      replays = {
        prefill: await this.#record(PREFILL_TOKENS, adapter, false),
        decode: await this.#record(this.sequences, adapter, true),
      };
      this.#replays.set(adapter, replays);
    }
    return replays;
  }

  async #record(tokens: number, adapter: Adapter | undefined, withHead: boolean): Promise<Replay> {
    const { model } = this;
    const tape = new Tape(model.device);
    const inputs = batchTensors(tape, { tokens, rows: tokens });
    const slots = tape.pinned([tokens], 'u32', 'slots');
    const hidden = model.forward(tape, inputs, {
      adapter,
      cache: { keys: this.#keys, values: this.#values, slots },
    });
    // Without the head nobody reads the last layer's result: compiling drops all but its keys and values.
    const logits = withHead
      ? matmul(tape, {
          a: hidden,
          b: model.head,
          layout: 'NT',
          c: tape.pinned([tokens, wholeColumns(model.head.rows)], 'f32', 'logits'),
        })
      : undefined;
    return { plan: await Plan.compile(model.device, tape, model.pool), inputs, slots, logits };
  }

  #run({ plan, inputs, slots }: Replay, tokens: readonly Token[]): void {
    const M = inputs.ids.size;
    const ids = new Uint32Array(M);
    const positions = new Uint32Array(M);
    const keyRanges = new Uint32Array(M * 2);
    const slotRows = new Uint32Array(M).fill(NO_ROW);
    const rows = new Uint32Array(M).fill(NO_ROW);
    tokens.forEach(({ id, sequence, position }, m) => {
      const first = sequence * this.maxLength;
      ids[m] = id;
      positions[m] = position;
      keyRanges.set([first, first + position + 1], m * 2);
      slotRows[m] = first + position;
      rows[m] = m;
    });
    plan.write(inputs.ids, ids);
    plan.write(inputs.positions, positions);
    plan.write(inputs.keyRanges, keyRanges);
    plan.write(inputs.rows, rows);
    plan.write(slots, slotRows);
    plan.run();
  }

  #checkPrompt(prompt: readonly number[]): void {
    this.model.checkIds(prompt);
    if (prompt.length === 0)
      throw new GraftError(
        'prompt-length',
        'The prompt has no tokens.',
        'Write something, or use a model with a start token.',
      );
    if (prompt.length >= this.maxLength) {
      throw new GraftError(
        'prompt-length',
        `The prompt has ${prompt.length} tokens, and there is room for ${this.maxLength} with the answer.`,
        'Shorten the prompt.',
      );
    }
  }
}
