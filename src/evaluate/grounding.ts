/** How answers stand to documents: whether the passages were found, whether answers are taken from them, and what they cost. */
import { mean } from '../averages.ts';
import { plural } from '../numbers.ts';
import { proportion, type Proportion } from '../proportion.ts';
import { isFromPassages, isRefusal } from '../retrieval/cited.ts';
import { retrieval, adapterRetrieval } from './methods/retrieval.ts';
import type { Evaluation, Evidence } from './record.ts';
import type { Side } from './sides.ts';

export interface Grounding {
  /** The share of the passages that rows name which stood before the question, averaged over these rows; only of methods with passages. */
  readonly recall?: { readonly value: number; readonly rows: number };
  /** Answers taken from their passages (`isFromPassages`), of those that do not refuse; only of methods with passages. */
  readonly fromPassages?: Proportion;
  /** Answers that say that the documents do not say, of the rows that have an answer. */
  readonly wronglyRefused: Proportion;
  /** Answers that say something else, of the rows whose reference answer is that the documents do not say. */
  readonly wronglyAnswered: Proportion;
  /** Means over the answers, as far as they were counted. */
  readonly promptTokens?: number;
  readonly answerTokens?: number;
  /** Seconds of all answers with their searches, divided by their number. */
  readonly seconds?: number;
  /** The mean share of the tokens that the model holds which passages take; only of methods with passages. */
  readonly windowShare?: number;
  /** Passages that found no room, over all answers. */
  readonly leftOut?: number;
}

const OF_PASSAGES: readonly string[] = [retrieval.name, adapterRetrieval.name];

/** Whether a record has a method with passages. */
export const hasPassages = ({ subjects }: Evaluation): boolean =>
  subjects.some(({ method, failed }) => OF_PASSAGES.includes(method) && failed === undefined);

/** How passages were searched and ranked; undefined without a method with passages. */
export function searchInWords({ subjects }: Evaluation): string | undefined {
  const about = subjects.find(({ detail }) => detail?.passages)?.detail?.passages;
  if (!about) return undefined;
  const { search, top, reranked, rerankedBy = 'the model' } = about;
  const again =
    reranked === undefined
      ? ''
      : ` Before, ${rerankedBy} ranked the best ${reranked} again, by the likelihood of the question.`;
  return `Up to ${plural(top, 'passage')} found by ${search} ${top === 1 ? 'stands' : 'stand'} before each question.${again}`;
}

/** Undefined if nothing was answered, and in a record without a method with passages. */
export function groundingOf({ record, at, subject, answers }: Side): Grounding | undefined {
  if (answers.length === 0 || !hasPassages(record)) return undefined;
  const evidence = record.evidence.slice(0, answers.length).flatMap((row) => row[at] ?? []);
  const rows = evidence.map((one, row) => ({ ...one, expected: record.items[row].expected }));
  const share = (of: readonly Evidence[], isWrong: (text: string) => boolean): Proportion =>
    proportion(of.filter(({ text }) => isWrong(text)).length, of.length);
  const answerable = rows.filter(({ expected }) => !isRefusal(expected));
  const others = rows.filter(({ expected }) => isRefusal(expected));
  const numbers = (of: (one: Evidence) => number | undefined): number | undefined =>
    meanOf(evidence.flatMap((one) => of(one) ?? []));
  const costs = {
    promptTokens: numbers(({ promptTokens }) => promptTokens),
    answerTokens: numbers(({ tokens }) => tokens),
    seconds: subject.answerSeconds === undefined ? undefined : subject.answerSeconds / answers.length,
  };
  return {
    ...(OF_PASSAGES.includes(subject.method) && withPassages(subject.detail?.passages?.window, evidence)),
    wronglyRefused: share(answerable, isRefusal),
    wronglyAnswered: share(others, (text) => !isRefusal(text)),
    ...known(costs),
  };
}

function withPassages(window: number | undefined, evidence: readonly Evidence[]): Partial<Grounding> {
  const recalls = evidence.flatMap(({ recall }) => recall ?? []);
  const value = meanOf(recalls);
  const said = evidence.filter(({ text }) => !isRefusal(text));
  const from = said.filter(({ text, passages = [] }) =>
    isFromPassages(
      text,
      passages.map((passage) => ({ text: passage })),
    ),
  );
  const tokens = meanOf(evidence.flatMap(({ passageTokens }) => passageTokens ?? []));
  return {
    ...(value !== undefined && { recall: { value, rows: recalls.length } }),
    fromPassages: proportion(from.length, said.length),
    ...(window !== undefined && tokens !== undefined && { windowShare: tokens / window }),
    leftOut: evidence.reduce((sum, { leftOut = 0 }) => sum + leftOut, 0),
  };
}

const meanOf = (values: readonly number[]): number | undefined =>
  values.length === 0 ? undefined : mean(values);

const known = <Numbers extends Readonly<Record<string, number | undefined>>>(
  numbers: Numbers,
): { [Name in keyof Numbers]?: number } =>
  Object.fromEntries(Object.entries(numbers).filter(([, value]) => value !== undefined)) as {
    [Name in keyof Numbers]?: number;
  };

/** For `report.json`. */
export function groundingNumbers(grounding: Grounding): object {
  const { recall, fromPassages, wronglyRefused, wronglyAnswered, windowShare, leftOut } = grounding;
  const shareOf = ({ count, total, fraction, interval }: Proportion): object | null =>
    total === 0 ? null : { count, of: total, share: fraction, interval };
  return {
    ...(recall && { recall: recall.value, recall_rows: recall.rows }),
    ...(fromPassages && { from_passages: shareOf(fromPassages) }),
    wrongly_refused: shareOf(wronglyRefused),
    wrongly_answered: shareOf(wronglyAnswered),
    ...known({
      prompt_tokens: grounding.promptTokens,
      answer_tokens: grounding.answerTokens,
      seconds_per_answer: grounding.seconds,
      window_share: windowShare,
      left_out: leftOut,
    }),
  };
}
