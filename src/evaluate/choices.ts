/** Answers that are chosen from a list by their likelihood: where the list comes from, and its tokens after a prompt. */
import type { Choices, Question } from '../data/questions.ts';
import { DistinctHashes, hashesOfTexts } from '../data/row-hashes.ts';
import { GraftError } from '../errors.ts';
import { isObject } from '../json.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { areLabels } from './draw.ts';
import type { AskedQuestion } from './methods/method.ts';
import type { ChoiceSource, ChosenFrom } from './record.ts';

/** Words of `--choices` for the set of answers of the data. */
export const LABELS = 'labels';
/** Begins the name of a column that would otherwise be read as `labels`. */
const COLUMN = 'column:';
/** Each choice costs tokens in every row: more are free text rather than labels. */
const MAX_CHOICES = 1000;

/** Reads `--choices`. */
export function choicesFrom(asked: string): ChoiceSource {
  if (asked === LABELS) return { from: 'labels' };
  return { from: 'column', column: asked.startsWith(COLUMN) ? asked.slice(COLUMN.length) : asked };
}

/** Texts as choices. */
export function choicesOf(texts: readonly string[]): Choices {
  const sorted = [...texts].sort();
  // In this order, the first text that starts with another one follows it.
  return { texts, ends: sorted.some((text, at) => at > 0 && text.startsWith(sorted[at - 1])) };
}

/**
 * Questions with their choices; unchanged without `from`.
 *
 * @param answered questions whose answers are known, those that are asked included; read once for each task
 * @throws GraftError `choices` if the answers are no labels, or naming the first row whose column does not list its answer
 */
export function withChoices<Asked extends AskedQuestion>(
  asked: readonly Asked[],
  answered: Iterable<Question>,
  from: ChoiceSource | undefined,
): readonly Asked[] {
  if (!from) return asked;
  return from.column === undefined ? withLabels(asked, answered) : withColumn(asked, from.column);
}

/** The set of different answers of the data, in a mixture that of the task. */
function withLabels<Asked extends AskedQuestion>(
  asked: readonly Asked[],
  answered: Iterable<Question>,
): Asked[] {
  const byTask = new Map<string | undefined, Choices>();
  const labelsOf = (task: string | undefined): Choices => {
    let known = byTask.get(task);
    if (!known) byTask.set(task, (known = labelsAmong(answered, task)));
    return known;
  };
  return asked.map((one) => choosing(one, labelsOf(one.question.task)));
}

/** @throws GraftError `choices` */
function labelsAmong(answered: Iterable<Question>, task: string | undefined): Choices {
  const of = task === undefined ? 'the data' : `the task ${task}`;
  const distinct = new DistinctHashes();
  /** The first answers that differ, one more than can be choices. */
  const byText = new Map<string, string>();
  let rows = 0;
  let hasEmpty = false;
  for (const { expected, task: own } of answered) {
    if (own !== task) continue;
    rows++;
    const text = expected.trim();
    distinct.add(hashesOfTexts(text));
    if (text === '') hasEmpty = true;
    else if (byText.size <= MAX_CHOICES && !byText.has(text)) byText.set(text, expected);
  }
  const labels = [...byText.values()].sort();
  const instead = 'Take the choices from a column of the rows, or let the model write its answers.';
  if (labels.length < 2)
    throw new GraftError(
      'choices',
      labels.length === 0
        ? `No row of ${of} has an answer, so there are no labels to choose from.`
        : `Every row of ${of} has the answer ${JSON.stringify(labels[0].slice(0, 60))}, so there is nothing to choose from.`,
      instead,
    );
  if (labels.length > MAX_CHOICES || !areLabels(distinct.length, rows))
    throw new GraftError(
      'choices',
      `The ${rows} rows of ${of} have ${distinct.length - Number(hasEmpty)} different answers, which is too many for labels: at most ${MAX_CHOICES}, each in two rows on average.`,
      instead,
    );
  return choicesOf(labels);
}

