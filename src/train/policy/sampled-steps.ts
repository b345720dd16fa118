/** Steps of answers that are sampled to the prompts of rows and scored by rewards. */
import { plannedAdapter } from '../../adapters/learners.ts';
import { GraftError } from '../../errors.ts';
import { changed, itemOf, type List } from '../../lists.ts';
import type { LabelledTokens } from '../../model/batch.ts';
import { withShortPrefixes } from '../../model/shared-prefixes.ts';
import { inputIds, positionsOf, roomFor } from '../../model/virtual-tokens.ts';
import { looksForRepeated, mayShare, roundUp, startsOf, type RunBuckets } from '../buckets.ts';
import { arranged } from '../learning.ts';
import type { RunSpec } from '../../settings/spec.ts';
import type { StepKind, StepRequest } from '../step-kind.ts';
import { policyBuckets, promptFacts, type PolicySizes } from './buckets.ts';
import { checkReference } from './gradients.ts';
import { promptLength, sampledPrompt, type Prompt } from './prompts.ts';
import { sampledRow } from './sampled.ts';
import type { Scoring } from './scoring.ts';
import { PolicySteps } from './steps.ts';
import { sampledWork, usualAnswer } from './work.ts';

export const sampledSteps: StepKind = {
  buckets(options, trained, heldOut) {
    const sharing = sharingOf(options, trained);
    const longest = Math.max(promptFacts(trained).longest, promptFacts(heldOut).longest);
    return {
      ...bucketsOf(options, longest, sharing.probes !== undefined),
      ...sharing,
      ...startsOf(options, arranged(options, trained)),
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
  const length = positionsOf(longest, plannedAdapter(options));
  const { buckets, generation } = policyBuckets(options, length, roundUp, shares);
  const { beta = 0 } = options;
  return { gradients: buckets, losses: [], ...(beta > 0 && { references: buckets }), generation };
}

/** The length of an answer on which shared prompts are checked, at most. */
const PROBED_TOKENS = 8;

/** What repeats in a group of usual answers, and a group of known answers on which the layout is checked. */
function sharingOf(options: RunSpec, prompts: List<LabelledTokens>): Pick<RunBuckets, 'probes' | 'repeated'> {
  const { numGenerations: G = 1, maxCompletionLength = 1 } = options;
  if (!looksForRepeated(options)) return {};
  const adapter = plannedAdapter(options);
  const { tokens, longestAt } = promptFacts(prompts);
  const length = positionsOf(tokens / prompts.length, adapter);
  const answer = usualAnswer(options);
  const repeated = {
    tokens: Math.round(G * (length + answer)),
    computed: Math.round(length - 1 + G * (1 + answer)),
  };
  if (!mayShare(options)) return { repeated };
  const longest = itemOf(prompts, longestAt);
  const all = Array.from(longest.ids);
  const probed = Math.ceil(Math.min(PROBED_TOKENS, maxCompletionLength / 4));
  const answers = Array.from({ length: G }, (_, at) => ({
    // Any tokens will do.
    ids: Array.from({ length: probed }, (__, t) => all[(at + t) % all.length]),
    advantage: 1,
  }));
  const asked = inputIds(all.slice(0, promptLength(longest)), adapter);
  const probe = withShortPrefixes([sampledRow(asked, answers)]);
  return probe ? { repeated, probes: { gradients: probe, references: probe } } : {};
}

/** The prompts of a run. @throws GraftError `train-objective`, `train-option` */
function promptsOf(
  { trainable, options, learning, rows, validation }: StepRequest,
  { rewards, tokenizer }: Scoring,
): { readonly train: List<Prompt>; readonly validation: readonly Prompt[] } {
  const [train, heldOut] = [promptFacts(rows), promptFacts(validation)];
  checkReference(learning, trainable);
  const { needsAnswer } = rewards;
  if (needsAnswer !== undefined && (train.asks || heldOut.asks))
    throw new GraftError(
      'train-objective',
      needsAnswer,
      'Take rewards that need none, or give rows with the columns prompt and completion.',
    );
  const longest = Math.max(train.longest, heldOut.longest);
  const { maxPositions } = trainable.model.definition.shape;
  const max = options.maxCompletionLength ?? 0;
  const room = roomFor(maxPositions, plannedAdapter(options));
  if (longest + max > room)
    throw new GraftError(
      'train-option',
      `The longest prompt has ${longest} tokens and an answer up to ${max}, and the model holds ${room}.`,
      'Choose shorter answers, or leave long prompts out.',
    );
  const promptOf = (row: LabelledTokens, at: number): Prompt =>
    sampledPrompt(row, tokenizer, `Row ${at + 1}`);
  // It says what is wrong.
  if (train.without !== undefined) promptOf(itemOf(rows, train.without), train.without);
  return {
    train: changed(rows, promptOf),
    validation: validation.map((row, at) => sampledPrompt(row, tokenizer, `Validation row ${at + 1}`)),
  };
}
