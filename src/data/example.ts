/** One example of a data set, and where it stands in its file. */
import type { Trainable } from '../text/trainable.ts';

export type Example = Trainable & {
  /** Where it begins in its file, from 1. */
  readonly line: number;
};

/** A row that could not be read. */
export interface Problem {
  /** Where it begins in its file, from 1. */
  readonly line: number;
  /** What is wrong, as a sentence without its full stop: `messages[2] has the role "tool", which …`. */
  readonly reason: string;
}
