/** Methods on held-out rows of the open data: the base against an adapter, and the base with examples in its prompt. */
import { GraftError } from '../errors.ts';
import { plural } from '../numbers.ts';
import type { Draw, LossReport, Seen, Share } from '../evaluate/comparison.ts';
import { drawQuestions, type Drawn } from '../evaluate/draw.ts';
import { ModelExaminee, type ExamineeOptions, type ExamStep } from '../evaluate/examinee.ts';
import { adapter as adapterMethod } from '../evaluate/methods/adapter.ts';
import { base as baseMethod } from '../evaluate/methods/base.ts';
import { fewShot } from '../evaluate/methods/few-shot.ts';
import type { Answered, AskedQuestion, Method } from '../evaluate/methods/method.ts';
import { RULES } from '../evaluate/methods/registry.ts';
import { exactMatch } from '../evaluate/metrics/exact-match.ts';
import { answerScores } from '../evaluate/metrics/scores.ts';
import type { Adapter } from '../adapters/adapter.ts';
import type { AdapterChoice, Evaluation, FewShotReport, Progress, RuleReport, Sample } from './api.ts';
import { rowsOf, type DataSet } from './data.ts';
import { lossPart, pairsOf, type LossPart } from '../evaluate/loss-part.ts';
import type { OpenModel } from './model.ts';
import { originOf } from './origin.ts';
import type { Session } from './session.ts';
import { Slices } from './slices.ts';
import { seenRows, trainedOn } from './trained-on.ts';

/** The seed for rows whose split is unknown: those that a run kept for itself. */
const DEFAULT_SEED = 42;

export interface EvaluationRequest {
  readonly adapter: AdapterChoice;
  readonly sample: Sample;
  readonly onProgress: (progress: Progress) => void;
  readonly signal: AbortSignal;
}

export interface FewShotRequest {
  readonly shots: number;
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
  const tuned = await session.adapter(adapter, open);
  const origin = await originOf(session, open, adapter, data);
  const training = await trainedOn(session, adapter);
  const seen = training && (await seenRows(training, data, drawn.chosen, open, slices));
  const rules: { rule: Method; answered: Answered }[] = [];
  for (const rule of RULES) {
    const answered = await sitting.apply(rule);
    if (answered) rules.push({ rule, answered });
  }
  const base = await sitting.answer(baseMethod, 'base', { known: data.base });
  const byTuned = tuned ? await sitting.answer(adapterMethod, 'adapter', { adapter: tuned }) : base;
  // Rows are answered in their order: those that both answered are a smaller sample.
  const rows = Math.min(base.answers.length, byTuned.answers.length);
  if (signal.aborted && rows === 0) throw stopped(tuned ? base.answers.length : 0);
  const isPart = rows < sitting.asked.length;
  const losses = isPart ? {} : await sitting.losses(tuned);
  // Raw text has no questions: its perplexity stands beside that of general text.
  const general = data.questions.length === 0 && !signal.aborted ? await generalOf(open, tuned) : undefined;
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
    rules: rules.map(({ rule, answered }) => {
      const answers = answered.answers.slice(0, rows);
      return ruleReport(rule, { ...answered, answers }, sitting.exact(answers));
    }),
  };
}

/** The losses on general text. @throws GraftError `worker-fetch` */
async function generalOf(open: OpenModel, tuned: Adapter | undefined): Promise<Evaluation['general']> {
  const { generalLoss } = await import('./general-text.ts');
  const base = await generalLoss(open, open.model, undefined);
  return { base, tuned: tuned ? await generalLoss(open, open.model, tuned) : base };
}

/** The rows that training saw were counted among all planned rows. */
const isAmongAsked = (seen: Seen): boolean => typeof seen === 'object' && seen.asked > 0;

/** An answer that is always the same is kept once. */
function ruleReport({ name }: Method, { answers, detail }: Answered, exact: Share): RuleReport {
  return { rule: name, ...(detail?.answer === undefined ? { answers } : detail), exact };
}

/**
 * The same questions as in `evaluate`, so that the two can be compared.
 *
 * @throws GraftError `worker-no-model`, `worker-no-data`, `worker-no-held-out`, `evaluate-shots`, `worker-aborted` where no row was answered
 */
export async function measureFewShot(
  session: Session,
  { shots, sample, onProgress, signal }: FewShotRequest,
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
  let answeredAt = performance.now();
  const start = answeredAt;
  const answered = await sitting.answer(fewShot, 'examples', {
    test: sitting.part,
    onAnswer: () => (answeredAt = performance.now()),
  });
  const { answers, loss, detail: { shots: chosen = [], promptTokens = 0 } = {} } = answered;
  if (signal.aborted && answers.length === 0) throw stopped();
  return {
    origin: await originOf(session, open, 'base', data),
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
    seconds: (answeredAt - start) / 1000,
  };
}

