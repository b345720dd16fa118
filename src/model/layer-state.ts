/**
 * What each layer of a model keeps of earlier tokens in generation, as tensors, and which row of them a token has. A layer of attention keeps keys and values of
 * all tokens, a convolution the inputs of the last ones. So a new kind of layer says the tensors of its state, and how its operation reads and writes them
 * (graph.ts); nothing else of generation knows which kinds there are.
 */
import { NO_ROW } from '../engine/ops/gather_rows.ts';
import type { ModelDefinition, StatePart } from './definition.ts';
import type { ModelShape } from './shape.ts';

export function keysAndValues({ kvHeads, headSize }: ModelShape): StatePart[] {
  return ['keys', 'values'].map((label) => ({ label, columns: kvHeads * headSize }));
}

/** @param last tokens before the present one that the convolution reads */
export function recentInputs(columns: number, last: number): StatePart[] {
  return [{ label: 'recent inputs', columns, last }];
}

/** The parts of the state of each layer. */
export function statesOf({ states, shape }: ModelDefinition): readonly (readonly StatePart[])[] {
  return states ?? Array.from({ length: shape.layers }, () => keysAndValues(shape));
}

/** How many earlier tokens the parts that keep only the last ones have; 0 if there are none. */
export function recentTokens(definition: ModelDefinition): number {
  return statesOf(definition)
    .flat()
    .reduce((most, { last = 0 }) => Math.max(most, last), 0);
}

/** The most tokens that a part may keep as the last ones. */
export const MAX_RECENT = 16;

/** A prompt can be continued from every so many tokens: the last ones before are kept. It is more than a part keeps. */
const CHECKPOINT = 64;

/** Where the tokens of several sequences lie in the tensors of a state. */
export class StateRows {
  /** Rows of a sequence in the parts that keep only the last tokens. */
  readonly #recentRows: number;

  /**
   * @param recent how many of the last tokens parts keep, besides those that keep all; 0 for no such parts
   * @param sequences that share the tensors
   * @param maxLength tokens of a sequence
   */
  constructor(
    readonly recent: number,
    readonly sequences: number,
    readonly maxLength: number,
  ) {
    this.#recentRows = recent === 0 ? 0 : (2 + Math.ceil(maxLength / CHECKPOINT)) * recent;
  }

  /** Rows of a tensor of the state. */
  rowsOf({ last }: StatePart): number {
    return this.sequences * (last === undefined ? this.maxLength : this.#recentRows);
  }

  /** The row of a token where all are kept. */
  rowOf(sequence: number, position: number): number {
    return sequence * this.maxLength + position;
  }

  /**
   * The row of a token where only the last ones are kept. Tokens before a checkpoint keep their rows. The others take turns: those of a prompt in one ring and what
   * is generated after it in another one, so that the end of the prompt stays.
   *
   * @param prompt how many tokens of the sequence are its prompt
   * @returns NO_ROW before the beginning
   */
  recentRowOf(sequence: number, position: number, prompt = Infinity): number {
    if (position < 0) return NO_ROW;
    const { recent } = this;
    const begin = sequence * this.#recentRows;
    const checkpoint = Math.floor(position / CHECKPOINT);
    const left = CHECKPOINT - (position % CHECKPOINT);
    if (left <= recent) return begin + (2 + checkpoint) * recent + left - 1;
    return begin + (position < prompt ? 0 : recent) + (position % recent);
  }

  /**
   * From how many of its first tokens a prompt can be continued that was read.
   *
   * @param read tokens of the prompt that was read
   * @param count how many of them are wanted at most
   */
  reusable(read: number, count: number): number {
    return this.recent === 0 || count === read ? count : count - (count % CHECKPOINT);
  }

  /** Pairs of rows, where all tokens are kept and where only the last ones are, that copy tokens `first` to `end` of one sequence to another. */
  copied({ from, to, first, end }: CopiedTokens): Record<'all' | 'recent', (readonly [number, number])[]> {
    const positions = Array.from({ length: Math.max(0, end - first) }, (_, at) => first + at);
    const kept = positions.filter(
      (position) => position >= end - this.recent || CHECKPOINT - (position % CHECKPOINT) <= this.recent,
    );
    return {
      all: positions.map((position) => [this.rowOf(from, position), this.rowOf(to, position)]),
      recent: kept.map((position) => [this.recentRowOf(from, position), this.recentRowOf(to, position)]),
    };
  }
}

/** Tokens of a prompt that one sequence gets from another, which can be continued at `end`. */
export interface CopiedTokens {
  readonly from: number;
  readonly to: number;
  readonly first: number;
  readonly end: number;
}
