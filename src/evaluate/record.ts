/**
 * The record of an evaluation: items × subjects × scorers, with the evidence of each answer and how it was made. The page and the command write, store
 * and draw this one record. It is JSON; record-file.ts reads it from a file.
 */
import type { RewardSpec, ScorerSpec } from '../scorers/scorer-spec.ts';
import type { Forgetting } from './forgetting.ts';
import type { Detail } from './methods/method.ts';
import type { PairLikelihoods } from './pair-order.ts';
import type { RunTook } from './run-took.ts';
import type { TaskCard } from './task-card.ts';

export const FORMAT = 'graft-evaluation';
export const RECORD_VERSION = 1;

/** The loss of a model on rows that it was not trained on. */
export interface LossReport {
  /** Mean cross-entropy over the supervised tokens, in nats. */
  readonly loss: number;
  readonly perplexity: number;
  readonly supervisedTokens: number;
  /** Those that the model finds likeliest in their place; missing in results of earlier versions. */
  readonly rightTokens?: number;
  /** Missing in results of earlier versions: then all rows of the test part. */
  readonly rows?: number;
  /** In a mixture the same for each of its tasks, by name. */
  readonly tasks?: Readonly<Record<string, LossReport>>;
}

/** Rows of the asked part that are not asked: methods put them before each question, since no other rows are there as examples. */
export interface ReservedExamples {
  readonly examples: readonly Pick<Item, 'row' | 'line'>[];
  /** Further rows that are not asked, since an example has their prompt. */
  readonly copies: number;
}

/** How the rows that were asked were drawn from the test part. */
export interface Draw {
  readonly seed: number;
  /** Rows of the test part that have a question, without reserved ones. */
  readonly of: number;
  /** All rows of the test part, without reserved ones; missing in results of earlier versions. */
  readonly test?: number;
  /** Missing if none are reserved: examples are rows of training. */
  readonly reserved?: ReservedExamples;
  /** How many rows were to be asked, if the measurement was stopped before all of them were. */
  readonly planned?: number;
  /** Drawn rows that were skipped, since they leave no room for an answer. */
  readonly tooLong: number;
  /** Where answers are labels: how many labels were drawn, of how many, and how often the rarest and the most frequent one came up. */
  readonly labels?: {
    readonly drawn: number;
    readonly of: number;
    readonly least: number;
    readonly most: number;
  };
}

/** Exact matches, with their 95% interval. */
export interface Share {
  readonly count: number;
  readonly total: number;
  readonly interval: readonly [number, number];
}

/**
 * How many of the rows that were asked, and of all `of` of the test part, the adapter was trained on. Or why that is not known: it was
 * imported, it is from before the split was kept, the rows that it was trained on are not here any more, or it was given as a folder.
 */
export type Seen =
  | { readonly asked: number; readonly test: number; readonly of: number }
  | 'imported'
  | 'before'
  | 'rows'
  | 'folder';

/** A row that was asked. */
export interface Item {
  /** Its index in its part, from 0; missing in results of earlier versions. */
  readonly row?: number;
  /** Where it starts in its file; missing if the file is not known. */
  readonly line?: number;
  readonly prompt: string;
  /** The reference answer; '' for a prompt alone. */
  readonly expected: string;
  /** Its task, in a mixture. */
  readonly task?: string;
  /** The fold that tests it, from 0, in a cross-validation ({@link Made.folds}). */
  readonly fold?: number;
  /** Equal for the rows of one source, if the split keeps these together ({@link Made.groupedBy}). */
  readonly group?: string;
  /** Where its row comes from by a column of that name, if the split does not keep the rows of a source together. */
  readonly source?: string;
  /** The choices of its answer, if they are not those of all rows ({@link Made.choices}). */
  readonly choices?: readonly string[];
}

/** Where a passage stands in a document. */
interface Place {
  readonly id: string;
  readonly file: string;
  readonly page?: number;
  /** UTF-16 code units of the document's text. */
  readonly start: number;
  readonly end: number;
}

/** An answer, and what it took. */
export interface Evidence {
  readonly text: string;
  /** From when it began to its last token, while others were answered. */
  readonly seconds?: number;
  /** Its part of the time of its batch, in seconds: what it costs if several are answered at once. */
  readonly took?: number;
  /** Tokens that were generated. */
  readonly tokens?: number;
  /** It was cut at the limit of tokens. */
  readonly truncated?: true;
  /** Tokens of the whole prompt, and those of the passages in it. */
  readonly promptTokens?: number;
  readonly passageTokens?: number;
  /** Passages that were put before the question, and their places. */
  readonly passages?: readonly string[];
  /** It was chosen: the log-probability of each choice in nats, summed over its tokens. */
  readonly logProbabilities?: readonly number[];
  readonly sources?: readonly Place[];
  /** How many passages found no room. */
  readonly leftOut?: number;
  /** The share of the passages that the row names which are among them; missing if it names none. */
  readonly recall?: number;
}

