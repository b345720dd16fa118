/** Draws the held-out rows that are asked: a seeded sample in which each label occurs about as often as among all of them. */
import { wholeNumbers, type NumberColumn } from '../data/number-column.ts';
import type { Question } from '../data/questions.ts';
import { DistinctHashes, hashesOfTexts } from '../data/row-hashes.ts';
import { itemOf, itemsOf, type List } from '../lists.ts';
import { Random } from '../random.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { promptOfQuestion } from './answer.ts';
import type { Draw } from './record.ts';

/** Texts as numbers from 0 in the order in which they first come, equal for those that differ by no more than white space at the ends. */
class Labels {
  readonly #distinct = new DistinctHashes();
  readonly #numbers = wholeNumbers();

  static of(texts: Iterable<string>): Labels {
    const labels = new Labels();
    for (const text of texts) labels.add(text);
    return labels;
  }

  add(text: string): void {
    this.#numbers.push(this.#distinct.add(hashesOfTexts(text.trim())));
  }

  /** The number of each text. */
  get numbers(): Uint32Array {
    return this.#numbers.all;
  }
}

/** Whether answers are labels: several, and each occurs at least twice on average. @param different how many of the answers differ */
export const areLabels = (different: number, answers: number): boolean =>
  different > 1 && 2 * different <= answers;

/**
 * An order in which rows are drawn: the first N are a sample for every N, so that a larger sample holds the smaller ones.
 *
 * Rows are shuffled. Where answers are labels, the k-th of a label's n rows then comes at (k + u) / n with a u in [0, 1) of the label's own
 * (systematic sampling by strata): every start of the order has each label in its share, give or take a row.
 */
export const drawOrder = (answers: Iterable<string>, seed: number): number[] =>
  Array.from(orderOf(Labels.of(answers).numbers, seed));

/** @param labels the number of each row's label */
function orderOf(labels: Uint32Array, seed: number): Uint32Array {
  const random = new Random(seed);
  const numbers = new Set(labels);
  const strata: number[][] = [];
  if (areLabels(numbers.size, labels.length)) {
    const strataOf = new Map<number, number[]>();
    labels.forEach((label, at) => {
      const stratum = strataOf.get(label);
      if (stratum) stratum.push(at);
      else strataOf.set(label, [at]);
    });
    strata.push(...strataOf.values());
  } else strata.push(Array.from(labels.keys()));
  const places = new Float64Array(labels.length);
  for (const rows of strata) {
    const offset = random.float();
    random.shuffle(rows).forEach((at, k) => (places[at] = (k + offset) / rows.length));
  }
  return Uint32Array.from(labels.keys()).sort((a, b) => places[a] - places[b] || a - b);
}

/** A sample of rows without questions, as indices: their loss can be measured all the same. @param of how many rows there are */
export const drawRows = (
  of: number,
  { rows, seed }: { readonly rows: number; readonly seed: number },
): number[] => Array.from(orderOf(new Uint32Array(of), seed).subarray(0, rows));

interface LabelCounts {
  /** Labels in the sample, and among all rows. */
  readonly drawn: number;
  readonly of: number;
  /** How often the rarest and the most frequent label of the sample came up. */
  readonly least: number;
  readonly most: number;
}

/** How often labels came up in a sample; undefined if answers are not labels. @param drawn indices of `answers` */
export const labelCounts = (answers: Iterable<string>, drawn: readonly number[]): LabelCounts | undefined =>
  countsOf(Labels.of(answers).numbers, drawn);

function countsOf(labels: Uint32Array, drawn: readonly number[]): LabelCounts | undefined {
  const of = new Set(labels).size;
  if (!areLabels(of, labels.length) || drawn.length === 0) return undefined;
  const byLabel = new Map<number, number>();
  for (const at of drawn) byLabel.set(labels[at], (byLabel.get(labels[at]) ?? 0) + 1);
  const counts = [...byLabel.values()];
  return {
    drawn: counts.length,
    of,
    least: counts.reduce((a, b) => Math.min(a, b)),
    most: counts.reduce((a, b) => Math.max(a, b)),
  };
}

/** Tokens of an answer: room for the longest expected one and a little more, within these. */
const ANSWER_TOKENS = { least: 64, spare: 16, most: 512 };

/** Questions that are not asked, so that prompts can have their rows as examples. */
export interface Reserved {
  /** Places of the examples. */
  readonly examples: readonly number[];
  /** Places of all that are not asked: the examples, and the questions with the prompt of one. */
  readonly kept: ReadonlySet<number>;
}

export interface Drawn {
  /** Indices of the questions, in the order in which they were drawn. */
  readonly chosen: readonly number[];
  /** Tokens that an answer may take. */
  readonly newTokens: number;
  readonly draw: Draw;
  /** Missing if no rows were to be reserved, or too few would be left to ask. */
  readonly reserved?: Reserved;
}

/**
 * What a draw knows of questions: all that it needs of those that are not drawn. Eight bytes for each, and 24 to 32 for each different answer. The same
 * again for prompts, if some rows may be reserved.
 */
export class DrawnFrom {
  readonly #labels = new Labels();
  readonly #prompts: Labels | undefined;
  /** The places of the questions of each task. */
  readonly #tasks = new Map<string | undefined, NumberColumn>();
  #longest = 0;
  #length = 0;

