/** Draws the held-out rows that are asked: a seeded sample in which each label occurs about as often as among all of them. */
import type { Question } from '../data/questions.ts';
import { Random } from '../random.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { promptOfQuestion } from './answer.ts';
import type { Draw } from './record.ts';

/** Rows by their answer, ignoring white space at the ends. */
function byAnswer(answers: readonly string[]): Map<string, number[]> {
  const groups = new Map<string, number[]>();
  answers.forEach((answer, at) => {
    const group = groups.get(answer.trim());
    if (group) group.push(at);
    else groups.set(answer.trim(), [at]);
  });
  return groups;
}

const repeat = (groups: ReadonlyMap<string, unknown>, answers: readonly string[]): boolean =>
  groups.size > 1 && 2 * groups.size <= answers.length;

/** Whether answers are labels: several, and each occurs at least twice on average. */
export function areLabels(answers: readonly string[]): boolean {
  return repeat(byAnswer(answers), answers);
}

/**
 * An order in which rows are drawn: the first N are a sample for every N, so that a larger sample holds the smaller ones.
 *
 * Rows are shuffled. Where answers are labels, the k-th of a label's n rows then comes at (k + u) / n with a u in [0, 1) of the label's own
 * (systematic sampling by strata): every start of the order has each label in its share, give or take a row.
 */
export function drawOrder(answers: readonly string[], seed: number): number[] {
  const random = new Random(seed);
  const groups = byAnswer(answers);
  const strata = repeat(groups, answers) ? [...groups.values()] : [answers.map((_, at) => at)];
  return strata
    .flatMap((rows) => {
      const offset = random.float();
      return random.shuffle(rows).map((at, k) => ({ at, place: (k + offset) / rows.length }));
    })
    .sort((a, b) => a.place - b.place || a.at - b.at)
    .map(({ at }) => at);
}

/** A sample of rows without questions, as indices: their loss can be measured all the same. @param of how many rows there are */
export const drawRows = (
  of: number,
  { rows, seed }: { readonly rows: number; readonly seed: number },
): number[] =>
  drawOrder(
    Array.from({ length: of }, () => ''),
    seed,
  ).slice(0, rows);

interface LabelCounts {
  /** Labels in the sample, and among all rows. */
  readonly drawn: number;
  readonly of: number;
  /** How often the rarest and the most frequent label of the sample came up. */
  readonly least: number;
  readonly most: number;
}

/** How often labels came up in a sample; undefined if answers are not labels. @param drawn indices of `answers` */
export function labelCounts(answers: readonly string[], drawn: readonly number[]): LabelCounts | undefined {
  const groups = byAnswer(answers);
  if (!repeat(groups, answers) || drawn.length === 0) return undefined;
  const counts = [...byAnswer(drawn.map((at) => answers[at])).values()].map((rows) => rows.length);
  return {
    drawn: counts.length,
    of: groups.size,
    least: counts.reduce((a, b) => Math.min(a, b)),
    most: counts.reduce((a, b) => Math.max(a, b)),
  };
}

/** Tokens of an answer: room for the longest expected one and a little more, within these. */
const ANSWER_TOKENS = { least: 64, spare: 16, most: 512 };

export interface Drawn {
  /** Indices of the questions, in the order in which they were drawn. */
  readonly chosen: readonly number[];
  /** Tokens that an answer may take. */
  readonly newTokens: number;
  readonly draw: Draw;
}

/**
 * The first `rows` questions of the drawn order whose prompt leaves room for an answer: the same for every method. In a mixture, `rows` of each task,
 * the same as would be drawn of it alone.
 */
export function drawQuestions(
  questions: readonly Question[],
  { rows, seed }: { readonly rows: number; readonly seed: number },
  tokenizer: Tokenizer,
  maxPositions: number,
): Drawn {
  const { least, spare, most } = ANSWER_TOKENS;
  const answers = questions.map(({ expected }) => expected);
  // From all questions, not only the drawn ones: the base's answers must not depend on how many are asked.
  const longest = answers.reduce((length, text) => Math.max(length, tokenizer.encode(text).length), 0);
  const newTokens = Math.min(Math.max(least, longest + spare), most, Math.floor(maxPositions / 2));
  const chosen: number[] = [];
  let tooLong = 0;
  const tasks = new Map<string | undefined, number[]>();
  questions.forEach(({ task }, at) => tasks.set(task, [...(tasks.get(task) ?? []), at]));
  for (const own of tasks.values()) {
    let drawn = 0;
    for (const at of drawOrder(
      own.map((place) => answers[place]),
      seed,
    )) {
      if (drawn >= rows) break;
      if (promptOfQuestion(tokenizer, questions[own[at]]).length + newTokens > maxPositions) tooLong++;
      else {
        chosen.push(own[at]);
        drawn++;
      }
    }
  }
  const labels = tasks.size > 1 ? undefined : labelCounts(answers, chosen);
  return {
    chosen,
    newTokens,
    draw: { seed, of: questions.length, tooLong, ...(labels && { labels }) },
  };
}
