/**
 * Rows that teach a model to answer from passages (RAFT: Zhang et al. 2024, arXiv:2403.10131): a question after passages of an index, of which a
 * share of the rows lacks the right ones. Which passages a row has is drawn here, and `writtenRow` makes a prompt and an answer of it.
 */
import { Random } from '../random.ts';
import type { AnswerQuote, AnswerTemplate } from './answer-template.ts';
import { readAnswer } from './cited.ts';
import { type PassagesTemplate, type PassageSource } from './passages-prompt.ts';
import { REFUSAL } from './passages-template.ts';
import type { Passage, Relevance } from './relevance.ts';

/** A question with its right answer, and the places that it is taken from: none if the documents do not say. */
export interface AnsweredQuestion {
  readonly text: string;
  readonly answer: string;
  readonly passages: readonly Passage[];
  /** Words of the passages that the answer quotes; the passages themselves if it is missing. */
  readonly quotes?: readonly string[] | undefined;
}

/** Where the other passages of a row come from. */
export const DISTRACTORS = ['ranking', 'random'] as const;
/** Which rows lack their passages, and the order of the passages: drawn by the seed, or each in turn. */
export const DRAWS = ['seed', 'turn'] as const;
/** What a row without its right passages answers: that the documents do not say, or the right answer nevertheless. */
export const WITHOUT_ANSWERS = ['refusal', 'answer'] as const;

export interface PassageRowPlan {
  /** Passages of each row. More if a question has more right ones, fewer if the index has fewer. */
  readonly count: number;
  /** The share of the rows with an answer that get no right passage, from 0 to 1. */
  readonly without: number;
  readonly distractors: (typeof DISTRACTORS)[number];
  readonly draw: (typeof DRAWS)[number];
  readonly seed: number;
}

export interface DrawnRow {
  /** Whether its right passages are among its passages. */
  readonly oracle: boolean;
  /** Places of chunks in the index, in the order of the prompt. */
  readonly context: readonly number[];
  /** Word for word as the chunks have them, each with the place of its chunk. */
  readonly quotes: readonly { readonly text: string; readonly chunk: number }[];
}

/** What keeps a question from being a row, as in "has a passage that …". */
export interface RowProblem {
  readonly problem: string;
}

/** The chunks of an index: their texts, their ranking for a question, and which are relevant to a passage. */
export interface PassageIndex {
  readonly chunks: readonly PassageSource[];
  readonly relevance: Relevance;
  /** Places of chunks for each question, best first: more than a row has passages. Not read for random distractors. */
  readonly rankings: readonly (readonly number[])[];
}

interface RightPassages {
  /** The first relevant chunk of each passage. */
  readonly chosen: readonly number[];
  /** All chunks that hold at least half of one of its passages. */
  readonly relevant: ReadonlySet<number>;
  readonly quotes: DrawnRow['quotes'];
}

/**
 * Draws the passages of each question. Question n of those with an answer lacks its right passages by the seed, or, in turn, as soon as the share asks
 * for one more. The passages are shuffled by the seed, or, in turn, the right ones are last and all are moved right by n.
 *
 * @returns a row or a problem for each question, in their order
 */
export function drawPassageRows(
  questions: readonly AnsweredQuestion[],
  index: PassageIndex,
  plan: PassageRowPlan,
): (DrawnRow | RowProblem)[] {
  const random = new Random(plan.seed);
  const right = questions.map((question) => rightPassages(question, index));
  const answerable = right.flatMap((one, at) => ('problem' in one || one.chosen.length === 0 ? [] : [at]));
  const lacking = rowsWithout(answerable, plan, random);
  const turns = new Map(answerable.map((at, turn) => [at, turn]));
  return right.map((one, at) => {
    if ('problem' in one) return one;
    const { chosen, relevant, quotes } = one;
    const oracle = chosen.length > 0 && !lacking.has(at);
    const wanted = Math.max(0, plan.count - (oracle ? chosen.length : 0));
    const others = distractorsOf(at, { wanted, relevant }, index, plan, random);
    const context = oracle ? [...others, ...chosen] : others;
    return {
      oracle,
      context: plan.draw === 'seed' ? random.shuffle(context) : turnedRight(context, turns.get(at) ?? 0),
      quotes: oracle ? quotes : [],
    };
  });
}

