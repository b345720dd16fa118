/** The best validation of a run so far: its loss, the values that it measured, and how many came after it. */
import type { NamedArrays, TrainerCounters } from './state.ts';

export class Best {
  #loss: number | undefined;
  #since = 0;
  #values: NamedArrays | undefined;

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

  /** Adds a validation. @param read returns the measured values @returns whether it is the best */
  async judge(loss: number, read: () => Promise<NamedArrays>): Promise<boolean> {
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
  get counters(): Pick<TrainerCounters, 'bestEvalLoss' | 'evaluationsSinceBest'> {
    return { bestEvalLoss: this.#loss, evaluationsSinceBest: this.#since };
  }

  restore({ bestEvalLoss, evaluationsSinceBest }: TrainerCounters, values: NamedArrays | undefined): void {
    this.#loss = bestEvalLoss;
    this.#since = evaluationsSinceBest;
    this.#values = values;
  }
}