/** An adapter or a tuned model: of the library, of a run after so many steps, or in a folder. */
export type AdapterRef =
  | { readonly name: string; readonly id: string }
  | { readonly name: string; readonly runId: string; readonly step: number }
  | { readonly name: string; readonly folder: string };

/** How something was tuned: equal recipes are equal texts. */
export interface Trained {
  readonly recipe: string;
  readonly seed: number;
}

export interface FailedPart {
  /** At the start of a sentence. */
  readonly name: string;
  readonly reason: string;
}

/** Who answered: a method, and for an adapter which one. */
export interface Subject {
  /** The name of a method of the registry. */
  readonly method: string;
  /** As tables name it. */
  readonly label: string;
  readonly adapter?: AdapterRef;
  /** An adapter in words, the objective of its run, and what its run took. */
  readonly kind?: string;
  readonly objective?: string;
  readonly took?: RunTook;
  /** Which of the rows its training saw; missing for a method without tuning, and in results of earlier versions. */
  readonly seen?: Seen;
  /** Its recipe, which is equal for runs that differ in nothing but the seed, and that seed; if that is known. */
  readonly trained?: Trained;
  readonly detail?: Detail;
  readonly loss?: LossReport;
  /** It reads a text with new tokens, divided into other rows: its loss is not of the same passages as the base model's. */
  readonly otherText?: true;
  /** The loss on general text; measured if that was asked for, and if the rows are text that asks for nothing. */
  readonly general?: LossReport;
  /** What it forgot; for the base, the reference. */
  readonly forgetting?: Forgetting;
  /** How likely both answers of each pair are to it, if the rows are pairs. */
  readonly likelihoods?: readonly PairLikelihoods[];
  /** Answers that are none of the labels; missing if answers are no labels. */
  readonly noLabel?: number;
  /** Exact matches of a result of an earlier version that did not keep the answers. */
  readonly exact?: Share;
  readonly seconds?: number;
  /** For the answers alone. */
  readonly answerSeconds?: number;
  /** It has answered the first items only. */
  readonly stopped?: true;
  /** Why it could not be measured at all. It takes no other subject with it. */
  readonly failed?: string;
  /** Parts of its measurement that failed. They take no other part with them. */
  readonly lacks?: readonly FailedPart[];
}

/** The sum of rewards, as a scorer. Each of them is another one, with its weight. */
export const REWARD = 'reward';

/** A scorer whose numbers the record has. */
export interface UsedScorer {
  /** A metric of the registry, the own name of one with settings, `reward` for the sum of rewards, or `reward/NAME` for one of them. */
  readonly name: string;
  /** The scorer and its settings, if a person gave some. */
  readonly scorer?: ScorerSpec;
  /** The factor of this reward in the sum. */
  readonly weight?: number;
  /** The score from which an answer passes, of rewards; missing in results of earlier versions. */
  readonly passMark?: number;
}

/** Where the choices of answers come from. */
export interface ChosenFrom {
  /** `labels`: the different answers of the data, or `column`: a list in each row. */
  readonly from: 'labels' | 'column';
  readonly column?: string;
  /** The choices of all rows, if these have the same. */
  readonly texts?: readonly string[];
  /** Whether the token that ends an answer counts, of some rows at least. */
  readonly ends: boolean;
}

/** The same before rows are read. */
export type ChoiceSource = Pick<ChosenFrom, 'from' | 'column'>;

export interface Made {
  /** Milliseconds since 1970. */
  readonly time: number;
  /** The version of Graft; missing in results of earlier versions. */
  readonly graft?: string;
  /** The base model. The fingerprint identifies its content and precision; the command has none. */
  readonly model: { readonly name: string; readonly bundled: boolean; readonly fingerprint?: string };
  readonly data?: {
    readonly name: string;
    readonly version?: string;
    /** How they were read, split and cut. */
    readonly options?: object;
  };
  /** Missing in results of earlier versions, which took the first rows of the test part. */
  readonly draw?: Draw;
  /** The most tokens of an answer. */
  readonly newTokens?: number;
  /** The column that names the group of each row. */
  readonly groupedBy?: string;
  /** How answers were chosen by likelihood; missing if they were generated. */
  readonly choices?: ChosenFrom;
  /** How many folds of a cross-validation it joins: each of these adapters answered the rows that its training did not see. */
  readonly folds?: number;
  /** Rewards that were chosen for this measurement; missing if they are those of the adapter's run. */
  readonly rewards?: readonly RewardSpec[];
  /** The task that the answers are for, and the score that counts as success; if that was given. */
  readonly task?: TaskCard;
  readonly seconds?: number;
}

/** A row that a person judged without seeing who answered. */
export interface BlindTurn {
  /** Its place in the record. */
  readonly item: number;
  /** Whether the second subject's answer stood on the left. */
  readonly swapped: boolean;
  /** Whose answer is better. */
  readonly vote: 'first' | 'second' | 'tie';
}

