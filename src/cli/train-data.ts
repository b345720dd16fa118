/** The rows of a run: made and split by the flags of `graft train`, exactly as the studio does it. */
import type { ReadResult } from '../data/formats.ts';
import type { PreparedRow } from '../data/prepare.ts';
import { splitExamples } from '../data/split.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import type { Output } from './output.ts';
import type { DataReport } from './report-data.ts';
import { tokenizeRows } from './rows.ts';
import type { DataOptions } from './train-flags.ts';

export interface RunRows {
  readonly train: readonly PreparedRow[];
  readonly validation: readonly PreparedRow[];
  /** Kept apart: not trained on, and not looked at by `train`. */
  readonly test: readonly PreparedRow[];
  readonly told: DataReport;
}

export interface RowLimits {
  readonly maxLength: number;
  readonly vocabSize: number;
  /** What a chat template that asks for the date is told. */
  readonly now: Date;
}

/** @throws GraftError `split`, `prepare-length`, `chat-template-…` */
export function makeRunRows(
  { examples, ...read }: ReadResult,
  tokenizer: Tokenizer | undefined,
  { maxLength, vocabSize, now }: RowLimits,
  { overlong, validationFraction, testFraction, splitSeed }: DataOptions,
  output: Output,
): RunRows {
  const { rows, report } = tokenizeRows(examples, tokenizer, { maxLength, overlong, vocabSize, now }, output);
  const split = splitExamples(rows.length, {
    validation: validationFraction,
    test: testFraction,
    seed: splitSeed,
  });
  const pick = (indices: readonly number[]): PreparedRow[] => indices.map((index) => rows[index]);
  return {
    train: pick(split.train),
    validation: pick(split.validation),
    test: pick(split.test),
    told: { ...read, report, maxLength },
  };
}
