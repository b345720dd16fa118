/** Methods on held-out rows of the open data: the base against an adapter, and the base with examples in its prompt. */
import { questionsOf } from '../data/questions.ts';
import { GraftError } from '../errors.ts';
import type { Share } from '../evaluate/comparison.ts';
import { drawQuestions, type Drawn } from '../evaluate/draw.ts';
import { ModelExaminee, type ExamineeOptions, type ExamStep } from '../evaluate/examinee.ts';
import { adapter as adapterMethod } from '../evaluate/methods/adapter.ts';
import { base as baseMethod } from '../evaluate/methods/base.ts';
import { fewShot } from '../evaluate/methods/few-shot.ts';
import type { Answered, Asked, Examinee, Method, Pair } from '../evaluate/methods/method.ts';
import { RULES } from '../evaluate/methods/registry.ts';
import { exactMatch } from '../evaluate/metrics/exact-match.ts';
import { answerScores } from '../evaluate/metrics/scores.ts';
import type { AdapterChoice, Evaluation, FewShotReport, Progress, RuleReport } from './api.ts';
import { rowsOf, type DataSet, type Place } from './data.ts';
import type { OpenModel } from './model.ts';
import { originOf } from './origin.ts';
import type { Session } from './session.ts';
import { Slices } from './slices.ts';
import { seenRows, trainedOn } from './trained-on.ts';

/** The seed for rows whose split is unknown: those that a run kept for itself. */
const DEFAULT_SEED = 42;

export interface EvaluationRequest {
  readonly adapter: AdapterChoice;
  readonly rows: number;
  readonly onProgress: (progress: Progress) => void;
  readonly signal: AbortSignal;
}

export interface FewShotRequest {
  readonly shots: number;
  readonly rows: number;
  readonly onProgress: (progress: Progress) => void;
  readonly signal: AbortSignal;
}

/** @throws GraftError `worker-no-model`, `worker-no-data`, `worker-no-held-out`, `worker-no-adapter`, `worker-aborted` */
export async function evaluate(
  session: Session,
  { adapter, rows, onProgress, signal }: EvaluationRequest,
): Promise<Evaluation> {
  const sitting = await prepare(session, rows, onProgress, signal);
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
  const base = await sitting.answer(baseMethod, 'base');
  const byTuned = tuned ? await sitting.answer(adapterMethod, 'adapter', { adapter: tuned }) : base;
  const rules: RuleReport[] = [];
  for (const rule of RULES) {
    const answered = await sitting.rule(rule);
    if (answered) rules.push(ruleReport(rule, answered, sitting.exact(answered)));
  }
  return {
    origin,
    draw: drawn.draw,
    ...(seen && { seen }),
    rows: sitting.asked.map(({ question: { prompt, expected } }, at) => ({
      prompt,
      expected,
      base: base.answers[at],
      tuned: byTuned.answers[at],
    })),
    base: base.loss!,
    tuned: byTuned.loss!,
    exact: { base: sitting.exact(base), tuned: sitting.exact(byTuned) },
    rules,
  };
}

/** An answer that is always the same is kept once. */
function ruleReport({ name }: Method, { answers, detail }: Answered, exact: Share): RuleReport {
  return { rule: name, ...(detail?.answer === undefined ? { answers } : detail), exact };
}

/**
 * The same questions as `evaluate` asks, so that the two compare.
 *
 * @throws GraftError `worker-no-model`, `worker-no-data`, `worker-no-held-out`, `evaluate-shots`, `worker-aborted`
 */
