/** The rows that a measurement asks, drawn once for all methods, and how each model reads them: a plan of the one runner. */
import type { Adapter } from '../../adapters/adapter.ts';
import { addedTokens } from '../../adapters/tokens/tokens.ts';
import type { Question } from '../../data/questions.ts';
import { placesOf, rowsOf, type RowSet } from '../../data/row-set.ts';
import { originOfRow } from '../../data/row-columns.ts';
import { chosenFrom, withChoices } from '../../evaluate/choices.ts';
import { drawQuestions, type Drawn } from '../../evaluate/draw.ts';
import { OpenEvalModel, type EvalProgress, type KnownModel } from '../../evaluate/open-eval-model.ts';
import {
  lossPart,
  pairsOf,
  promptPairsOf,
  type LossOf,
  type LossPart,
  type PlacedPair,
} from '../../evaluate/loss-part.ts';
import type {
  AskedQuestion,
  EncoderPort,
  ExampleChoice,
  Method,
  Demonstration,
  PassagePort,
} from '../../evaluate/methods/method.ts';
import { drawPairs, pairRowsOf } from '../../evaluate/pairs.ts';
import type { ChoiceSource, Evaluation, Item, Made, Subject } from '../../evaluate/record.ts';
import {
  evaluateWhole,
  type EvaluationPlan,
  type OpenSubject,
  type SubjectPlan,
} from '../../evaluate/run-evaluation.ts';
import { chosenScorers, openRewardScorer } from '../../evaluate/score-answers.ts';
import { itemOf, itemsOf, spread, type List } from '../../lists.ts';
import type { LabelledTokens } from '../../model/batch.ts';
import type { LanguageModel } from '../../model/language-model.ts';
import { scorersWith, type ScorerChoice } from '../../scorers/chosen.ts';
import type { RewardSpec } from '../../scorers/scorer-spec.ts';
import type { NewTokens } from '../../text/added-tokens.ts';
import type { Progress } from '../api.ts';
import type { OpenModel } from '../models/model.ts';
import { modelWith } from '../runs/new-tokens.ts';
import { startSandboxWorker } from './sandbox.ts';
import { Slices } from '../slices.ts';

/** The seed for rows whose split is unknown: those that a run kept for itself. */
const DEFAULT_SEED = 42;

export type By = NonNullable<Progress['by']>;
/** The model that answers next to the base: the open model with an adapter, or another model. */
export type TunedAnswerer = { readonly adapter: Adapter } | { readonly model: LanguageModel };

export interface EvalWatch {
  readonly onProgress: (progress: Progress) => void;
  readonly signal: AbortSignal;
}

interface Sample {
  readonly rows: number;
  readonly lossOf: LossOf;
  /** Examples before each question. */
  readonly shots?: number;
  /** Rewards that score the answers. */
  readonly rewards?: readonly RewardSpec[] | undefined;
  /** Scorers in addition to the usual ones. */
  readonly scorers?: readonly ScorerChoice[] | undefined;
  readonly examples?: ExampleChoice | undefined;
  /** Finds examples that are similar by meaning. */
  readonly encoder?: EncoderPort | undefined;
  /** What instructed methods say, made of the answers of the training rows. */
  readonly instruction?: ((answers: readonly string[]) => string) | undefined;
  /** Finds passages for methods with some. */
  readonly passages?: PassagePort | undefined;
  /** One of the drawn rows alone. */
  readonly only?: number | undefined;
  /** What answers are chosen from by likelihood. */
  readonly choices?: ChoiceSource | undefined;
}

/** The rows of a measurement. */
export interface EvalSession<Rows extends RowSet = RowSet> {
  readonly open: OpenModel;
  readonly data: Rows;
  readonly drawn: Drawn;
  /** Whether the rows are prompts without an answer: nothing is exact, and there is no loss. */
  readonly isPrompts: boolean;
  readonly items: readonly Item[];
  /** The rows of the loss. */
  readonly part: LossPart;
  /** How many pairs of answers they have. */
  readonly pairs: number;
  readonly slices: Slices;
  /** A method that asks the base model, or what was tuned. @param more what else is measured of it */
  subject(
    method: Method,
    facts: Omit<Subject, 'method' | 'label'> & { readonly label?: string },
    by: By,
    tuned?: () => Promise<TunedAnswerer | undefined>,
    more?: Pick<OpenSubject, 'general' | 'forgetting'> & { readonly known?: KnownModel },
  ): SubjectPlan;
  run(
    made: Made,
    subjects: readonly SubjectPlan[],
    measures?: EvaluationPlan['measures'],
  ): Promise<{ readonly record: Evaluation; readonly failures: readonly Failure[] }>;
}

