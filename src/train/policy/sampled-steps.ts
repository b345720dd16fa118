/** Steps of answers that are sampled to the prompts of rows and scored by rewards. */
import { mean } from '../../averages.ts';
import { GraftError } from '../../errors.ts';
import { virtualIds, type LabelledTokens } from '../../model/batch.ts';
import { withShortPrefixes } from '../../model/shared-prefixes.ts';
import { looksForRepeated, mayShare, roundUp, startsOf, type RunBuckets } from '../buckets.ts';
import { arranged, heldRows, virtualTokens } from '../learning.ts';
import type { RunSpec } from '../../settings/spec.ts';
import type { StepKind, StepRequest } from '../step-kind.ts';
import { longestPrompt, policyBuckets, type PolicySizes } from './buckets.ts';
import { checkReference } from './gradients.ts';
import { promptLength, sampledPrompt, type Prompt } from './prompts.ts';
import { sampledRow } from './sampled.ts';
import type { Scoring } from './scoring.ts';
import { PolicySteps } from './steps.ts';
import { sampledWork, usualAnswer } from './work.ts';

export const sampledSteps: StepKind = {
  buckets(options, trained, heldOut) {
    const prompts = heldRows(trained);
    const sharing = sharingOf(options, prompts);
    return {
      ...bucketsOf(options, longestPrompt([...prompts, ...heldOut]), sharing.probes !== undefined),
      ...sharing,
      ...startsOf(options, arranged(options, prompts)),
    };
  },
  fullBuckets({ accumulate = 1, ...options }) {
    const { maxLength, maxCompletionLength = 0 } = options;
    const longest = Math.max(1, maxLength - maxCompletionLength);
    return bucketsOf({ ...options, accumulate }, longest, mayShare(options));
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

/** @param longest prompt, in tokens @param shares whether answers share their prompt */
function bucketsOf(
  options: PolicySizes & Pick<RunSpec, 'beta'>,
  longest: number,
  shares: boolean,
): RunBuckets {
  const length = longest + virtualTokens(options);
  const { buckets, generation } = policyBuckets(options, length, roundUp, shares);
  const { beta = 0 } = options;
  return { gradients: buckets, losses: [], ...(beta > 0 && { references: buckets }), generation };
}

/** The length of an answer on which shared prompts are checked, at most. */
const PROBED_TOKENS = 8;

/** What repeats in a group of usual answers, and a group of known answers on which the layout is checked. */
function sharingOf(
  options: RunSpec,
  prompts: readonly LabelledTokens[],
): Pick<RunBuckets, 'probes' | 'repeated'> {
  const { numGenerations: G = 1, maxCompletionLength = 1 } = options;
  if (!looksForRepeated(options)) return {};
  const virtual = virtualTokens(options);
  const length = mean(prompts.map(promptLength)) + virtual;
  const answer = usualAnswer(options);
  const repeated = {
    tokens: Math.round(G * (length + answer)),
    computed: Math.round(length - 1 + G * (1 + answer)),
  };
  if (!mayShare(options)) return { repeated };
  const longest = prompts.reduce((max, row) => (promptLength(row) > promptLength(max) ? row : max));
  const all = Array.from(longest.ids);
  const probed = Math.ceil(Math.min(PROBED_TOKENS, maxCompletionLength / 4));
  const answers = Array.from({ length: G }, (_, at) => ({
    // Any tokens will do.
    ids: Array.from({ length: probed }, (__, t) => all[(at + t) % all.length]),
    advantage: 1,
  }));
  const asked = [...virtualIds(virtual), ...all.slice(0, promptLength(longest))];
  const probe = withShortPrefixes([sampledRow(asked, answers)]);
  return probe ? { repeated, probes: { gradients: probe, references: probe } } : {};
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
  const max = options.maxCompletionLength ?? 0;
  const virtual = virtualTokens(options);
  if (virtual + longest + max > maxPositions)
    throw new GraftError(
      'train-option',
      `The longest prompt has ${longest} tokens and an answer up to ${max}, and the model holds ${maxPositions - virtual}.`,
      'Choose shorter answers, or leave long prompts out.',
    );
  return {
    train: train.map((row, at) => sampledPrompt(row, tokenizer, `Row ${at + 1}`)),
    validation: validation.map((row, at) => sampledPrompt(row, tokenizer, `Validation row ${at + 1}`)),
  };
}
