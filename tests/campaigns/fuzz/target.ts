import type { Random } from '../../../src/random.ts';

/** The input of a parser: files by name. */
export type Input = Readonly<Record<string, Uint8Array<ArrayBuffer>>>;

/** A parser under attack. */
export interface Target {
  readonly name: string;
  /** Inputs of the whole campaign. */
  readonly count: number;
  /** A mutated input; the same for the same state of `random`. */
  make(random: Random): Input;
  /** Everything that Graft does with such a file. It returns or throws a GraftError; anything else is a finding. */
  run(input: Input): Promise<void> | void;
}