interface Failure {
  readonly subject: Subject;
  readonly error: unknown;
  /** Missing if the whole subject failed. */
  readonly part: string | undefined;
}

/** The rows as an adapter with new tokens reads them. */
type Grow<Rows extends RowSet> = (data: Rows, own: OpenModel, added: NewTokens) => Promise<Rows>;

/**
 * Draws the rows that are asked.
 *
 * @param isScorable whether rewards may score prompts without an answer
 * @throws GraftError `choices` for rows that have none
 */
export function evalSessionOf<Rows extends RowSet>(
  open: OpenModel,
  data: Rows,
  sample: Sample,
  { onProgress, signal }: EvalWatch,
  { grow, isScorable = true }: { readonly grow: Grow<Rows>; readonly isScorable?: boolean },
): EvalSession<Rows> {
  const { rows, lossOf, shots = 0, rewards, scorers = [], choices, only } = sample;
  const { examples, encoder, instruction, passages } = sample;
  const chat = isChat(open);
  const template = open.tokenizer.chatTemplate ?? false;
  const seed = data.options?.seed ?? DEFAULT_SEED;
  const prompts = isScorable && data.questions.length === 0 ? promptsOf(data, chat) : [];
  const isPrompts = prompts.length > 0;
  const questions: List<Question> = isPrompts ? prompts.map(({ question }) => question) : data.questions;
  const found = drawQuestions(questions, { rows, seed }, open.tokenizer, open.info.maxPositions);
  const places = placesOf(data, 'test');
  const chosen =
    only === undefined || found.chosen.length === 0
      ? found.chosen
      : [found.chosen[only % found.chosen.length]];
  const drawn = { ...found, chosen, draw: { ...found.draw, test: places.length } };
  const partOf = (of: Rows): LossPart =>
    lossPart(of, isPrompts ? prompts : pairsOf(of, 'test', template), drawn, { rows, lossOf });
  /** Pairs among the drawn rows; answers with labels find each other among all of the test rows. */
  const pairsIn = (of: Rows, part: LossPart): readonly LabelledTokens[] =>
    part.rows.some(({ desirable }) => desirable !== undefined)
      ? drawPairs(pairRowsOf([...itemsOf(rowsOf(of, 'test'))]), { rows, seed })
      : pairRowsOf(part.rows);
  const asking = isPrompts ? prompts : pairsOf(data, 'test', template);
  const part = partOf(data);
  const pairs = isPrompts ? [] : pairsIn(data, part);
  const asked = withChoices(
    drawn.chosen.map((at): AskedQuestion => ({
      question: itemOf(questions, at),
      example: asking.at(at)?.example,
    })),
    choices ? questionsIn(pairsOf(data, 'train', template), questions) : [],
    choices,
  );
  const chosenAs = choices && chosenFrom(choices, asked);
  const groupedBy = data.options?.fair?.group;
  const items = drawn.chosen.map((at, place): Item => {
    const { prompt, expected, task, choices: own } = asked[place].question;
    // A run that is resumed after a reload has rows without their examples.
    const pair = asking.at(at);
    return {
      ...(pair && { row: places.indexOf(pair.place), line: pair.example.line }),
      ...{ prompt, expected },
      ...(task !== undefined && { task }),
      ...originOfRow(pair?.example, groupedBy),
      ...(own && !chosenAs?.texts && { choices: own.texts }),
    };
  });
  const slices = new Slices(onProgress, signal);

  const openSubject = async (
    by: By,
    tuned: TunedAnswerer | undefined,
    { known, ...more }: Parameters<EvalSession['subject']>[4] & object,
  ): Promise<OpenSubject> => {
    const adapter = tuned && 'adapter' in tuned ? tuned.adapter : undefined;
    const model = tuned && 'model' in tuned ? tuned.model : open.model;
    const added = adapter && addedTokens(adapter.modules);
    const own = await modelWith(open, added);
    // An adapter with new tokens reads the rows with them.
    const readRows = (): Rows | Promise<Rows> => (added ? grow(data, own, added) : data);
    return {
      model: new OpenEvalModel(
        { name: open.info.name, model, tokenizer: own.tokenizer },
        {
          ...(adapter && { adapter }),
          ...(known && { known }),
          newTokens: drawn.newTokens,
          // No token of a prompt alone is to be learned.
          ...(!isPrompts && {
            test: async () => (added ? partOf(await readRows()) : part),
            async pairs() {
              if (!added) return pairs;
              const read = await readRows();
              return pairsIn(read, partOf(read));
            },
          }),
          onProgress: (step: EvalProgress) => onProgress({ ...step, by }),
          pause: (step) => (slices.due ? slices.pause({ ...step, by }) : undefined),
        },
      ),
      isLost: () => open.model.device.failure !== undefined,
      ...more,
      ...(adapter && readsOtherText(data, adapter) && { facts: { otherText: true as const } }),
    };
  };
  return {
    ...{ open, data, drawn, isPrompts, items, part, slices },
    pairs: pairs.length,
    subject: (method, { label = method.title, ...facts }, by, tuned, more = {}) => ({
      method,
      subject: { method: method.name, label, ...facts },
      open: async () => openSubject(by, await tuned?.(), more),
    }),
    async run(made, subjects, measures) {
      const scorer =
        rewards &&
        (await openRewardScorer(rewards, open.tokenizer, {
          where: 'The rewards',
          startSandbox: startSandboxWorker,
        }));
      const named = chosenScorers(
        scorersWith(scorers).filter(({ usual }) => !usual),
        open.tokenizer,
        { isPrompts, startSandbox: startSandboxWorker },
      );
      const train = pairsOf(data, 'train', template);
      const failures: Failure[] = [];
      const start = performance.now();
      try {
        const record = await evaluateWhole(
          {
            made: {
              ...{ ...made, draw: drawn.draw, newTokens: drawn.newTokens },
              ...(groupedBy !== undefined && { groupedBy }),
              ...(chosenAs && { choices: chosenAs }),
            },
            ...{ items, asked, subjects, isPrompts, shots, seed, examples, encoder, rewards: scorer },
            ...{ chosen: named, train, passages },
            ...(instruction && { instruction: instruction(answersOf(train, asked)) }),
            each: (of, work) => slices.each('comparing', of, work),
            ...(measures && { measures }),
          },
          {
            signal,
            failed: ({ subject }, error, part) => failures.push({ subject, error, part }),
          },
        );
        const seconds = (performance.now() - start) / 1000;
        return { record: { ...record, made: { ...record.made, seconds } }, failures };
      } finally {
        scorer?.rewards.close();
      }
    },
  };
}

