/** Sizes of the plans of a run that samples: the lengths of answers are not known, so the longest one is planned. */
import type { Bucket, LabelledTokens } from '../../model/batch.ts';
import { promptLength } from './prompts.ts';
import type { RunSpec } from '../../settings/spec.ts';

/** Fractions of the longest length that get a plan each. */
const PARTS = [1 / 4, 1 / 2, 1];

/** The size of generation. */
export interface GenerationSize {
  /** Answers of a step, the most that are sampled at once. */
  readonly answers: number;
  /** Tokens of the longest, prompt included. */
  readonly maxLength: number;
}

/** The inputs of the sizes. */
export type PolicySizes = Pick<
  RunSpec,
  'batch' | 'accumulate' | 'maxLength' | 'numGenerations' | 'maxCompletionLength'
>;

/**
 * The plans of a step, and the size of generation.
 *
 * @param longest prompt, in tokens
 * @param shared whether the answers to a prompt share it (model/shared-prefixes.ts): all but its last token, which predicts the first of each
 */
export function policyBuckets(
  { batch, accumulate, numGenerations: G = 0, maxCompletionLength = 0 }: PolicySizes,
  longest: number,
  round: (tokens: number) => number,
  shared = false,
): { readonly buckets: readonly Bucket[]; readonly generation: GenerationSize } {
  const sequences = batch * G;
  const prompts = shared ? batch * (longest - 1) + sequences : sequences * longest;
  const sizes = PARTS.map((part): Bucket => {
    const rows = Math.ceil(part * sequences * maxCompletionLength);
    return { tokens: round(prompts + rows), rows: round(rows), sequences, ...(shared && { shared }) };
  });
  return {
    buckets: sizes.filter(({ tokens, rows }, at) => {
      const next = sizes.at(at + 1);
      return tokens !== next?.tokens || rows !== next.rows;
    }),
    generation: { answers: accumulate * sequences, maxLength: longest + maxCompletionLength },
  };
}

/** Tokens of the longest prompt. */
export function longestPrompt(rows: readonly LabelledTokens[]): number {
  return rows.reduce((max, row) => Math.max(max, promptLength(row)), 1);
}
