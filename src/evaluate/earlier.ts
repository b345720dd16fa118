/**
 * Results of earlier versions, as records. Versions before the record kept the base model against one adapter, the base model with examples, and rows of
 * the table of everything tuned in three shapes of their own. A kept result is converted when it is read.
 */
import * as v from 'valibot';
import { adapter as adapterMethod } from './methods/adapter.ts';
import { base as baseMethod } from './methods/base.ts';
import { adapterFewShot, fewShot } from './methods/few-shot.ts';
import { EVALUATION_METHODS, RULE_METHODS } from './methods/registry.ts';
import { USUAL_TEXT_SCORERS } from '../scorers/lists.ts';
import { answerScores } from '../scorers/scores.ts';
import {
  recordOf,
  REWARD,
  type AdapterRef,
  type Evaluation,
  type Item,
  type Made,
  type Subject,
  type SubjectColumns,
  type UsedScorer,
} from './record.ts';
import { Draw, FailedPart, Forgetting, Loss, Pair, RewardList, Seen, Share } from './record-file.ts';

const number = v.number();
const count = v.pipe(number, v.integer(), v.minValue(0));
const AdapterOrigin = v.union([
  v.object({ name: v.string(), id: v.string() }),
  v.object({ name: v.string(), runId: v.string(), step: count }),
]);
const Origin = v.object({
  time: number,
  model: v.object({ name: v.string(), bundled: v.boolean(), fingerprint: v.string() }),
  data: v.optional(
    v.object({
      name: v.string(),
      version: v.optional(v.string()),
      options: v.optional(v.record(v.string(), v.unknown())),
    }),
  ),
  adapter: v.optional(AdapterOrigin),
});

/** The base model against one adapter; against itself if there was none. */
const Comparison = v.object({
  origin: Origin,
  draw: v.optional(Draw),
  seen: v.optional(Seen),
  rows: v.array(
    v.object({
      prompt: v.string(),
      expected: v.string(),
      base: v.string(),
      tuned: v.string(),
      task: v.optional(v.string()),
    }),
  ),
  base: v.optional(Loss),
  tuned: v.optional(Loss),
  otherText: v.optional(v.literal(true)),
  general: v.optional(v.object({ base: Loss, tuned: Loss })),
  exact: v.object({ base: Share, tuned: Share }),
  rewards: v.optional(
    v.object({
      ...{ base: v.array(number), tuned: v.array(number), passMark: v.optional(number) },
      chosen: v.optional(RewardList),
      each: v.optional(
        v.array(
          v.object({
            ...{ name: v.string(), weight: number, passMark: number },
            ...{ base: v.array(number), tuned: v.array(number) },
          }),
        ),
      ),
    }),
  ),
  pairs: v.optional(v.object({ base: v.array(Pair), tuned: v.array(Pair) })),
  rules: v.array(
    v.object({
      rule: v.picklist(RULE_METHODS.map(({ name }) => name)),
      exact: Share,
      answer: v.optional(v.string()),
      share: v.optional(number),
      answers: v.optional(v.array(v.string())),
    }),
  ),
  failed: v.optional(v.array(FailedPart)),
});
export const EarlierMeasured = v.object({
  evaluations: v.pipe(v.array(Comparison), v.minLength(1)),
  seconds: number,
});

export const EarlierFewShot = v.object({
  origin: Origin,
  draw: v.optional(Draw),
  shots: v.array(v.object({ prompt: v.string(), answer: v.string() })),
  rows: v.array(v.object({ prompt: v.string(), expected: v.string(), answer: v.string() })),
  exact: Share,
  loss: v.optional(Loss),
  rewards: v.optional(v.array(number)),
  chosen: v.optional(RewardList),
  tuned: v.optional(
    v.object({
      adapter: AdapterOrigin,
      answers: v.array(v.string()),
      exact: Share,
      loss: v.optional(Loss),
      rewards: v.optional(v.array(number)),
    }),
  ),
  promptTokens: count,
  seconds: number,
});

export const EarlierTuned = v.object({ evaluation: Comparison, forgetting: Forgetting, seconds: number });

type Earlier = v.InferOutput<typeof Comparison>;

const titleOf = (name: string): string =>
  EVALUATION_METHODS.find((method) => method.name === name)?.title ?? name;

/** The adapter itself is a subject. */
function madeOf({ origin, draw }: Pick<Earlier, 'origin' | 'draw'>, seconds: number): Made {
  const { adapter: _, ...made } = origin;
  return { ...made, ...(draw && { draw }), seconds } as Made;
}

/** A column of answers with all that a method can be scored by. */
function column(
  items: readonly Item[],
  subject: Subject,
  answers: readonly string[],
  rewards: Readonly<Record<string, readonly number[] | undefined>> = {},
): SubjectColumns {
  const isPrompts = items.every(({ expected }) => expected === '');
  const rows = answers.map((answer, at) => ({ answer, expected: items[at].expected }));
  const given = Object.entries(rewards).flatMap(([name, scores]) =>
    scores ? [[name, scores] as const] : [],
  );
  return {
    subject,
    answers: answers.map((text) => ({ text })),
    scores: Object.fromEntries([
      ...(isPrompts
        ? []
        : USUAL_TEXT_SCORERS.map((metric) => [metric.name, answerScores(metric, rows)] as const)),
      ...given,
    ]),
  };
}

