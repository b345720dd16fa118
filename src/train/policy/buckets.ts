/** Sizes of the plans of a run that samples: the lengths of answers are not known, so the longest one is planned. */
import type { Bucket, LabelledTokens } from '../../model/batch.ts';
import { itemsOf, type List } from '../../lists.ts';
import { MIN_PROMPT, promptLength } from './prompts.ts';
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
 * @param shared whether the answers to a prompt share it (model/shared-prefixes.ts): all but its last token, which predicts the first of each. Several
 * prompts may have their first tokens in common as well.
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
    return {
      tokens: round(prompts + rows),
      rows: round(rows),
      sequences,
      ...(shared && { ranges: batch > 1 ? 3 : 2 }),
    };
  });
  return {
    buckets: sizes.filter(({ tokens, rows }, at) => {
      const next = sizes.at(at + 1);
      return tokens !== next?.tokens || rows !== next.rows;
    }),
    generation: { answers: accumulate * sequences, maxLength: longest + maxCompletionLength },
  };
}

/** What is known of the prompts of a run, of which none is held. */
interface PromptFacts {
  /** Tokens of the longest prompt, at least 1, and its place. */
  readonly longest: number;
  readonly longestAt: number;
  /** Tokens of all prompts. */
  readonly tokens: number;
  /** The first row without a prompt. */
  readonly without: number | undefined;
  /** Whether some rows are only a prompt. */
  readonly asks: boolean;
}

const known = new WeakMap<List<LabelledTokens>, PromptFacts>();

/** Reads each row once: a large file makes its rows as they are asked for. */
export function promptFacts(rows: List<LabelledTokens>): PromptFacts {
  const before = known.get(rows);
  if (before) return before;
  let [longest, longestAt, tokens, asks, at] = [1, 0, 0, false, 0];
  let without: number | undefined;
  for (const row of itemsOf(rows)) {
    const length = promptLength(row);
    if (length > longest) [longest, longestAt] = [length, at];
    if (length < MIN_PROMPT) without ??= at;
    if (row.asks) asks = true;
    tokens += length;
    at++;
  }
  const facts = { longest, longestAt, tokens, without, asks };
  known.set(rows, facts);
  return facts;
}