/** A person's blind comparison of two subjects, as far as it has come. */
export interface BlindJudging {
  /** Places in the record. */
  readonly subjects: readonly [first: number, second: number];
  /** Draws the order of rows and sides. */
  readonly seed: number;
  /** Those that were judged, in their order. */
  readonly turns: readonly BlindTurn[];
  /** The names were revealed: no row is judged any more. */
  readonly ended?: true;
}

/** A pair of answers that a model compared in both orders. */
export interface ModelTurn {
  /** Its place in the record. */
  readonly item: number;
  /**
   * How much likelier the verdict “A” is than “B”, in nats: with the first subject's answer as A, and with the second subject's as A.
   */
  readonly leans: readonly [number, number];
}

/** A model's comparison of two subjects, as far as it has come. */
export interface ModelJudging {
  /** Places in the record. */
  readonly subjects: BlindJudging['subjects'];
  /** The judge. The fingerprint identifies its content and precision; the command has none. */
  readonly model: { readonly name: string; readonly fingerprint?: string };
  /** The Jinja template of the prompt that asked for a verdict. */
  readonly prompt: string;
  readonly turns: readonly ModelTurn[];
  /** Items whose prompts do not fit into the judge's window. */
  readonly tooLong: readonly number[];
  /** All pairs were judged. */
  readonly ended?: true;
}

export interface Evaluation {
  readonly format: typeof FORMAT;
  readonly version: typeof RECORD_VERSION;
  readonly made: Made;
  readonly items: readonly Item[];
  readonly subjects: readonly Subject[];
  readonly scorers: readonly UsedScorer[];
  /** By item, subject and scorer; null if a scorer does not apply, and if nothing was answered. */
  readonly scores: readonly (readonly (readonly (number | null)[])[])[];
  /** By item and subject; null if it did not answer. */
  readonly evidence: readonly (readonly (Evidence | null)[])[];
  /** At most one for two subjects; missing if nobody judged. */
  readonly blind?: readonly BlindJudging[];
  /** At most one for two subjects; missing if no model judged. */
  readonly judged?: readonly ModelJudging[];
}

/** The columns of one subject, for {@link recordOf}. */
export interface SubjectColumns {
  readonly subject: Subject;
  /** To the first items. */
  readonly answers: readonly Evidence[];
  /** By scorer; null if one does not apply. A scorer that is missing gives null everywhere. */
  readonly scores: Readonly<Record<string, readonly (number | null)[]>>;
}

/** The record with some of its subjects only, and without what a person or a model judged. @param places of subjects */
export function withSubjects(
  { blind: _, judged: __, ...record }: Evaluation,
  places: readonly number[],
): Evaluation {
  const taken = <T>(row: readonly T[]): T[] => places.map((at) => row[at]);
  return {
    ...record,
    subjects: taken(record.subjects),
    scores: record.scores.map(taken),
    evidence: record.evidence.map(taken),
  };
}

/** Puts columns together. */
export function recordOf(
  made: Made,
  items: readonly Item[],
  columns: readonly SubjectColumns[],
  scorers: readonly UsedScorer[],
): Evaluation {
  return {
    format: FORMAT,
    version: RECORD_VERSION,
    made,
    items,
    subjects: columns.map(({ subject }) => subject),
    scorers,
    scores: items.map((_, item) =>
      columns.map(({ answers, scores }) =>
        scorers.map(({ name }) => (item < answers.length ? (scores[name]?.[item] ?? null) : null)),
      ),
    ),
    evidence: items.map((_, item) => columns.map(({ answers }) => answers[item] ?? null)),
  };
}

/** The first items alone. Losses and pairs are of all of them, so they go; rules answer every row. */
export function firstItems(record: Evaluation, many: number): Evaluation {
  if (many >= record.items.length) return record;
  const { made, items, subjects, scores, evidence } = record;
  return {
    ...record,
    made: {
      ...made,
      ...(made.draw && { draw: { ...made.draw, planned: items.length } }),
    },
    items: items.slice(0, many),
    subjects: subjects.map(
      ({ loss: _, likelihoods: __, general: ___, stopped: ____, ...subject }) => subject,
    ),
    scores: scores.slice(0, many),
    evidence: evidence.slice(0, many),
  };
}

/** The subjects that are kept, as {@link withSubjects}. */
export const someSubjects = (
  record: Evaluation,
  isKept: (subject: Subject, at: number) => boolean,
): Evaluation =>
  withSubjects(
    record,
    record.subjects.flatMap((subject, at) => (isKept(subject, at) ? at : [])),
  );

/** Whether two records asked the same rows, in the same order. */
export const isSameItems = (a: readonly Item[], b: readonly Item[]): boolean =>
  a.length === b.length &&
  a.every(({ prompt, expected }, at) => prompt === b[at].prompt && expected === b[at].expected);
