import type { Random } from '../../../src/random.ts';

/** What a parser gets: files by name. */
export type Input = Readonly<Record<string, Uint8Array<ArrayBuffer>>>;

/** A parser under attack. */
export interface Target {
  readonly name: string;
  /** Inputs of the whole campaign. */
  readonly count: number;
  /** A mutated input; the same for the same state of `random`. */
  make(random: Random): Input;
  /** Everything that Graft does with such a file. Ends in a value or throws a GraftError; anything else is a find. */
  run(input: Input): Promise<void> | void;
}
