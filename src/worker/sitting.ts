/** The rows that a measurement asks, and the ways to answer them: drawn once for all methods, so that they compare. */
import { GraftError } from '../errors.ts';
import { plural } from '../numbers.ts';
import type { Draw, LossReport, Share } from '../evaluate/comparison.ts';
import { drawQuestions, type Drawn } from '../evaluate/draw.ts';
import { ModelExaminee, type ExamineeOptions, type ExamStep } from '../evaluate/examinee.ts';
import { lossPart, pairsOf, promptPairsOf, type LossPart, type PlacedPair } from '../evaluate/loss-part.ts';
import type { Answered, AskedQuestion, Method } from '../evaluate/methods/method.ts';
import { exactMatch } from '../evaluate/metrics/exact-match.ts';
import { answerScores } from '../evaluate/metrics/scores.ts';
import type { Adapter } from '../adapters/adapter.ts';
import { addedTokens } from '../adapters/tokens/tokens.ts';
import type { LanguageModel } from '../model/language-model.ts';
import type { Evaluation, Progress, Sample } from './api.ts';
import { rowsOf, type DataSet } from './data.ts';
import type { OpenModel } from './model.ts';
import { modelOfAdapter, modelWith, rowsWith } from './new-tokens.ts';
import type { Session } from './session.ts';
import { Slices } from './slices.ts';

/** The seed for rows whose split is unknown: those that a run kept for itself. */
const DEFAULT_SEED = 42;

export type By = NonNullable<Progress['by']>;
type Extra = Pick<ExamineeOptions, 'adapter' | 'known' | 'onAnswer' | 'test'> & {
  /** In place of the open one. */
  readonly model?: LanguageModel;
};
/** The model that answers beside the base: the open model with an adapter, or another model. */
export type TunedAnswerer = { readonly adapter: Adapter } | { readonly model: LanguageModel };

export interface Sitting {
  readonly open: OpenModel;
  readonly data: DataSet;
  readonly drawn: Drawn;
  readonly asked: readonly AskedQuestion[];
  readonly part: LossPart;
  /** Whether the rows are prompts without an answer: nothing is exact, and there is no loss. */
  readonly isPrompts: boolean;
  readonly slices: Slices;
  /** The first `rows` of the drawn rows. */
  drawOf(rows: number): Draw;
  /** A rule may be impossible on these rows. @throws GraftError `worker-aborted` */
  apply(rule: Method): Promise<Answered | undefined>;
  /** A model's answers; only those to the first rows if it is stopped. @throws GraftError `worker-aborted` */
  answer(method: Method, by: By, extra: Extra): Promise<Answered>;
  losses(by: By, tuned: TunedAnswerer | undefined): Promise<Pick<Evaluation, 'base' | 'tuned' | 'otherText'>>;
  /** @param answers to the first rows */
  exact(answers: readonly string[]): Share;
}

/** @param ofBase answers of the base model that are kept for the next measurement */
export const stopped = (ofBase = 0): GraftError =>
  new GraftError(
    'worker-aborted',
    'The measurement was stopped before a row was answered.',
    ofBase > 0
      ? `The base model answered ${plural(ofBase, 'row')}: they are kept until other rows or another model are opened, and are not asked again.`
      : 'Start it again when you like.',
  );

/** Draws the rows that are asked. @throws GraftError `worker-no-model`, `worker-no-data` */
export async function prepare(
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
  const prompts = data.questions.length === 0 ? promptsOf(data, chat) : [];
  const isPrompts = prompts.length > 0;
  const questions = isPrompts ? prompts.map(({ question }) => question) : data.questions;
  const draw = (many: number): Drawn => {
    const drawn = drawQuestions(questions, { rows: many, seed }, open.tokenizer, open.info.maxPositions);
    return { ...drawn, draw: { ...drawn.draw, test } };
  };
  const drawn = draw(rows);
  const pairs = isPrompts ? prompts : pairsOf(data, 'test', chat);
  const part = lossPart(data, pairs, drawn, { rows, lossOf });
  const asked = drawn.chosen.map((at): AskedQuestion => ({
    question: questions[at],
    example: pairs.at(at)?.example,
  }));
  const slices = new Slices(onProgress, signal);
  const examinee = (
    by: By,
    { model = open.model, ...extra }: Extra = {},
    { tokenizer } = open,
  ): ModelExaminee =>
    new ModelExaminee(
      { name: open.info.name, model, tokenizer },
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
  /** An adapter with new tokens reads the rows with them. */
  const lossOfAdapter = async (adapter: Adapter): Promise<LossReport | undefined> => {
    const added = addedTokens(adapter.modules);
    if (!added) return examinee('adapter', { adapter, test: part }).loss();
    const grown = await modelWith(open, added);
    const own = await rowsWith(data, grown, added);
    const test = lossPart(own, pairsOf(own, 'test', chat), drawn, { rows, lossOf });
    return examinee('adapter', { adapter, test }, grown).loss();
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
      (await stoppable(
        method.answer({ ...exam, model: examinee(by, extra, await modelOfAdapter(open, extra.adapter)) }),
      ))!,
    isPrompts,
    async losses(by, of) {
      // No token of a prompt alone is to be learned.
      if (isPrompts) return {};
      const base = await lossOfBase();
      const ofModel = (): Promise<LossReport | undefined> => examinee(by, { ...of, test: part }).loss();
      const tuned = of ? await ('adapter' in of ? lossOfAdapter(of.adapter) : ofModel()) : base;
      const readsOther = of !== undefined && 'adapter' in of && readsOtherText(data, of.adapter);
      return {
        ...(base && { base }),
        ...(tuned && { tuned }),
        ...(readsOther && { otherText: true as const }),
      };
    },
    exact(answers) {
      const expected = isPrompts
        ? []
        : asked.slice(0, answers.length).map(({ question }) => question.expected);
      return exactMatch.aggregate(answerScores(exactMatch, expected, answers).map((score) => score ?? 0))
        .share;
    },
  };
}

/** Whether an adapter reads texts with new tokens: then they are divided into other rows. */
export const readsOtherText = ({ files }: Pick<DataSet, 'files'>, { modules }: Adapter): boolean =>
  addedTokens(modules) !== undefined && (files?.some((file) => file?.documents) ?? false);

/** The same questions each time, so that their answers are known. */
const knownPrompts = new WeakMap<DataSet['places'], PlacedPair[]>();

function promptsOf(data: DataSet, chat: boolean): PlacedPair[] {
  const known = knownPrompts.get(data.places) ?? promptPairsOf(data, chat);
  knownPrompts.set(data.places, known);
  return known;
}

export const isChat = ({ tokenizer }: OpenModel): boolean => tokenizer.chatTemplate !== undefined;
