/** The best validation of a run so far: its loss, the values that it measured, and how many came after it. */
import type { NamedArrays, TrainerCounters, TrainerState } from './state.ts';

export class Best {
  #loss: number | undefined;
  #since = 0;
  #values: NamedArrays | undefined;
  /** What the run began with, until a later validation is compared with it: a run that ends before that keeps its last values. */
  #start: { readonly loss: number; readonly values: NamedArrays } | undefined;

  get loss(): number | undefined {
    return this.#loss;
  }

  /** Validations since. */
  get since(): number {
    return this.#since;
  }

  get values(): NamedArrays | undefined {
    return this.#values;
  }

  /** Whether there is something that the next validation is compared with. */
  get isKnown(): boolean {
    return this.#loss !== undefined || this.#start !== undefined;
  }

  /** Sets the validation before the first step, which the others have to beat. */
  begin(loss: number, values: NamedArrays): void {
    if (Number.isFinite(loss)) this.#start = { loss, values };
  }

  /** Adds a validation. @param read returns the measured values @returns whether it is the best */
  async judge(loss: number, read: () => Promise<NamedArrays>): Promise<boolean> {
    if (this.#start) {
      this.#loss = this.#start.loss;
      this.#values = this.#start.values;
      this.#start = undefined;
    }
    const best = Number.isFinite(loss) && (this.#loss === undefined || loss < this.#loss);
    if (best) {
      this.#loss = loss;
      this.#since = 0;
      this.#values = await read();
    } else {
      this.#since++;
    }
    return best;
  }

  /** For a saved state. */
  get counters(): Pick<TrainerCounters, 'bestEvalLoss' | 'evaluationsSinceBest' | 'startEvalLoss'> {
    return {
      bestEvalLoss: this.#loss,
      evaluationsSinceBest: this.#since,
      ...(this.#start && { startEvalLoss: this.#start.loss }),
    };
  }

  /** For a saved state. */
  get arrays(): Pick<TrainerState, 'best' | 'start'> {
    return { best: this.#values, ...(this.#start && { start: this.#start.values }) };
  }

  restore({ counters, best, start }: Pick<TrainerState, 'counters' | 'best' | 'start'>): void {
    const { bestEvalLoss, evaluationsSinceBest, startEvalLoss } = counters;
    this.#loss = bestEvalLoss;
    this.#since = evaluationsSinceBest;
    this.#values = best;
    this.#start = start && startEvalLoss !== undefined ? { loss: startEvalLoss, values: start } : undefined;
  }
}