/** What a column of each row lists. */
function withColumn<Asked extends AskedQuestion>(asked: readonly Asked[], column: string): Asked[] {
  return asked.map((one) => {
    const { example, question } = one;
    const wrong = (why: string): GraftError =>
      new GraftError(
        'choices',
        `The row at line ${example?.line ?? 0} ${why}.`,
        `Each row needs a column ${JSON.stringify(column)} with a list of two or more texts, one of them its answer.`,
      );
    const value = example?.columns?.[column];
    if (question.expected === '') throw wrong('has no answer');
    if (value === undefined)
      throw wrong(
        `has no column ${JSON.stringify(column)} among those that its question and answer leave over`,
      );
    const texts = listOf(value);
    if (!texts) throw wrong(`has no list of different texts in the column ${JSON.stringify(column)}`);
    if (!texts.some((text) => text.trim() === question.expected.trim()))
      throw wrong(
        `has the answer ${JSON.stringify(question.expected.slice(0, 60))}, which is not one of its choices`,
      );
    return choosing(one, choicesOf(texts));
  });
}

const choosing = <Asked extends AskedQuestion>(one: Asked, choices: Choices): Asked => ({
  ...one,
  question: { ...one.question, choices },
});

/** A list of choices: of texts, as JSON in a text, or in the field `text` of an object, as ARC has them. */
function listOf(value: unknown): string[] | undefined {
  if (typeof value === 'string') {
    try {
      const read: unknown = JSON.parse(value);
      return typeof read === 'string' ? undefined : listOf(read);
    } catch {
      return undefined;
    }
  }
  if (isObject(value)) return Array.isArray(value.text) ? listOf(value.text) : undefined;
  if (!Array.isArray(value) || value.length < 2 || value.length > MAX_CHOICES) return undefined;
  const texts = value.filter((one): one is string => typeof one === 'string' && one.trim() !== '');
  return texts.length === value.length && new Set(texts.map((text) => text.trim())).size === texts.length
    ? texts
    : undefined;
}

/** What a record says of the choices of its rows. */
export function chosenFrom(from: ChoiceSource, asked: readonly AskedQuestion[]): ChosenFrom {
  const all = asked.flatMap(({ question: { choices } }) => choices ?? []);
  const [first] = all;
  return {
    ...from,
    ...(all.every((choices) => choices === first) && first && { texts: first.texts }),
    ends: all.some(({ ends }) => ends),
  };
}

/** Tokens of choices by the text before them: most prompts of a data set end alike. */
export class ChoiceTokens {
  readonly #known = new Map<Choices, Map<string, number[][]>>();

  constructor(private readonly tokenizer: Tokenizer) {}

  /**
   * The token ids of each choice as they follow a prompt. The same list for prompts that end alike.
   *
   * @throws GraftError `choices` for a choice that has no tokens
   */
  after(prompt: readonly number[], choices: Choices): readonly (readonly number[])[] {
    const before = this.tokenizer.decode(prompt.slice(-1));
    let byEnd = this.#known.get(choices);
    if (!byEnd) this.#known.set(choices, (byEnd = new Map()));
    let ids = byEnd.get(before);
    if (!ids) byEnd.set(before, (ids = choices.texts.map((text) => this.#idsOf(text, before, choices.ends))));
    return ids;
  }

  /** Encoded with the text before it, as in training, unless its first token would reach into that. */
  #idsOf(text: string, before: string, ends: boolean): number[] {
    const { tokenizer } = this;
    const known = tokenizer.encode(before);
    const both = tokenizer.encode(before + text);
    const ids = known.every((id, at) => id === both[at]) ? both.slice(known.length) : tokenizer.encode(text);
    if (ids.length === 0)
      throw new GraftError(
        'choices',
        `The model's tokenizer has no tokens for the choice ${JSON.stringify(text.slice(0, 60))}.`,
        'Write it otherwise in the data.',
      );
    return ends && tokenizer.eosId !== undefined ? [...ids, tokenizer.eosId] : ids;
  }
}
