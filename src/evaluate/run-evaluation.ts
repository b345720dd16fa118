/**
 * Runs an evaluation: every method on the same items, one after the other, into one record. It knows neither files nor a page: what asks a model is an
 * {@link EvalModel} that the caller opens, and what happens on the way goes to a {@link Watcher}.
 */
import { messageOf } from '../errors.ts';
import { changed, itemsOf, type List } from '../lists.ts';
import type { Forgetting } from './forgetting.ts';
import { USUAL_TEXT_SCORERS } from '../scorers/lists.ts';
import { answerScores } from '../scorers/scores.ts';
import { instructionLabels } from './methods/instruction.ts';
import type {
  Answered,
  AskedQuestion,
  EvalModel,
  EvalRequest,
  Method,
  Demonstration,
  PassagePort,
} from './methods/method.ts';
import {
  recordOf,
  REWARD,
  type Evaluation,
  type Evidence,
  type FailedPart,
  type Item,
  type LossReport,
  type Made,
  type Subject,
  type SubjectColumns,
  type UsedScorer,
} from './record.ts';

/** What a subject asks, once it is its turn. */
export interface OpenSubject {
  readonly model: EvalModel;
  /** Whether its device still works: if not, a failure is no matter of a person's stop. */
  readonly isLost: () => boolean;
  /** The loss on general text, if that is wanted. */
  readonly general?: () => Promise<LossReport>;
  /** What it forgot, if that is wanted. */
  readonly forgetting?: () => Promise<Forgetting>;
  /** Facts that are known only now. */
  readonly facts?: Partial<Subject>;
  /** Frees what was opened for it, however it went. */
  readonly close?: () => Promise<void>;
}

/** A method, and what it asks. */
export interface SubjectPlan {
  readonly method: Method;
  /** Examples before each question, if they are not those of the plan. */
  readonly shots?: number;
  readonly subject: Subject;
  readonly open: () => Promise<OpenSubject>;
  /** It is left out for these reasons, instead of failing. */
  readonly isOptional?: (error: unknown) => boolean;
}

/** Scores of answers by rewards. */
export interface RewardScorer {
  readonly passMark: number;
  readonly parts: readonly { readonly name: string; readonly weight: number; readonly passMark: number }[];
  /** The weighted sums, and the rewards one by one before their weights, each row by row. @param asked the answered rows, and possibly more after them */
  score(
    asked: readonly AskedQuestion[],
    answers: readonly Evidence[],
  ): Promise<{ readonly totals: readonly number[]; readonly each: readonly (readonly number[])[] }>;
}

/** Scorers that were chosen. */
export interface ChosenScorers {
  readonly scorers: readonly UsedScorer[];
  /** By name, row by row, null if one does not apply. @param asked the answered rows, and possibly more after them */
  score(
    asked: readonly AskedQuestion[],
    answers: readonly Evidence[],
  ): Promise<{
    readonly scores: Readonly<Record<string, readonly (number | null)[]>>;
    /** Those that failed on rows, and why. */
    readonly failed: readonly FailedPart[];
  }>;
}

export interface EvaluationPlan {
  readonly made: Made;
  readonly items: readonly Item[];
  /** The questions of the items. */
  readonly asked: readonly AskedQuestion[];
  /** Examples of training that have a question, for methods that learn from them. */
  readonly train: List<Demonstration>;
  /** Rows that are not asked, as examples in prompts; missing if those of training are. Rules answer from training rows only. */
  readonly reserved?: readonly Demonstration[] | undefined;
  readonly shots: number;
  readonly seed: number;
  /** @see EvalRequest.examples */
  readonly examples?: EvalRequest['examples'];
  /** @see EvalRequest.encoder */
  readonly encoder?: EvalRequest['encoder'];
  /** What instructed methods hear before each question; they are left out without it. */
  readonly instruction?: string | undefined;
  readonly subjects: readonly SubjectPlan[];
  /** Passages of an index, for methods that put them before a question. */
  readonly passages?: PassagePort | undefined;
  readonly rewards?: RewardScorer | undefined;
  /** In addition to the usual ones. */
  readonly chosen?: ChosenScorers | undefined;
  /** Whether the items are prompts alone: no answer is right or wrong. */
  readonly isPrompts: boolean;
  /** What is measured of a model; everything if left out. */
  readonly measures?: { readonly answers?: boolean; readonly loss?: boolean; readonly pairs?: boolean };
  /** @see EvalRequest.each */
  readonly each: EvalRequest['each'];
}

