/** The plans that generation replays: one for the tokens of prompts, one for a new token of each sequence. */
import type { Device } from '../engine/device.ts';
import { matmul, wholeColumns } from '../engine/ops/matmul.ts';
import { NO_ROW } from '../engine/ops/gather_rows.ts';
import { NO_DRAW, sample, samplingTensors, type SamplingTensors } from '../engine/ops/sampling.ts';
import type { Plan } from '../engine/plan.ts';
import { sizePlan } from '../engine/size.ts';
import type { StagingRing, StagingSlot } from '../engine/staging.ts';
import { Tape } from '../engine/tape.ts';
import type { Tensor } from '../engine/tensor.ts';
import { batchTensors, type BatchTensors } from './batch.ts';
import type { GenerationState, ReplayedToken } from './generation-state.ts';
import type { AdapterHooks, ReplayState } from './graph.ts';
import type { LanguageModel } from './language-model.ts';

/**
 * Tokens of a prompt that go through the model in one replay: few large parts for a long prompt, and little padding for a short one. Padding
 * attends to nothing and is not written.
 */
export const PREFILL_TOKENS = [64, 512] as const;
/** A larger part is used if at least this share of it is filled. */
const MIN_FILLED = 0.75;
/** The most bytes of the activations of a larger part. */
const PREFILL_BYTES = 32 * 2 ** 20;

/** A token that goes through the model, and its place in its sequence. */
interface PlacedToken extends Omit<ReplayedToken, 'row'> {
  readonly id: number;
}

/** A sequence that gets another token: its last one is on the GPU already. */
export interface NextToken {
  /** Its row in the decoder. */
  readonly row: number;
  readonly sequence: number;
  /** The place of the last token. */
  readonly position: number;
  /** How many tokens of the sequence were read as its prompt. */
  readonly prompt: number;
  /** The random number of the choice, in [0, 1). */
  readonly draw: number;
}

interface Inputs {
  readonly plan: Plan;
  readonly inputs: BatchTensors;
  /** Where its tokens go in the state. */
  readonly places: ReplayState;
}

/** What a plan is recorded for: the memory of the sequences, and an adapter. */
interface StateUse {
  readonly state: GenerationState;
  readonly adapter?: AdapterHooks;
}

/** The plans that read prompts, of a model with one adapter or with none. */
export class Prefill {
  private constructor(
    private readonly device: Device,
    private readonly parts: readonly Inputs[],
    private readonly state: GenerationState,
  ) {}

  /** Records and compiles them. */
  static async compile(model: LanguageModel, { state, adapter }: StateUse): Promise<Prefill> {
    const { sequences, maxLength } = state.rows;
    const parts: Inputs[] = [];
    for (const tokens of PREFILL_TOKENS) {
      const first = parts.length === 0;
      if (!first && sequences * (maxLength - 1) < tokens * MIN_FILLED) continue;
      const { tape, inputs, places } = record(model, state, tokens, adapter);
      if (!first && sizePlan(tape, model.device.lowering).memory.transientBytes > PREFILL_BYTES) continue;
      parts.push({ plan: await model.device.compile(tape, model.pool), inputs, places });
    }
    return new Prefill(model.device, parts, state);
  }

  /** What the layers keep of `tokens` goes into the state. Awaits the GPU between parts, and stops once `goOn` says so. */
  async fill(tokens: readonly PlacedToken[], goOn: () => boolean = () => true): Promise<void> {
    for (let start = 0; start < tokens.length && goOn();) {
      const rest = tokens.length - start;
      const replay =
        this.parts.findLast(({ inputs }) => rest >= inputs.ids.size * MIN_FILLED) ?? this.parts[0];
      const piece = tokens.slice(start, start + replay.inputs.ids.size);
      const ids = new Uint32Array(replay.inputs.ids.size);
      piece.forEach(({ id }, row) => (ids[row] = id));
      replay.plan.write(replay.inputs.ids, ids);
      place(
        replay,
        piece.map((token, row) => ({ ...token, row })),
        this.state,
      );
      replay.plan.run();
      start += piece.length;
      // A long prompt is not queued at once: it can be aborted, and others get their turn on the GPU.
      await this.device.settle();
    }
  }

  destroy(): void {
    for (const { plan } of this.parts) plan.destroy();
  }
}

/** The plan that chooses a new token for each of its rows. Which sequence a row belongs to is data. */
export class Decoder {
  private constructor(
    private readonly decode: Inputs & { readonly sampling: SamplingTensors },
    private readonly state: GenerationState,
  ) {}

  static async compile(model: LanguageModel, { state, adapter }: StateUse, rows: number): Promise<Decoder> {
    const { tape, inputs, places, hidden } = record(model, state, rows, adapter);
    const head = model.headOf(tape, adapter);
    const V = head.rows;
    const logits = tape.tensor([rows, wholeColumns(V)], 'f32', 'logits');
    matmul(tape, { a: hidden, b: head, layout: 'NT', c: logits });
    const sampling = samplingTensors(tape, rows, V);
    sample(tape, logits, V, inputs.ids, sampling);
    return new Decoder(
      { plan: await model.device.compile(tape, model.pool), inputs, places, sampling },
      state,
    );
  }

