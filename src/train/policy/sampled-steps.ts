/** Steps of answers that are sampled to the prompts of rows and scored by rewards. */
import { GraftError } from '../../errors.ts';
import type { LabelledTokens } from '../../model/batch.ts';
import { mayShare, roundUp, startsOf, type RunBuckets, type Sharing } from '../buckets.ts';
import { arranged, heldRows, virtualTokens } from '../learning.ts';
import type { RunSpec } from '../../settings/spec.ts';
import type { StepKind, StepRequest } from '../step-kind.ts';
import { longestPrompt, policyBuckets, type PolicySizes } from './buckets.ts';
import { checkReference } from './gradients.ts';
import { promptOf, type Prompt } from './prompts.ts';
import type { Scoring } from './scoring.ts';
import { PolicySteps } from './steps.ts';
import { sampledWork } from './work.ts';

export const sampledSteps: StepKind = {
  buckets(options, trained, heldOut) {
    const prompts = heldRows(trained);
    return {
      ...bucketsOf(options, longestPrompt([...prompts, ...heldOut])),
      ...startsOf(options, arranged(options, prompts)),
    };
  },
  fullBuckets({ accumulate = 1, ...options }) {
    const { maxLength, maxCompletionLength = 0 } = options;
    return bucketsOf({ ...options, accumulate }, Math.max(1, maxLength - maxCompletionLength));
  },
  sequences: () => 1,
  stepWork(options, rows, _, work) {
    const { step } = sampledWork(options, rows, [], work);
    return () => step;
  },
  otherWork: (options, rows, validation, _, work) => ({
    validation: sampledWork(options, rows, validation, work).validation,
    reference: 0,
  }),
  prepare(request) {
    const { scoring } = request;
    if (!scoring)
      throw new GraftError(
        'train-objective',
        `${request.learning.objective.label} learns from rewards, and the run has none.`,
        'Give a reward.',
      );
    const prompts = promptsOf(request, scoring);
    return (parts) => new PolicySteps({ ...request, scoring }, prompts, parts);
  },
};

/** @param longest prompt, in tokens */
function bucketsOf(options: PolicySizes & Pick<RunSpec, 'beta'> & Sharing, longest: number): RunBuckets {
  const length = longest + virtualTokens(options);
  const { buckets, generation } = policyBuckets(options, length, roundUp, mayShare(options));
  const { beta = 0 } = options;
  return { gradients: buckets, losses: [], ...(beta > 0 && { references: buckets }), generation };
}

/** The prompts of a run. @throws GraftError `train-objective`, `train-option` */
function promptsOf(
  { trainable, options, learning, rows, validation }: StepRequest,
  { rewards, tokenizer }: Scoring,
): { readonly train: readonly Prompt[]; readonly validation: readonly Prompt[] } {
  const train = heldRows(rows);
  const all: readonly LabelledTokens[] = [...train, ...validation];
  checkReference(learning, trainable);
  const { needsAnswer } = rewards;
  if (needsAnswer !== undefined && all.some(({ asks }) => asks))
    throw new GraftError(
      'train-objective',
      needsAnswer,
      'Take rewards that need none, or give rows with the columns prompt and completion.',
    );
  const longest = longestPrompt(all);
  const { maxPositions } = trainable.model.definition.shape;
  const most = options.maxCompletionLength ?? 0;
  const virtual = virtualTokens(options);
  if (virtual + longest + most > maxPositions)
    throw new GraftError(
      'train-option',
      `The longest prompt has ${longest} tokens and an answer up to ${most}, and the model holds ${maxPositions - virtual}.`,
      'Choose shorter answers, or leave long prompts out.',
    );
  return {
    train: train.map((row, at) => promptOf(row, tokenizer, `Row ${at + 1}`)),
    validation: validation.map((row, at) => promptOf(row, tokenizer, `Validation row ${at + 1}`)),
  };
}
