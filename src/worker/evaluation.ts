/** Methods on held-out rows of the open data: the base against an adapter, and both with examples in their prompts. */
import { GraftError, messageOf } from '../errors.ts';
import type { FailedPart, Seen, Share } from '../evaluate/comparison.ts';
import { pairsOf } from '../evaluate/loss-part.ts';
import { adapter as adapterMethod } from '../evaluate/methods/adapter.ts';
import { base as baseMethod } from '../evaluate/methods/base.ts';
import { adapterFewShot, fewShot } from '../evaluate/methods/few-shot.ts';
import type { Answered, Method } from '../evaluate/methods/method.ts';
import { RULES } from '../evaluate/methods/registry.ts';
import type { LanguageModel } from '../model/language-model.ts';
import { passMarkOf } from '../rewards/reward.ts';
import { answerProblem, rewardNames, type RewardSpec } from '../rewards/specs.ts';
import { rewardAnswers, rewardsOf } from './answer-rewards.ts';
import type {
  AdapterChoice,
  AdapterOrigin,
  Evaluation,
  FewShotReport,
  Origin,
  Progress,
  RuleReport,
  Sample,
} from './api.ts';
import { rowsOf, type DataSet } from './data.ts';
import { comparedPairs } from './compared-pairs.ts';
import type { OpenModel } from './model.ts';
import { originOf } from './origin.ts';
import type { Session } from './session.ts';
import { isChat, prepare, stopped, type By, type Sitting, type TunedAnswerer } from './sitting.ts';
import { seenRows, trainedOn, type TrainedOn } from './trained-on.ts';

/** A tuned model in place of the base with an adapter. */
export interface TunedModel {
  readonly model: LanguageModel;
  readonly origin: AdapterOrigin;
  readonly trainedOn: TrainedOn;
}

export interface EvaluationRequest {
  readonly adapter: AdapterChoice | TunedModel;
  readonly sample: Sample;
  readonly onProgress: (progress: Progress) => void;
  readonly signal: AbortSignal;
}

export interface FewShotRequest {
  readonly shots: number;
  /** Asked behind the same examples; `base` for none. */
  readonly adapter: AdapterChoice;
  readonly sample: Sample;
  readonly onProgress: (progress: Progress) => void;
  readonly signal: AbortSignal;
}

/**
 * Answers come before losses: if it is stopped, it gives the rows that both answered, and the losses so far.
 *
 * @throws GraftError `worker-no-model`, `worker-no-data`, `worker-no-held-out`, `worker-no-adapter`, `worker-aborted` where nothing was measured
 */
export async function evaluate(
  session: Session,
  { adapter, sample, onProgress, signal }: EvaluationRequest,
): Promise<Evaluation> {
  const sitting = await prepare(session, sample, onProgress, signal);
  const { open, data, drawn, slices } = sitting;
  if (rowsOf(data, 'test').length === 0) {
    throw new GraftError(
      'worker-no-held-out',
      `${data.name} has no held-out rows.`,
      'Split a test part off, or give a file of its own.',
    );
  }
  const { by, tuned, origin, training } = await subjectOf(session, open, data, adapter);
  const { rewards: chosen } = sample;
  const specs = chosen ?? (await rewardsOf(training));
  if (sitting.isPrompts) checkPrompts(specs);
  const seen = training && (await seenRows(training, data, drawn.chosen, open, slices));
  const failed: FailedPart[] = [];
  /** Everything beside the answers of the two models: what is measured already is not lost with it. */
  const attempt = async <Part>(name: string, work: () => Promise<Part>): Promise<Part | undefined> => {
    try {
      return await work();
    } catch (error) {
      if (signal.aborted || open.model.device.failure) throw error;
      failed.push({ name, reason: messageOf(error) });
      return undefined;
    }
  };
  const rules: { rule: Method; answered: Answered }[] = [];
  for (const rule of RULES) {
    const answered = await attempt(rule.title, () => sitting.apply(rule));
    if (answered) rules.push({ rule, answered });
  }
  const base = await sitting.answer(baseMethod, 'base', { known: data.base });
  const byTuned = tuned ? await sitting.answer(adapterMethod, by, tuned) : base;
  // Rows are answered in their order: those that both answered are a smaller sample.
  const rows = Math.min(base.answers.length, byTuned.answers.length);
  if (signal.aborted && rows === 0) throw stopped(tuned ? base.answers.length : 0);
  const isPart = rows < sitting.asked.length;
  const answered = [base, byTuned].map(({ answers }) => answers.slice(0, rows));
  const rewards =
    specs && rows > 0 ? await attempt('Rewards', () => rewardsIn(specs, sitting, answered)) : undefined;
  const losses = isPart ? {} : ((await attempt('Losses', () => sitting.losses(by, tuned))) ?? {});
  // Raw text has no questions: its perplexity is compared with that of general text.
  const pairs =
    tuned && !isPart
      ? await attempt('Pairs', () => pairsIn(sitting, tuned, sample, { onProgress, signal }))
      : undefined;
  const general =
    sitting.asked.length === 0 && !signal.aborted
      ? await attempt('General text', () => generalOf(open, tuned))
      : undefined;
  return {
    origin,
    draw: sitting.drawOf(rows),
    ...(seen && !(isPart && isAmongAsked(seen)) && { seen }),
    rows: sitting.asked.slice(0, rows).map(({ question: { prompt, expected, task } }, at) => ({
      prompt,
      expected,
      ...(task !== undefined && { task }),
      base: base.answers[at],
      tuned: byTuned.answers[at],
    })),
    ...losses,
    ...(general && { general }),
    exact: {
      base: sitting.exact(base.answers.slice(0, rows)),
      tuned: sitting.exact(byTuned.answers.slice(0, rows)),
    },
    ...(rewards && { rewards: { ...rewards, ...(chosen && { chosen }) } }),
    ...(pairs && { pairs }),
    rules: rules.map(({ rule, answered: of }) => {
      const answers = of.answers.slice(0, rows);
      return ruleReport(rule, { ...of, answers }, sitting.exact(answers));
    }),
    ...(failed.length > 0 && { failed }),
  };
}

