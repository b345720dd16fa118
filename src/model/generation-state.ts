/** The memory of a generation: the state of every layer, for several sequences, and what a replay writes to say where its tokens lie. */
import { NO_ROW } from '../engine/ops/gather_rows.ts';
import type { Plan } from '../engine/plan.ts';
import type { Tape } from '../engine/tape.ts';
import type { Tensor } from '../engine/tensor.ts';
import type { StatePart } from './definition.ts';
import type { ReplayState } from './graph.ts';
import type { LanguageModel } from './language-model.ts';
import { recentTokens, StateRows, statesOf } from './layer-state.ts';

/** A token of a replay: its row there, and its place in its sequence. */
export interface ReplayedToken {
  readonly row: number;
  readonly sequence: number;
  readonly position: number;
  /** How many tokens of the sequence are its prompt; all if left out. */
  readonly prompt?: number;
}

export class GenerationState {
  readonly rows: StateRows;
  readonly #model: LanguageModel;
  /** By layer. */
  readonly #parts: readonly (readonly { readonly part: StatePart; readonly tensor: Tensor }[])[];

  /**
   * @param sequences that share the memory
   * @param maxLength tokens of a sequence
   */
  constructor(model: LanguageModel, sequences: number, maxLength: number) {
    const { definition, device, activations } = model;
    this.#model = model;
    this.rows = new StateRows(recentTokens(definition), sequences, maxLength);
    this.#parts = statesOf(definition).map((parts, layer) =>
      parts.map((part) => {
        const shape = [this.rows.rowsOf(part), part.columns];
        return { part, tensor: device.upload(shape, activations, `${part.label} ${layer}`) };
      }),
    );
  }

  get bytes(): number {
    return this.#tensors().reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** The tensors that keep all tokens, or those that keep only the last ones. */
  tensors(keeps: 'all' | 'recent'): Tensor[] {
    return this.#parts
      .flat()
      .filter(({ part }) => (part.last === undefined) === (keeps === 'all'))
      .map(({ tensor }) => tensor);
  }

  /** Declares what a plan of M tokens reads and writes of it. */
  inputs(tape: Tape, M: number): ReplayState {
    return {
      layers: this.#parts.map((parts) => parts.map(({ tensor }) => tensor)),
      slots: tape.pinned([M], 'u32', 'rows of the state'),
      recentSlots: this.rows.recent > 0 ? tape.pinned([M], 'u32', 'rows of recent tokens') : undefined,
    };
  }

  /**
   * Writes where the tokens of a replay go, and for each the rows of the tokens before it: in the replay, or behind those in the state. All other rows are padding.
   *
   * @param previous u32 [M, recent], if there are parts that keep only the last tokens
   */
  write(
    plan: Plan,
    { slots, recentSlots }: ReplayState,
    previous: Tensor | undefined,
    tokens: readonly ReplayedToken[],
  ): void {
    const { rows } = this;
    const M = slots.size;
    const slotRows = new Uint32Array(M).fill(NO_ROW);
    for (const { row, sequence, position } of tokens) slotRows[row] = rows.rowOf(sequence, position);
    plan.write(slots, slotRows);
    if (!recentSlots || !previous) return;
    const before = new Uint32Array(previous.size).fill(NO_ROW);
    const recentRows = new Uint32Array(M).fill(NO_ROW);
    const here = new Map(tokens.map(({ row, sequence, position }) => [rows.rowOf(sequence, position), row]));
    /** The token that comes last into each row of the state: nothing else writes there. */
    const last = new Map<number, { readonly row: number; readonly position: number }>();
    for (const { row, sequence, position, prompt } of tokens) {
      for (let k = 1; k <= Math.min(rows.recent, position); k++) {
        const at = position - k;
        before[row * rows.recent + k - 1] =
          here.get(rows.rowOf(sequence, at)) ?? M + rows.recentRowOf(sequence, at, prompt);
      }
      const slot = rows.recentRowOf(sequence, position, prompt);
      if ((last.get(slot)?.position ?? -1) < position) last.set(slot, { row, position });
    }
    for (const [slot, { row }] of last) recentRows[row] = slot;
    plan.write(previous, before);
    plan.write(recentSlots, recentRows);
  }

  /** After the device has settled. */
  free(): void {
    for (const tensor of this.#tensors()) this.#model.device.free(tensor);
  }

  #tensors(): Tensor[] {
    return this.#parts.flat().map(({ tensor }) => tensor);
  }
}

/** Bytes of the state of sequences of so many tokens. */
export function stateBytes(
  { definition, activations }: LanguageModel,
  sequences: number,
  maxLength: number,
): number {
  const rows = new StateRows(recentTokens(definition), sequences, maxLength);
  const numbers = statesOf(definition)
    .flat()
    .reduce((sum, part) => sum + rows.rowsOf(part) * part.columns, 0);
  return numbers * (activations === 'f16' ? 2 : 4);
}