/** What is told on the way. */
interface Watcher {
  readonly signal: AbortSignal;
  readonly begins?: (plan: SubjectPlan) => void;
  /** @param why missing if training has nothing that it could answer with */
  readonly leftOut?: (plan: SubjectPlan, why?: string) => void;
  /** @param part missing if the whole subject failed */
  readonly failed?: (plan: SubjectPlan, error: unknown, part?: string) => void;
}

/** Yields the record so far after each subject. It ends early when the signal is aborted; the record then has the answers so far. */
export async function* runEvaluation(plan: EvaluationPlan, watcher: Watcher): AsyncGenerator<Evaluation> {
  const columns: SubjectColumns[] = [];
  const scorers = scorersOf(plan);
  const labels = new Set(plan.isPrompts ? [] : labelsIn(plan));
  for (const one of plan.subjects) {
    if (watcher.signal.aborted) break;
    watcher.begins?.(one);
    const measured = await measure({ ...plan, labels }, one, watcher);
    if (measured) columns.push(measured);
    yield recordOf(plan.made, plan.items, columns, scorers);
  }
  if (columns.length === 0) yield recordOf(plan.made, plan.items, columns, scorers);
}

/** The whole record. */
export async function evaluateWhole(plan: EvaluationPlan, watcher: Watcher): Promise<Evaluation> {
  let record: Evaluation | undefined;
  for await (record of runEvaluation(plan, watcher));
  return record!;
}

const PART_OF = `${REWARD}/`;

function scorersOf({ rewards, chosen, isPrompts }: EvaluationPlan): UsedScorer[] {
  const usual = isPrompts ? [] : USUAL_TEXT_SCORERS.map(({ name }) => ({ name }));
  const more = (chosen?.scorers ?? []).filter(({ name }) => usual.every((one) => one.name !== name));
  return [
    ...usual,
    ...more,
    ...(rewards
      ? [
          { name: REWARD, passMark: rewards.passMark },
          ...rewards.parts.map((part) => ({ ...part, name: PART_OF + part.name })),
        ]
      : []),
  ];
}

/** A plan with the labels that its answers can be. */
type LabelledPlan = EvaluationPlan & { readonly labels: ReadonlySet<string> };

/** @returns undefined if the method is left out */
async function measure(
  plan: LabelledPlan,
  one: SubjectPlan,
  watcher: Watcher,
): Promise<SubjectColumns | undefined> {
  const { signal } = watcher;
  const start = performance.now();
  const seconds = (): number => (performance.now() - start) / 1000;
  let open: OpenSubject | undefined;
  try {
    open = await one.open();
    return await measureOpen(plan, one, open, watcher, seconds);
  } catch (error) {
    const isLost = open?.isLost() ?? false;
    // A stopped model returns its answers without an error; a rule always answers every row.
    if (signal.aborted && !isLost)
      return { subject: { ...one.subject, stopped: true, seconds: seconds() }, answers: [], scores: {} };
    if (one.isOptional?.(error)) {
      watcher.leftOut?.(one, messageOf(error));
      return undefined;
    }
    watcher.failed?.(one, error);
    return { subject: { ...one.subject, failed: messageOf(error) }, answers: [], scores: {} };
  } finally {
    await open?.close?.();
  }
}