  get rows(): number {
    return this.decode.inputs.ids.size;
  }

  get plan(): Plan {
    return this.decode.plan;
  }

  /** Before the first token: the last token of each row's prompt, which tokens occurred (as `markSeen`), and how to choose each row's. */
  begin(
    last: Uint32Array<ArrayBuffer>,
    seen: Uint32Array<ArrayBuffer>,
    settings: Uint32Array<ArrayBuffer>,
  ): void {
    const { plan, inputs, sampling } = this.decode;
    plan.write(inputs.ids, last);
    plan.write(sampling.seen, seen);
    plan.write(sampling.settings, settings);
  }

  /**
   * Chooses a token for each of some rows, in one submit.
   *
   * @param staging where the records go, one for each row (`readRecord`)
   */
  next(tokens: readonly NextToken[], staging: StagingSlot): void {
    const { plan, sampling } = this.decode;
    const draws = new Float32Array(this.rows).fill(NO_DRAW);
    for (const { row, draw } of tokens) draws[row] = draw;
    plan.write(sampling.draws, draws);
    place(this.decode, tokens, this.state);
    plan.run({ stage: { tensor: sampling.picked, slot: staging } });
  }

  destroy(): void {
    this.plan.destroy();
  }
}

/** The plan that scores the next token of each of its rows, for choices that are made on the host. A row keeps nothing from one replay to the next. */
export class LossReplay {
  private constructor(
    private readonly score: Inputs & { readonly logits: Tensor; readonly ring: StagingRing },
    /** Tokens that have a score. */
    readonly vocabulary: number,
    private readonly state: GenerationState,
  ) {}

  static async compile(
    model: LanguageModel,
    { state, adapter }: StateUse,
    rows: number,
  ): Promise<LossReplay> {
    const { tape, inputs, places, hidden } = record(model, state, rows, adapter);
    const head = model.headOf(tape, adapter);
    const logits = tape.pinned([rows, wholeColumns(head.rows)], 'f32', 'logits');
    matmul(tape, { a: hidden, b: head, layout: 'NT', c: logits });
    const plan = await model.device.compile(tape, model.pool);
    const ring = model.device.createStaging(logits.bytes, 'logits');
    return new LossReplay({ plan, inputs, places, logits, ring }, head.rows, state);
  }

  get rows(): number {
    return this.score.inputs.ids.size;
  }

  /** Scores what follows the last token of some rows, in one submit. @returns f32 [rows, vocabulary and padding], for {@link rowOf} */
  next(tokens: readonly (PlacedToken & { readonly row: number })[]): Promise<Float32Array> {
    const { plan, inputs, logits, ring } = this.score;
    const ids = new Uint32Array(this.rows);
    for (const { row, id } of tokens) ids[row] = id;
    plan.write(inputs.ids, ids);
    place(this.score, tokens, this.state);
    const staging = ring.next();
    plan.run({ stage: { tensor: logits, slot: staging } });
    return staging.read();
  }

  /** f32 [vocabulary]: the logits of a row. */
  rowOf(logits: Float32Array, row: number): Float32Array {
    const start = row * this.score.logits.columns;
    return logits.subarray(start, start + this.vocabulary);
  }

  destroy(): void {
    this.score.plan.destroy();
    this.score.ring.destroy();
  }
}

/** Writes the positions of a replay's tokens and what they see. All other rows are padding. */
function place(
  { plan, inputs, places }: Inputs,
  tokens: readonly ReplayedToken[],
  state: GenerationState,
): void {
  const M = inputs.ids.size;
  const positions = new Uint32Array(M);
  const keyRanges = new Uint32Array(M * 2);
  const rows = new Uint32Array(M).fill(NO_ROW);
  for (const { row, sequence, position } of tokens) {
    const first = state.rows.rowOf(sequence, 0);
    positions[row] = position;
    keyRanges.set([first, first + position + 1], row * 2);
    rows[row] = row;
  }
  plan.write(inputs.positions, positions);
  plan.write(inputs.keyRanges, keyRanges);
  plan.write(inputs.rows, rows);
  state.write(plan, places, inputs.previous, tokens);
}

function record(
  model: LanguageModel,
  state: GenerationState,
  tokens: number,
  adapter: AdapterHooks | undefined,
): { tape: Tape; inputs: BatchTensors; places: ReplayState; hidden: Tensor } {
  const tape = new Tape(model.device);
  const inputs = batchTensors(tape, { tokens, rows: tokens }, model.batchOptions);
  const places = state.inputs(tape, tokens);
  // Without a head, the last layer's result is not read, so compiling drops all but what it keeps.
  const hidden = model.forward(tape, inputs, { adapter, state: places });
  return { tape, inputs, places, hidden };
}