/** The questions of training, then those of the test part, each time that they are asked for. */
const questionsIn = (train: List<Demonstration>, test: List<Question>): Iterable<Question> => ({
  *[Symbol.iterator]() {
    for (const { question } of itemsOf(train)) yield question;
    yield* itemsOf(test);
  },
});

/** Whether an adapter reads texts with new tokens: then they are divided into other rows. */
const readsOtherText = ({ files }: RowSet, { modules }: Adapter): boolean =>
  addedTokens(modules) !== undefined && (files?.some((file) => file?.documents) ?? false);

/** Answers of which an instruction is made, at most: they show whether answers are labels. */
export const MOST_ANSWERS = 20_000;

/** The reference answers of training; those of the asked rows if there is no training row. */
const answersOf = (train: List<Demonstration>, asked: readonly AskedQuestion[]): string[] =>
  (train.length > 0 ? spread(train, MOST_ANSWERS) : asked).map(({ question }) => question.expected);

/** The same questions each time, so that their answers are known. */
const knownPrompts = new WeakMap<RowSet['places'], PlacedPair[]>();

function promptsOf(data: RowSet, chat: boolean): PlacedPair[] {
  const known = knownPrompts.get(data.places) ?? promptPairsOf(data, chat);
  knownPrompts.set(data.places, known);
  return known;
}

const isChat = ({ tokenizer }: OpenModel): boolean => tokenizer.chatTemplate !== undefined;