/** How likely both answers of pairs are; undefined for other rows, and where it was stopped: the answers are kept. */
async function pairsIn(
  sitting: Sitting,
  tuned: TunedAnswerer,
  sample: Sample,
  watch: Pick<EvaluationRequest, 'onProgress' | 'signal'>,
): Promise<Evaluation['pairs']> {
  try {
    return watch.signal.aborted ? undefined : await comparedPairs(sitting, tuned, sample, watch);
  } catch (error) {
    if (watch.signal.aborted) return undefined;
    throw error;
  }
}

/** What rewards give the answers of the base model and of what was tuned. */
async function rewardsIn(
  specs: readonly RewardSpec[],
  { open, asked }: Sitting,
  answered: readonly (readonly string[])[],
): Promise<Evaluation['rewards']> {
  const [base, tuned] = await rewardAnswers(specs, open, asked, answered);
  return {
    ...{ base: base.totals, tuned: tuned.totals, passMark: passMarkOf(specs) },
    each: rewardNames(specs).map((name, at) => ({
      name,
      weight: specs[at].weight ?? 1,
      passMark: passMarkOf([{ ...specs[at], weight: 1 }]),
      base: base.each[at],
      tuned: tuned.each[at],
    })),
  };
}

/** @throws GraftError `worker-no-held-out` where nothing can score the answers to prompts alone */
function checkPrompts(specs: readonly RewardSpec[] | undefined): void {
  if (!specs)
    throw new GraftError(
      'worker-no-held-out',
      'The held-out rows are prompts without answers, which only rewards can score, and nothing here learned from any.',
      'Choose rewards to score them by, measure an adapter that learned from rewards, or open rows with answers.',
    );
  const why = answerProblem(specs);
  if (why !== undefined)
    throw new GraftError('worker-no-held-out', why, 'Choose rewards that need no wanted answer.');
}

interface Subject {
  readonly by: By;
  /** Missing for the base alone. */
  readonly tuned: TunedAnswerer | undefined;
  readonly origin: Origin;
  readonly training: TrainedOn | undefined;
}

async function subjectOf(
  session: Session,
  open: OpenModel,
  data: DataSet,
  of: EvaluationRequest['adapter'],
): Promise<Subject> {
  if (typeof of === 'object' && 'model' in of) {
    const { model, origin: adapter, trainedOn: training } = of;
    return {
      ...{ by: 'model', tuned: { model }, training },
      origin: { ...(await originOf(session, open, 'base', data)), adapter },
    };
  }
  const adapter = await session.adapter(of, open);
  return {
    by: 'adapter',
    tuned: adapter && { adapter },
    origin: await originOf(session, open, of, data),
    training: await trainedOn(session, of),
  };
}

