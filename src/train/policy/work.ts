/** The work of a run that samples, counted before it starts: answers are assumed to be half as long as they may be. */
import type { List } from '../../lists.ts';
import type { LabelledTokens } from '../../model/batch.ts';
import { mayShare } from '../buckets.ts';
import type { PlanWork } from '../run-work.ts';
import { promptFacts } from './buckets.ts';
import type { RunSpec } from '../../settings/spec.ts';

/** The length of a usual answer, as a share of the longest that is allowed. */
const USUAL_PART = 0.5;

/** The tokens of a usual answer. */
export const usualAnswer = ({ maxCompletionLength = 1 }: Pick<RunSpec, 'maxCompletionLength'>): number =>
  maxCompletionLength * USUAL_PART;

interface SampledWork {
  /** Operations of one step: sampling its answers, and all updates with them. */
  readonly step: number;
  /** Operations of one validation: an answer to each prompt. */
  readonly validation: number;
}

export function sampledWork(
  options: RunSpec,
  rows: List<LabelledTokens>,
  validation: readonly LabelledTokens[],
  { gradient, loss, update }: Pick<PlanWork, 'gradient' | 'loss' | 'update'>,
): SampledWork {
  const { batch, accumulate, numGenerations = 1, numIterations = 1 } = options;
  const { beta = 0 } = options;
  const answer = usualAnswer(options);
  const prompt = promptFacts(rows).tokens / Math.max(1, rows.length);
  /** @param prompts that are computed: fewer than the answers if these share theirs */
  const sizeOf = (answers: number, prompts = answers): { tokens: number; rows: number } => ({
    tokens: Math.round(prompts * prompt + answers * answer),
    rows: Math.round(answers * answer),
  });
  const answers = batch * numGenerations;
  const learned = mayShare(options) ? sizeOf(answers, batch) : sizeOf(answers);
  // Sampling is a forward, token by token.
  const forwards = loss(sizeOf(answers)) + (beta > 0 ? loss(learned) : 0);
  return {
    step: accumulate * (forwards + numIterations * gradient(learned)) + numIterations * update,
    validation: validation.length * loss(sizeOf(1)),
  };
}
