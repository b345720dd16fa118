import type { TermId } from '../names.ts';

export interface Term {
  readonly id: TermId;
  /** What it is, in plain words. */
  readonly what: string;
  /** What happens with more of it, and with less. */
  readonly more?: string;
  readonly less?: string;
  /** A good value to start from, or what to do. */
  readonly start?: string;
  /** Where to read on: a paper or a manual. */
  readonly source: string;
  /** Other words that people search for. */
  readonly also?: string;
}

export interface Chapter {
  readonly name: string;
  readonly terms: readonly Term[];
}
