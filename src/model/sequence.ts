/** A sequence that is generated: its draws, the tokens that it has, and why it ended. */
import type { Picked } from '../engine/ops/sampling.ts';
import { GraftError } from '../errors.ts';
import { Random } from '../random.ts';
import type { TokenConstraint } from './allowed-tokens.ts';
import type { Candidate } from './sampling.ts';

/** Why a sequence ended. */
export type FinishReason = 'stop' | 'length' | 'caller' | 'aborted';

export interface Generated {
  readonly ids: number[];
  readonly reason: FinishReason;
  /** The id that ended it, if one did. */
  readonly stopId?: number;
}

interface SequenceOptions {
  readonly seed: number;
  /** New tokens at most. */
  readonly most: number;
  /** Ids that end it; they are not part of the result. */
  readonly stopIds: readonly number[];
  /** What it may write; undefined: any token. */
  readonly constraint?: TokenConstraint;
  /**
   * Called with each new token, the most likely ones in its place, and the logarithm of its own probability if candidates were asked for. A true result
   * ends the sequence, with the token kept.
   */
  readonly onToken?: (
    id: number,
    candidates: readonly Candidate[],
    logProbability: number | undefined,
  ) => boolean | void;
}

export class Sequence {
  readonly ids: number[] = [];
  /** Undefined while it has not ended. */
  reason: FinishReason | undefined;
  #stopId: number | undefined;
  /** Its submitted tokens. */
  #started = 0;
  // One generator for each sequence, so that a sequence does not depend on its neighbours.
  readonly #random: Random;

  /** @param promptLength tokens before the first new one, virtual ones included */
  constructor(
    readonly promptLength: number,
    private readonly options: SequenceOptions,
  ) {
    this.#random = new Random(options.seed);
    if (options.most <= 0) this.reason = 'length';
  }

  /**
   * The place of its last token and the random number of the next choice, once for each token; undefined if there is no next one, or if what may come
   * next depends on a token that is not chosen yet.
   */
  next(): { readonly position: number; readonly draw: number } | undefined {
    if (this.reason || this.#started === this.options.most) return undefined;
    if (this.options.constraint && this.#started > this.ids.length) return undefined;
    return { position: this.promptLength - 1 + this.#started++, draw: this.#random.unitFloat32() };
  }

  /** Accepts a chosen token. It has not ended. @throws GraftError `sampling-not-finite` */
  take({ id, bestScore, candidates, logProbability }: Picked): void {
    const { most: max, stopIds, constraint, onToken } = this.options;
    if (id === undefined) {
      throw new GraftError(
        'sampling-not-finite',
        `The model's best score for the next token is ${bestScore}.`,
        'Choose f32 precision, or an adapter that was trained at a lower learning rate.',
      );
    }
    if (stopIds.includes(id)) {
      this.reason = 'stop';
      this.#stopId = id;
      return;
    }
    this.ids.push(id);
    const isComplete = constraint?.take(id);
    if (onToken?.(id, candidates, logProbability)) this.reason = 'caller';
    else if (isComplete) this.reason = 'stop';
    else if (this.ids.length === max) this.reason = 'length';
  }

  /** What came of it, once it has ended. */
  get result(): Generated {
    if (!this.reason) throw new Error('The sequence has not ended');
    return {
      ...{ ids: this.ids, reason: this.reason },
      ...(this.#stopId !== undefined && { stopId: this.#stopId }),
    };
  }
}