function rightPassages(
  question: AnsweredQuestion,
  { chunks, relevance }: PassageIndex,
): RightPassages | RowProblem {
  const relevant = question.passages.map((passage) => relevance.relevantTo(passage));
  const lost = relevant.findIndex((places) => places === undefined || places.length === 0);
  if (lost >= 0) {
    const { doc, start, end } = question.passages[lost];
    const place = `${doc} ${start}–${end}`;
    return {
      problem: relevant[lost]
        ? `has the passage ${place}, and no chunk of the index holds half of it`
        : `has the passage ${place}, which is not in the index`,
    };
  }
  const firsts = relevant.map((places) => places![0]);
  const chosen = [...new Set(firsts)];
  const texts = chosen.map((chunk) => chunks[chunk]);
  const made = [...readAnswer(question.answer, texts).quotes].find(({ passage }) => passage === null);
  if (made && chosen.length > 0) return lostQuote(made.text);
  const quotes: { text: string; chunk: number }[] = [];
  if (question.quotes === undefined)
    question.passages.forEach((passage, at) => {
      const place = relevance.placeOf(passage)!;
      const { start, text } = chunks[firsts[at]];
      const words = text.slice(Math.max(0, place.start - start), place.end - start).trim();
      quotes.push({ text: words, chunk: firsts[at] });
    });
  else
    for (const text of question.quotes) {
      const chunk = chosen.find((one) => squeezed(chunks[one].text).includes(squeezed(text)));
      if (chunk === undefined) return lostQuote(text);
      quotes.push({ text, chunk });
    }
  return { chosen, relevant: new Set(relevant.flatMap((places) => places ?? [])), quotes };
}

const lostQuote = (text: string): RowProblem => ({
  problem: `quotes “${text.length > 80 ? `${text.slice(0, 80)}…` : text}”, which is not in its passages`,
});

const squeezed = (text: string): string => text.replaceAll(/\s+/gu, '');

/** A share in binary is seldom exact. */
const ROUNDING = 1e-9;

function rowsWithout(
  answerable: readonly number[],
  { without, draw }: PassageRowPlan,
  random: Random,
): ReadonlySet<number> {
  const upTo = (rows: number): number => Math.floor(rows * without + ROUNDING);
  if (draw === 'turn') return new Set(answerable.filter((_, turn) => upTo(turn + 1) > upTo(turn)));
  return new Set(random.shuffle([...answerable]).slice(0, Math.round(answerable.length * without)));
}

/** Chunks that are not relevant: the best of the ranking, then any. */
function distractorsOf(
  question: number,
  { wanted, relevant }: { readonly wanted: number; readonly relevant: ReadonlySet<number> },
  { chunks, rankings }: PassageIndex,
  { distractors }: PassageRowPlan,
  random: Random,
): number[] {
  const ranked = distractors === 'ranking' ? rankings[question] : [];
  const taken = ranked.filter((chunk) => !relevant.has(chunk)).slice(0, wanted);
  if (taken.length === wanted) return taken;
  const used = new Set([...taken, ...relevant]);
  const free = chunks.flatMap((_, chunk) => (used.has(chunk) ? [] : [chunk]));
  return [...taken, ...random.shuffle(free).slice(0, wanted - taken.length)];
}

function turnedRight<Item>(items: readonly Item[], by: number): Item[] {
  const at = items.length === 0 ? 0 : items.length - (by % items.length);
  return [...items.slice(at), ...items.slice(0, at)];
}

const QUOTATION_MARKS = /["\u201c\u201d\u201e\u00ab\u00bb]/gu;

/** Words between quotation marks have none, and stand in one line: so `readAnswer` finds the quote again. */
const quotable = (text: string): string =>
  text.replaceAll(QUOTATION_MARKS, "'").replaceAll(/\s+/gu, ' ').trim();

/** A row as `graft train` reads it. @throws GraftError `passages-template`, `answer-template` */
export function writtenRow(
  { text, answer, passages }: AnsweredQuestion,
  { oracle, context, quotes }: DrawnRow,
  chunks: readonly PassageSource[],
  written: {
    readonly prompt: PassagesTemplate;
    readonly answer: AnswerTemplate;
    readonly without: (typeof WITHOUT_ANSWERS)[number];
  },
): { prompt: string; answer: string } {
  const prompt = written.prompt.render(
    text,
    context.map((chunk) => chunks[chunk]),
  );
  const isRefused = passages.length === 0 || (!oracle && written.without === 'refusal');
  if (isRefused) return { prompt, answer: REFUSAL };
  const numbered = quotes.map(({ text: words, chunk }): AnswerQuote => ({
    text: quotable(words),
    number: context.indexOf(chunk) + 1,
  }));
  return { prompt, answer: written.answer.render(answer, numbered) };
}