async function measureOpen(
  plan: LabelledPlan,
  one: SubjectPlan,
  open: OpenSubject,
  watcher: Watcher,
  seconds: () => number,
): Promise<SubjectColumns | undefined> {
  const { signal } = watcher;
  const { method } = one;
  const { answers: isAnswered = true, loss: hasLoss = true, pairs: hasPairs = true } = plan.measures ?? {};
  const { asked, reserved, seed, each, rewards, examples, encoder, instruction, passages } = plan;
  const exam: EvalRequest = {
    ...{
      train: reserved && method.kind !== 'rule' ? reserved : plan.train,
      shots: one.shots ?? plan.shots,
      seed,
      each,
      signal,
      examples,
      encoder,
      instruction,
      passages,
    },
    asked: isAnswered ? asked : [],
    model: open.model,
  };
  const answered = await method.answer(exam);
  if (!answered) {
    watcher.leftOut?.(one);
    return undefined;
  }
  const answerSeconds = seconds();
  const lacks: FailedPart[] = [];
  /** What is measured already is not lost with a part that fails. */
  const attempt = async <Part>(
    name: string,
    work: (() => Promise<Part | undefined>) | undefined,
  ): Promise<Part | undefined> => {
    if (!work || signal.aborted) return undefined;
    try {
      return await work();
    } catch (error) {
      if (open.isLost()) throw error;
      if (signal.aborted) return undefined;
      lacks.push({ name, reason: messageOf(error) });
      watcher.failed?.(one, error, name);
      return undefined;
    }
  };
  // Prompting is the base model again: what else is measured of a model is measured once.
  const { shots, nearest, instruction: heard } = answered.detail ?? {};
  const isModelAlone = method.loss !== undefined && [shots, nearest, heard].every((one) => one === undefined);
  const isWhole = answered.answers.length === exam.asked.length;
  const loss =
    hasLoss && isWhole ? await attempt('Losses', method.loss && (() => method.loss!(exam))) : undefined;
  const general = isModelAlone ? await attempt('General text', open.general) : undefined;
  const forgetting = isModelAlone ? await attempt('Forgetting', open.forgetting) : undefined;
  const likelihoods =
    hasPairs && isModelAlone && isWhole
      ? await attempt('Pairs', () => open.model.likelihoods(signal))
      : undefined;
  const chosen =
    plan.chosen && answered.answers.length > 0
      ? await plan.chosen.score(asked, answered.answers)
      : { scores: {}, failed: [] };
  lacks.push(...chosen.failed);
  const scored =
    rewards && answered.answers.length > 0
      ? // A person who stops wants the scores of what was answered.
        await scoredBy(rewards, asked, answered.answers).catch((error: unknown) => {
          lacks.push({ name: 'Rewards', reason: messageOf(error) });
          watcher.failed?.(one, error, 'Rewards');
          return {};
        })
      : {};
  return {
    subject: {
      ...{ ...one.subject, ...open.facts },
      ...(answered.detail && { detail: answered.detail }),
      ...(loss && { loss }),
      ...(general && { general }),
      ...(forgetting && { forgetting }),
      ...(likelihoods && { likelihoods }),
      ...(plan.labels.size > 0 && {
        noLabel: answered.answers.filter(({ text }) => !plan.labels.has(text.trim())).length,
      }),
      ...{ seconds: seconds(), answerSeconds },
      ...(!isWhole && { stopped: true }),
      ...(lacks.length > 0 && { lacks }),
    },
    answers: answered.answers,
    scores: { ...(plan.isPrompts ? {} : usualScores(plan.items, answered)), ...chosen.scores, ...scored },
  };
}

/** The labels that answers can be: those of training, of reserved rows and of the asked ones; none if answers are no labels. */
function labelsIn({ train, asked, reserved = [] }: EvaluationPlan): readonly string[] {
  const wanted = [...asked, ...reserved].map(({ question }) => question.expected);
  const learned = changed(train, ({ question }) => question.expected);
  // A label that only test rows have is one as well, and no instruction names it.
  if (instructionLabels(learned.length > 0 ? learned : wanted).length === 0) return [];
  const labels = new Set<string>();
  for (const answers of [itemsOf(learned), wanted]) for (const answer of answers) labels.add(answer.trim());
  return [...labels];
}

/** By the names of the usual scorers, row by row. */
function usualScores(items: readonly Item[], { answers }: Answered): SubjectColumns['scores'] {
  const rows = answers.map(({ text }, at) => ({ answer: text, expected: items[at].expected }));
  return Object.fromEntries(USUAL_TEXT_SCORERS.map((metric) => [metric.name, answerScores(metric, rows)]));
}

async function scoredBy(
  rewards: RewardScorer,
  asked: readonly AskedQuestion[],
  answers: readonly Evidence[],
): Promise<SubjectColumns['scores']> {
  const { totals, each } = await rewards.score(asked, answers);
  return Object.fromEntries([
    [REWARD, totals],
    ...rewards.parts.map(({ name }, at) => [PART_OF + name, each[at]] as const),
  ]);
}