export async function measureFewShot(
  session: Session,
  { shots, rows, onProgress, signal }: FewShotRequest,
): Promise<FewShotReport> {
  const sitting = await prepare(session, rows, onProgress, signal, shots);
  const { open, data, drawn } = sitting;
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
    onAnswer: () => (answeredAt = performance.now()),
  });
  const { answers, loss, detail: { shots: chosen = [], promptTokens = 0 } = {} } = answered;
  return {
    origin: await originOf(session, open, 'base', data),
    draw: drawn.draw,
    shots: chosen,
    rows: sitting.asked.map(({ question: { prompt, expected } }, at) => ({
      prompt,
      expected,
      answer: answers[at],
    })),
    exact: sitting.exact(answered),
    ...(loss && { loss }),
    promptTokens,
    seconds: (answeredAt - start) / 1000,
  };
}

type By = NonNullable<Progress['by']>;
type Extra = Pick<ExamineeOptions, 'adapter' | 'onAnswer'>;

interface Sitting {
  readonly open: OpenModel;
  readonly data: DataSet;
  readonly drawn: Drawn;
  readonly asked: readonly Asked[];
  readonly slices: Slices;
  answer(method: Method, by: By, extra?: Extra): Promise<Answered>;
  rule(method: Method): Promise<Answered | undefined>;
  exact(answered: Answered): Share;
}

/** Draws the rows that are asked. @throws GraftError `worker-no-model`, `worker-no-data` */
async function prepare(
  session: Session,
  rows: number,
  onProgress: (progress: Progress) => void,
  signal: AbortSignal,
  shots = 0,
): Promise<Sitting> {
  const open = await session.model();
  const { data } = session;
  if (!data) throw new GraftError('worker-no-data', 'No data is open.', 'Open examples first.');
  const chat = isChat(open);
  const seed = data.options?.seed ?? DEFAULT_SEED;
  const drawn = drawQuestions(data.questions, { rows, seed }, open.tokenizer, open.info.maxPositions);
  const examples = pairsOf(data, 'test', chat).map(({ example }) => example);
  const asked = drawn.chosen.map((at): Asked => ({ question: data.questions[at], example: examples.at(at) }));
  const slices = new Slices(onProgress, signal);
  const examinee = (by: By, extra: Extra = {}): Examinee =>
    new ModelExaminee(
      { name: open.info.name, model: open.model, tokenizer: open.tokenizer },
      {
        ...extra,
        newTokens: drawn.newTokens,
        test: { rows: rowsOf(data, 'test'), examples: wholeExamples(data, examples.length) },
        ...(by === 'base' && { known: data.base }),
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
  const stoppable = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      if (!signal.aborted || error instanceof GraftError) throw error;
      throw new GraftError('worker-aborted', 'The evaluation was stopped.', 'Start it again when you like.');
    }
  };
  const answer = (method: Method, model: Examinee): Promise<Answered | undefined> =>
    stoppable(method.answer({ ...exam, model }));
  return {
    open,
    data,
    drawn,
    asked,
    slices,
    // A model always answers.
    answer: async (method, by, extra) => (await answer(method, examinee(by, extra)))!,
    rule: (method) => answer(method, examinee('base')),
    exact({ answers }) {
      const expected = asked.map(({ question }) => question.expected);
      return exactMatch.aggregate(answerScores(exactMatch, expected, answers).map((score) => score ?? 0))
        .share;
    },
  };
}

const isChat = ({ tokenizer }: OpenModel): boolean => tokenizer.chatTemplate !== undefined;

/** Examples that ask for something, each with its question. */
function pairsOf({ places }: DataSet, part: Place['part'], chat: boolean): Pair[] {
  return places.flatMap(({ part: of, example }): Pair[] => {
    if (of !== part || !example) return [];
    return questionsOf([example], chat).map((question) => ({ example, question }));
  });
}

/** The examples of all test rows; undefined where some ask for nothing, or are cut. @param asking how many ask for something */
function wholeExamples({ places }: DataSet, asking: number): Pair['example'][] | undefined {
  const test = places.filter(({ part }) => part === 'test');
  if (test.length !== asking || test.some(({ state }) => state !== 'ok')) return undefined;
  return test.flatMap(({ example }) => example ?? []);
}