/** The losses on general text. @throws GraftError `worker-fetch` */
async function generalOf(open: OpenModel, tuned: TunedAnswerer | undefined): Promise<Evaluation['general']> {
  const { generalLoss } = await import('./general-text.ts');
  const base = await generalLoss(open, open.model, undefined);
  const { model, adapter } = { model: open.model, adapter: undefined, ...tuned };
  return { base, tuned: tuned ? await generalLoss(open, model, adapter) : base };
}

/** The rows that training saw were counted among all planned rows. */
const isAmongAsked = (seen: Seen): boolean => typeof seen === 'object' && seen.asked > 0;

/** A constant answer is stored once. */
function ruleReport({ name }: Method, { answers, detail }: Answered, exact: Share): RuleReport {
  return { rule: name, ...(detail?.answer === undefined ? { answers } : detail), exact };
}

/**
 * The same questions as in `evaluate`, so that the two can be compared: to the base model with examples, and to an adapter.
 *
 * @throws GraftError `worker-no-model`, `worker-no-data`, `worker-no-held-out`, `evaluate-shots`, `worker-aborted` where no row was answered
 */
export async function measureFewShot(
  session: Session,
  { shots, sample, adapter, onProgress, signal }: FewShotRequest,
): Promise<FewShotReport> {
  const sitting = await prepare(session, sample, onProgress, signal, shots);
  const { open, data } = sitting;
  if (pairsOf(data, 'test', isChat(open)).length === 0) {
    throw new GraftError(
      'worker-no-held-out',
      `${data.name} has no held-out rows that ask for something.`,
      'Split a test part off, or give a file of its own.',
    );
  }
  // A missing adapter is reported before anything is asked.
  await session.adapter(adapter, open);
  let answeredAt = performance.now();
  const start = answeredAt;
  const answered = await sitting.answer(fewShot, 'examples', {
    test: sitting.part,
    onAnswer: () => (answeredAt = performance.now()),
  });
  const { answers, loss, detail: { shots: chosen = [], promptTokens = 0 } = {} } = answered;
  if (signal.aborted && answers.length === 0) throw stopped();
  const seconds = (answeredAt - start) / 1000;
  const { rewards: asked } = sample;
  const tuned = signal.aborted ? undefined : await tunedBehind(session, sitting, adapter, answers, asked);
  const alone = asked && !tuned ? await rewardAnswers(asked, open, sitting.asked, [answers]) : [];
  return {
    origin: await originOf(session, open, 'base', data),
    ...(alone.length > 0 && { rewards: alone[0].totals }),
    ...tuned,
    ...(asked && { chosen: asked }),
    draw: sitting.drawOf(answers.length),
    shots: chosen,
    rows: sitting.asked.slice(0, answers.length).map(({ question: { prompt, expected } }, at) => ({
      prompt,
      expected,
      answer: answers[at],
    })),
    exact: sitting.exact(answers),
    ...(loss && { loss }),
    promptTokens,
    seconds,
  };
}

/** The adapter behind the same examples, with what its rewards give both; undefined where it is stopped, or none is asked for. */
async function tunedBehind(
  session: Session,
  sitting: Sitting,
  choice: AdapterChoice,
  ofBase: readonly string[],
  chosen: readonly RewardSpec[] | undefined,
): Promise<Pick<FewShotReport, 'tuned' | 'rewards'> | undefined> {
  const { open, data, part, asked } = sitting;
  const tuned = await session.adapter(choice, open);
  const { adapter } = await originOf(session, open, choice, data);
  if (!tuned || !adapter) return undefined;
  const { answers, loss } = await sitting.answer(adapterFewShot, 'adapter', { adapter: tuned, test: part });
  // Stopped in between, only the base model's answers are to all of the rows.
  if (answers.length < ofBase.length) return undefined;
  const specs = chosen ?? (await rewardsOf(await trainedOn(session, choice)));
  const [rewards, own] = specs ? await rewardAnswers(specs, open, asked, [ofBase, answers]) : [];
  return {
    ...(rewards && { rewards: rewards.totals }),
    tuned: {
      ...{ adapter, answers, exact: sitting.exact(answers) },
      ...(loss && { loss }),
      ...(own && { rewards: own.totals }),
    },
  };
}
