/** Vectors of texts by an encoder. Texts lie end to end without padding between them, the longest first and short ones in the gaps. */
import { copy } from '../engine/ops/add.ts';
import type { Plan } from '../engine/plan.ts';
import { Tape } from '../engine/tape.ts';
import type { Tensor } from '../engine/tensor.ts';
import { GraftError } from '../errors.ts';
import { writeShares } from './batch.ts';
import { isOffloaded, runOffloaded, type ForwardRun } from './disk-offload.ts';
import type { Encoder } from './encoder.ts';
import type { SequenceInputs } from './graph.ts';
import type { Pooling, PoolingSettings } from './pooling.ts';

/** Token ids of a text, special tokens included. */
type TextIds = ArrayLike<number>;

interface EmbedOptions {
  /** Called after each replay: texts done of all. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Ends the work after the replay that runs. */
  readonly signal?: AbortSignal;
}

/** Tokens of a replay: the least for a short text, and else a multiple of the step, up to the most. */
const LEAST_TOKENS = 64;
const STEP_TOKENS = 64;
const MOST_TOKENS = 2048;
/** Places for texts in a replay, as a share of its tokens: fewer if all are as long as a short question. */
const TOKENS_OF_A_TEXT = 8;

type TextInputs = SequenceInputs & { readonly types: Tensor; readonly weights: Tensor };

interface Replay {
  readonly plan: Plan;
  readonly inputs: TextInputs;
  readonly vectors: Tensor;
}

/** Makes vectors of texts. It keeps a compiled plan for each size of replay until `destroy`; the encoder stays the caller's. */
export class Embedder {
  readonly #replays = new Map<number, Replay>();

  constructor(
    readonly encoder: Encoder,
    readonly settings: Pick<PoolingSettings, 'pooling' | 'normalise'>,
  ) {}

  /** Numbers of a vector. */
  get size(): number {
    return this.encoder.definition.shape.channels;
  }

  /**
   * A vector for each text.
   *
   * @returns [texts, size], row by row, in the order of the texts
   * @throws GraftError `token-id`, `sequence-length`, `engine-…`, and the signal's reason
   */
  async embed(
    texts: readonly TextIds[],
    { onProgress, signal }: EmbedOptions = {},
  ): Promise<Float32Array<ArrayBuffer>> {
    texts.forEach((ids) => this.#check(ids));
    const { size } = this;
    const all = new Float32Array(texts.length * size);
    let done = 0;
    for (const batch of batches(texts)) {
      signal?.throwIfAborted();
      const tokens = batch.reduce((sum, at) => sum + texts[at].length, 0);
      const vectors = await this.#vectorsOf(
        batch.map((at) => texts[at]),
        tokensOfReplay(tokens, batch.length),
      );
      batch.forEach((at, row) => all.set(vectors.subarray(row * size, (row + 1) * size), at * size));
      onProgress?.((done += batch.length), texts.length);
    }
    return all;
  }

  /** Frees the plans, but not the encoder. */
  destroy(): void {
    for (const { plan } of this.#replays.values()) plan.destroy();
    this.#replays.clear();
  }

  #check(ids: TextIds): void {
    const { vocabulary, maxPositions } = this.encoder.definition.shape;
    if (ids.length === 0 || ids.length > maxPositions)
      throw new GraftError(
        'sequence-length',
        `A text has ${ids.length} tokens, and this model reads 1 to ${maxPositions}.`,
        'Cut it.',
      );
    for (const id of Array.from(ids))
      if (!Number.isInteger(id) || id < 0 || id >= vocabulary)
        throw new GraftError(
          'token-id',
          `Token ${id} is not in the vocabulary of ${vocabulary}.`,
          'Use the tokenizer that belongs to this model.',
        );
  }