  constructor(
    private readonly tokenizer: Pick<Tokenizer, 'encode'>,
    { mayReserve = false }: { readonly mayReserve?: boolean } = {},
  ) {
    if (mayReserve) this.#prompts = new Labels();
  }

  add({ prompt, expected, task }: Question): void {
    this.#labels.add(expected);
    this.#prompts?.add(prompt);
    this.#longest = Math.max(this.#longest, this.tokenizer.encode(expected).length);
    const places = this.#tasks.get(task) ?? wholeNumbers();
    places.push(this.#length++);
    this.#tasks.set(task, places);
  }

  get length(): number {
    return this.#length;
  }

  /** Tokens of the longest answer: of all questions, since the base's answers must not depend on how many are asked. */
  get longest(): number {
    return this.#longest;
  }

  /** For each task its places in the order in which they are drawn. */
  orders(seed: number): Uint32Array[] {
    const labels = this.#labels.numbers;
    return [...this.#tasks.values()].map(({ all: own }) =>
      orderOf(
        own.map((at) => labels[at]),
        seed,
      ).map((at) => own[at]),
    );
  }

  /**
   * Rows for examples: the last of the drawn order, with labels in their shares. So the first, which are asked, are the same without examples.
   *
   * @param orders as `orders` gives them
   * @param isUsable whether the question at a place can be an example
   * @returns undefined if there are too few for any of the counts
   */
  reserve(
    orders: readonly Uint32Array[],
    { counts, most }: ReservedRows,
    isUsable: (place: number) => boolean,
  ): Reserved | undefined {
    if (!this.#prompts) return undefined;
    const prompts = this.#prompts.numbers;
    const wanted = Math.max(0, ...counts);
    const longest = Math.max(0, ...orders.map(({ length }) => length));
    const exampleOf = new Map<number, number>();
    for (let back = 1; back <= longest; back++)
      for (const order of orders) {
        const place = order.at(-back);
        if (place === undefined || exampleOf.size === wanted) continue;
        if (!exampleOf.has(prompts[place]) && isUsable(place)) exampleOf.set(prompts[place], place);
      }
    for (const count of [...counts].sort((a, b) => b - a)) {
      if (count > exampleOf.size) continue;
      const examples = new Map([...exampleOf].slice(0, count));
      const kept = new Set<number>();
      prompts.forEach((prompt, place) => {
        if (examples.has(prompt)) kept.add(place);
      });
      if (kept.size <= most) return { examples: [...examples.values()], kept };
    }
    return undefined;
  }

  /** How often labels came up, if answers are labels of one task. */
  countsOf(drawn: readonly number[]): LabelCounts | undefined {
    return this.#tasks.size > 1 ? undefined : countsOf(this.#labels.numbers, drawn);
  }
}

/** How many rows are reserved. */
export interface ReservedRows {
  /** Numbers of examples: the largest is taken that leaves enough to ask. */
  readonly counts: readonly number[];
  /** The most rows that may be kept from the questions. */
  readonly most: number;
}

interface Sample {
  readonly rows: number;
  readonly seed: number;
  /** If some rows are reserved. */
  readonly reserve?: ReservedRows | undefined;
}

/**
 * The first `rows` questions of the drawn order whose prompt leaves room for an answer: the same for every method. In a mixture, `rows` of each task,
 * the same as would be drawn of it alone. None are reserved.
 */
export function drawQuestions(
  questions: List<Question>,
  sample: Omit<Sample, 'reserve'>,
  tokenizer: Tokenizer,
  maxPositions: number,
): Drawn {
  const from = new DrawnFrom(tokenizer);
  for (const question of itemsOf(questions)) from.add(question);
  return drawAmong(from, (at) => itemOf(questions, at), sample, tokenizer, maxPositions);
}

/** The same of questions that are not held, some of which may be reserved. @param questionAt the question at a place: asked only of those that are drawn */
export function drawAmong(
  from: DrawnFrom,
  questionAt: (place: number) => Question,
  { rows, seed, reserve }: Sample,
  tokenizer: Tokenizer,
  maxPositions: number,
): Drawn {
  const { least, spare, most } = ANSWER_TOKENS;
  const newTokens = Math.min(Math.max(least, from.longest + spare), most, Math.floor(maxPositions / 2));
  const isTooLong = (at: number): boolean =>
    promptOfQuestion(tokenizer, questionAt(at)).length + newTokens > maxPositions;
  const orders = from.orders(seed);
  const reserved = reserve && from.reserve(orders, reserve, (at) => !isTooLong(at));
  const chosen: number[] = [];
  let tooLong = 0;
  for (const order of orders) {
    let drawn = 0;
    for (const at of order) {
      if (drawn >= rows) break;
      if (reserved?.kept.has(at)) continue;
      if (isTooLong(at)) tooLong++;
      else {
        chosen.push(at);
        drawn++;
      }
    }
  }
  const labels = from.countsOf(chosen);
  const of = from.length - (reserved?.kept.size ?? 0);
  return {
    ...{ chosen, newTokens },
    draw: { seed, of, tooLong, ...(labels && { labels }) },
    ...(reserved && { reserved }),
  };
}