const metricScorers = (items: readonly Item[]): UsedScorer[] =>
  items.length > 0 && items.every(({ expected }) => expected === '')
    ? []
    : USUAL_TEXT_SCORERS.map(({ name }) => ({ name }));

/** Adapters against the same base model on the same rows. */
export function fromMeasured({ evaluations, seconds }: v.InferOutput<typeof EarlierMeasured>): Evaluation {
  const [first] = evaluations;
  const { rewards } = first;
  const items: Item[] = first.rows.map(({ prompt, expected, task }) => ({
    ...{ prompt, expected },
    ...(task !== undefined && { task }),
  }));
  const part = (name: string): string => `${REWARD}/${name}`;
  const rewardsOf = (of: Earlier, side: 'base' | 'tuned'): Record<string, readonly number[] | undefined> => ({
    [REWARD]: of.rewards?.[side],
    ...Object.fromEntries((of.rewards?.each ?? []).map((one) => [part(one.name), one[side]])),
  });
  const rules = first.rules.map(({ rule, exact, answer, share, answers }): SubjectColumns => {
    const given = answer === undefined ? answers : items.map(() => answer);
    const isKept = given?.length === items.length;
    return column(
      items,
      {
        method: rule,
        label: titleOf(rule),
        ...(answer !== undefined && { detail: { answer, ...(share !== undefined && { share }) } }),
        ...(!isKept && { exact }),
      },
      isKept ? given : [],
    );
  });
  const base = column(
    items,
    {
      method: baseMethod.name,
      label: baseMethod.title,
      ...(first.base && { loss: first.base }),
      ...(first.general && { general: first.general.base }),
      ...(first.pairs && { likelihoods: first.pairs.base }),
      ...(first.failed && { lacks: first.failed }),
    },
    first.rows.map((row) => row.base),
    rewardsOf(first, 'base'),
  );
  const tuned = evaluations
    .filter(({ origin }) => origin.adapter)
    .map((of) =>
      column(
        items,
        {
          method: adapterMethod.name,
          label: of.origin.adapter!.name,
          adapter: of.origin.adapter as AdapterRef,
          ...(of.seen !== undefined && { seen: of.seen }),
          ...(of.tuned && { loss: of.tuned }),
          ...(of.otherText && { otherText: of.otherText }),
          ...(of.general && { general: of.general.tuned }),
          ...(of.pairs && { likelihoods: of.pairs.tuned }),
        } as Subject,
        of.rows.map((row) => row.tuned),
        rewardsOf(of, 'tuned'),
      ),
    );
  const scorers: UsedScorer[] = [
    ...metricScorers(items),
    ...(rewards
      ? [
          { name: REWARD, ...(rewards.passMark !== undefined && { passMark: rewards.passMark }) },
          ...(rewards.each ?? []).map(({ name, weight, passMark }) => ({
            name: part(name),
            weight,
            passMark,
          })),
        ]
      : []),
  ];
  const made = {
    ...madeOf(first, seconds),
    ...(rewards?.chosen && { rewards: rewards.chosen }),
  };
  return recordOf(made, items, [...rules, base, ...tuned] as SubjectColumns[], scorers);
}

/** The base model with examples in its prompt, and perhaps an adapter after the same ones. */
export function fromFewShot(report: v.InferOutput<typeof EarlierFewShot>): Evaluation {
  const { rows, shots, promptTokens, loss, rewards, chosen, tuned, seconds } = report;
  const items = rows.map(({ prompt, expected }): Item => ({ prompt, expected }));
  const detail = { shots, promptTokens };
  const columns = [
    column(
      items,
      {
        method: fewShot.name,
        label: fewShot.title,
        detail,
        ...(loss && { loss }),
        answerSeconds: seconds,
      } as Subject,
      rows.map(({ answer }) => answer),
      { [REWARD]: rewards },
    ),
    ...(tuned
      ? [
          column(
            items,
            {
              method: adapterFewShot.name,
              label: tuned.adapter.name,
              adapter: tuned.adapter,
              detail,
              ...(tuned.loss && { loss: tuned.loss }),
            } as Subject,
            tuned.answers,
            { [REWARD]: tuned.rewards },
          ),
        ]
      : []),
  ];
  const scorers = [...metricScorers(items), ...(rewards ? [{ name: REWARD }] : [])];
  return recordOf(
    { ...madeOf(report, seconds), ...(chosen && { rewards: chosen }) },
    items,
    columns,
    scorers,
  );
}

/** Something tuned with what it forgot; for the base, the reference. */
export function fromTuned({
  evaluation,
  forgetting,
  seconds,
}: v.InferOutput<typeof EarlierTuned>): Evaluation {
  const record = fromMeasured({ evaluations: [evaluation], seconds });
  const { before, prompts } = forgetting;
  const reference = {
    before,
    ...(prompts && {
      prompts: prompts.map(({ prompt, before: text, rightBefore }) => ({
        prompt,
        before: text,
        rightBefore,
      })),
    }),
  };
  return {
    ...record,
    subjects: record.subjects.map((subject) =>
      subject.method === adapterMethod.name
        ? { ...subject, forgetting: forgetting as NonNullable<Subject['forgetting']> }
        : subject.method === baseMethod.name
          ? { ...subject, forgetting: reference }
          : subject,
    ),
  };
}
