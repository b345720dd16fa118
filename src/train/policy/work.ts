/** The work of a run that samples, counted before it starts: answers are assumed to be half as long as they may be. */
import type { LabelledTokens } from '../../model/batch.ts';
import type { PlanWork } from '../run-work.ts';
import { promptLength } from './prompts.ts';
import type { RunSpec } from '../../settings/spec.ts';

/** The length of a usual answer, as a share of the longest that is allowed. */
const USUAL_PART = 0.5;

interface SampledWork {
  /** Operations of one step: sampling its answers, and all updates with them. */
  readonly step: number;
  /** Operations of one validation: an answer to each prompt. */
  readonly validation: number;
}

export function sampledWork(
  options: RunSpec,
  rows: readonly LabelledTokens[],
  validation: readonly LabelledTokens[],
  { gradient, loss, update }: Pick<PlanWork, 'gradient' | 'loss' | 'update'>,
): SampledWork {
  const { batch, accumulate, numGenerations = 1, maxCompletionLength = 1, numIterations = 1 } = options;
  const { beta = 0 } = options;
  const answer = maxCompletionLength * USUAL_PART;
  const prompt = rows.reduce((sum, row) => sum + promptLength(row), 0) / Math.max(1, rows.length);
  const sizeOf = (answers: number): { tokens: number; rows: number } => ({
    tokens: Math.round(answers * (prompt + answer)),
    rows: Math.round(answers * answer),
  });
  const batchSize = sizeOf(batch * numGenerations);
  // Sampling is a forward, token by token, and so is the reference policy.
  const forwards = loss(batchSize) * (beta > 0 ? 2 : 1);
  return {
    step: accumulate * (forwards + numIterations * gradient(batchSize)) + numIterations * update,
    validation: validation.length * loss(sizeOf(1)),
  };
}