  /** @param M tokens of the replay @returns a row for each text, and more of them */
  async #vectorsOf(texts: readonly TextIds[], M: number): Promise<Float32Array> {
    const { model, adapter } = this.encoder;
    const run: ForwardRun<TextInputs, Tensor, Float32Array> = {
      inputs: (tape) => textInputs(tape, M),
      write: (plan, inputs) => writeTexts(plan, inputs, texts, this.settings.pooling),
      end: (tape, hidden, { weights }) => this.#recordVectors(tape, hidden, weights),
      read: async (plan, vectors) => new Float32Array(await plan.read(vectors)),
    };
    if (isOffloaded(model)) return runOffloaded(model, run, adapter);
    const { plan, inputs, vectors } = await this.#replayOf(M, run);
    run.write(plan, inputs);
    plan.run();
    return run.read(plan, vectors);
  }

  /** The plan for so many tokens, compiled when it is first needed. */
  async #replayOf(M: number, run: ForwardRun<TextInputs, Tensor, Float32Array>): Promise<Replay> {
    const known = this.#replays.get(M);
    if (known) return known;
    const { encoder } = this;
    const tape = new Tape(encoder.device);
    const inputs = run.inputs(tape);
    const vectors = run.end(tape, encoder.forward(tape, inputs), inputs);
    const replay = { plan: await encoder.device.compile(tape, encoder.pool), inputs, vectors };
    this.#replays.set(M, replay);
    return replay;
  }

  #recordVectors(tape: Tape, hidden: Tensor, weights: Tensor): Tensor {
    const vectors = tape.pinned([weights.rows, this.size], 'f32', 'vectors');
    copy(tape, this.encoder.pooled(tape, hidden, weights, this.settings.normalise), vectors);
    return vectors;
  }
}

/** Tokens of the smallest replay for so many tokens and texts. */
function tokensOfReplay(tokens: number, texts: number): number {
  const needed = Math.max(tokens, texts * TOKENS_OF_A_TEXT);
  return needed <= LEAST_TOKENS ? LEAST_TOKENS : Math.ceil(needed / STEP_TOKENS) * STEP_TOKENS;
}

function textInputs(tape: Tape, M: number): TextInputs {
  const input = (shape: number[], label: string): Tensor => tape.pinned(shape, 'u32', label);
  return {
    ids: input([M], 'ids'),
    positions: input([M], 'positions'),
    types: input([M], 'types'),
    keyRanges: input([M, 2], 'key ranges'),
    weights: tape.pinned([Math.ceil(M / TOKENS_OF_A_TEXT), M], 'f32', 'weights of pooling'),
  };
}

/** Indices of the texts of each replay: the longest first, then the shortest, while there is room. */
function* batches(texts: readonly TextIds[]): Generator<number[]> {
  const order = texts.map((_, at) => at).sort((a, b) => texts[b].length - texts[a].length);
  let [first, end] = [0, order.length];
  while (first < end) {
    const batch = [order[first++]];
    let room = MOST_TOKENS - texts[batch[0]].length;
    const fits = (at: number): boolean =>
      first < end && texts[order[at]].length <= room && batch.length < MOST_TOKENS / TOKENS_OF_A_TEXT;
    const take = (at: number): void => {
      batch.push(order[at]);
      room -= texts[order[at]].length;
    };
    while (fits(first)) take(first++);
    while (fits(end - 1)) take(--end);
    yield batch;
  }
}

/** Writes texts into a plan. Each token sees its whole text; the rest of the plan's tokens see nothing. */
function writeTexts(
  plan: Plan,
  { weights, ...inputs }: TextInputs,
  texts: readonly TextIds[],
  pooling: Pooling,
): void {
  const M = inputs.ids.size;
  const ids = new Uint32Array(M);
  const positions = new Uint32Array(M);
  const keyRanges = new Uint32Array(2 * M);
  const shares = new Float32Array(weights.size);
  let start = 0;
  texts.forEach((text, s) => {
    const end = start + text.length;
    for (let m = start; m < end; m++) {
      ids[m] = text[m - start];
      positions[m] = m - start;
      keyRanges.set([start, end], 2 * m);
    }
    writeShares(shares.subarray(s * M, (s + 1) * M), pooling, start, end);
    start = end;
  });
  plan.write(inputs.ids, ids);
  plan.write(inputs.positions, positions);
  plan.write(inputs.types, new Uint32Array(M));
  plan.write(inputs.keyRanges, keyRanges);
  plan.write(weights, shares);
}
