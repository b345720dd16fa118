/** What a run forgets, measured before its first step and with its result: the same for the page and for the command. */
import { evaluateLoss } from '../evaluate/loss.ts';
import {
  answerGeneral,
  driftFrom,
  marked,
  sampleBase,
  type AskedModel,
  type BaseAnswers,
} from '../evaluate/forgetting-check.ts';
import type { Forgetting } from '../evaluate/forgetting.ts';
import type { GeneralPrompt } from '../evaluate/general-prompts.ts';
import type { LossReport } from '../evaluate/record.ts';
import type { LabelledTokens } from '../model/batch.ts';

/** The inputs of the measurement. */
export interface GeneralCheck {
  readonly text: readonly LabelledTokens[];
  readonly prompts: readonly GeneralPrompt[];
  /** Rows whose prompts the base answers. */
  readonly own: readonly LabelledTokens[];
}

/** What was measured before the first step. */
export interface Before {
  readonly forgetting: Forgetting;
  /** Missing if the base was not asked yet, or the rows have no prompts. */
  readonly answers?: BaseAnswers;
}

/** The loss on general text. */
export function generalTextLoss(
  { text }: Pick<GeneralCheck, 'text'>,
  { model, adapter, onDone }: Omit<AskedModel, 'tokenizer'>,
): Promise<LossReport> {
  return evaluateLoss(model, text, adapter, (done) => onDone?.('evaluating', done, text.length));
}

/**
 * @param tuned the adapter or model that the run starts from
 * @param base if its answers are needed now: the run starts from something else, or changes it
 * @throws GraftError `engine-…`, and what `onDone` throws
 */
export async function forgettingBefore(
  check: GeneralCheck,
  tuned: AskedModel,
  base?: AskedModel,
): Promise<Before> {
  const { loss } = await generalTextLoss(check, tuned);
  const before = await answerGeneral(tuned, check.prompts);
  const answers = base && (await sampleBase(base, check.own));
  const isBase = tuned.model === base?.model && tuned.adapter === undefined;
  return {
    forgetting: {
      before: loss,
      ...(answers && !isBase && { kl: { before: await driftFrom(answers, tuned) } }),
      prompts: marked(check.prompts, before),
    },
    ...(answers && { answers }),
  };
}

/**
 * @param tuned with the values of the result. It may be measured more than once
 * @param base the base, which the same seed lets answer as it did before, or its answers then
 */
export async function forgettingAfter(
  check: GeneralCheck,
  tuned: AskedModel,
  { forgetting, answers }: Before,
  base?: AskedModel,
): Promise<Forgetting> {
  const { loss } = await generalTextLoss(check, tuned);
  const before = forgetting.prompts?.map((one) => one.before);
  const of = answers ?? (base && (await sampleBase(base, check.own)));
  return {
    ...forgetting,
    after: loss,
    ...(of && { kl: { before: forgetting.kl?.before ?? 0, after: await driftFrom(of, tuned) } }),
    ...(before?.length === check.prompts.length && {
      prompts: marked(check.prompts, before, await answerGeneral(tuned, check.prompts)),
    }),
  };
}