type By = NonNullable<Progress['by']>;
type Extra = Pick<ExamineeOptions, 'adapter' | 'known' | 'onAnswer' | 'test'>;

interface Sitting {
  readonly open: OpenModel;
  readonly data: DataSet;
  readonly drawn: Drawn;
  readonly asked: readonly AskedQuestion[];
  readonly part: LossPart;
  readonly slices: Slices;
  /** The draw of the first `rows` of the rows that were drawn. */
  drawOf(rows: number): Draw;
  /** A rule may be impossible on these rows. @throws GraftError `worker-aborted` */
  apply(rule: Method): Promise<Answered | undefined>;
  /** A model's answers; only those to the first rows if it is stopped. @throws GraftError `worker-aborted` */
  answer(method: Method, by: By, extra: Extra): Promise<Answered>;
  losses(adapter: Adapter | undefined): Promise<Pick<Evaluation, 'base' | 'tuned'>>;
  /** @param answers to the first rows */
  exact(answers: readonly string[]): Share;
}

/** @param ofBase answers of the base model that are kept for the next measurement */
const stopped = (ofBase = 0): GraftError =>
  new GraftError(
    'worker-aborted',
    'The measurement was stopped before a row was answered.',
    ofBase > 0
      ? `The base model answered ${plural(ofBase, 'row')}: they are kept until other rows or another model are opened, and are not asked again.`
      : 'Start it again when you like.',
  );

/** Draws the rows that are asked. @throws GraftError `worker-no-model`, `worker-no-data` */
async function prepare(
  session: Session,
  { rows, lossOf = 'asked' }: Sample,
  onProgress: (progress: Progress) => void,
  signal: AbortSignal,
  shots = 0,
): Promise<Sitting> {
  const open = await session.model();
  const { data } = session;
  if (!data) throw new GraftError('worker-no-data', 'No data is open.', 'Open examples first.');
  const chat = isChat(open);
  const seed = data.options?.seed ?? DEFAULT_SEED;
  const test = rowsOf(data, 'test').length;
  const draw = (many: number): Drawn => {
    const drawn = drawQuestions(data.questions, { rows: many, seed }, open.tokenizer, open.info.maxPositions);
    return { ...drawn, draw: { ...drawn.draw, test } };
  };
  const drawn = draw(rows);
  const pairs = pairsOf(data, 'test', chat);
  const part = lossPart(data, pairs, drawn, { rows, lossOf });
  const asked = drawn.chosen.map((at): AskedQuestion => ({
    question: data.questions[at],
    example: pairs.at(at)?.example,
  }));
  const slices = new Slices(onProgress, signal);
  const examinee = (by: By, extra: Extra = {}): ModelExaminee =>
    new ModelExaminee(
      { name: open.info.name, model: open.model, tokenizer: open.tokenizer },
      {
        ...extra,
        newTokens: drawn.newTokens,
        onProgress: (step: ExamStep) => onProgress({ ...step, by }),
        signal,
        pause: (step) => (slices.due ? slices.pause({ ...step, by }) : undefined),
      },
    );
  const exam = {
    train: pairsOf(data, 'train', chat),
    asked,
    shots,
    seed,
    each: <Item>(items: readonly Item[], work: (item: Item) => void) => slices.each('comparing', items, work),
  };
  const lossOfBase = async (): Promise<LossReport | undefined> => {
    const known = data.base.losses.get(part.key) ?? (await examinee('base', { test: part }).loss());
    if (known) data.base.losses.set(part.key, known);
    return known;
  };
  const stoppable = async <Result>(work: Promise<Result>): Promise<Result> => {
    try {
      return await work;
    } catch (error) {
      throw signal.aborted && !open.model.device.failure ? stopped() : error;
    }
  };
  return {
    open,
    data,
    drawn,
    asked,
    part,
    slices,
    drawOf: (many) =>
      many === drawn.chosen.length ? drawn.draw : { ...draw(many).draw, planned: drawn.chosen.length },
    apply: (rule) => stoppable(rule.answer({ ...exam, model: examinee('base') })),
    // A model always answers.
    answer: async (method, by, extra) =>
      (await stoppable(method.answer({ ...exam, model: examinee(by, extra) })))!,
    async losses(adapter) {
      const base = await lossOfBase();
      const tuned = adapter ? await examinee('adapter', { adapter, test: part }).loss() : base;
      return { ...(base && { base }), ...(tuned && { tuned }) };
    },
    exact(answers) {
      const expected = asked.slice(0, answers.length).map(({ question }) => question.expected);
      return exactMatch.aggregate(answerScores(exactMatch, expected, answers).map((score) => score ?? 0))
        .share;
    },
  };
}

const isChat = ({ tokenizer }: OpenModel): boolean => tokenizer.chatTemplate !== undefined;
