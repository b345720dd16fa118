/**
 * `graft passages`: questions with answers, and an index → rows for `graft train`: of passages, question and answer with quotes for a model that reads, or
 * of questions, chunks and hard negatives for a retriever.
 */
import { GraftError } from '../errors.ts';
import { decodeUtf8 } from '../json.ts';
import { plural } from '../numbers.ts';
import { AnswerTemplate } from '../retrieval/answer-template.ts';
import { isRefusal } from '../retrieval/cited.ts';
import {
  countRows,
  makeRows,
  rowLines,
  type QuestionWithId,
  type LeftOut,
  type MadeRow,
} from '../retrieval/made-rows.ts';
import { DISTRACTORS, DRAWS, WITHOUT_ANSWERS } from '../retrieval/passage-rows.ts';
import { makeRetrieverRows, retrieverLines, type RetrieverRow } from '../retrieval/retriever-rows.ts';
import { EXIT } from './exit.ts';
import { readWhole, writeWhole } from './files.ts';
import { Flags, type FlagSpecs } from './flags.ts';
import { readJsonLines } from './json-lines.ts';
import { encoderFlags } from './open-encoder.ts';
import { checkFile, checkOutput } from './output-path.ts';
import type { Output } from './output.ts';
import { passageFlags, Passages } from './passages.ts';
import { questionOfRow } from './search.ts';

const WITHOUT = 0.2;
const SEED = 1;
const NEGATIVES = 1;
/** What rows tune: a model that answers from passages, or an encoder that finds them. */
const TUNED = ['reader', 'retriever'] as const;
/** Questions without a row that are named; the others are counted. */
const MAX_NAMED = 20;

export const passageRowFlags = {
  questions: {
    value: 'FILE',
    help: 'JSONL with a {"question", "answer", "passages": [{"doc", "start", "end"}]} on each line, perhaps an "id" and "quotes"; a question that the documents do not answer has no passages',
  },
  ...passageFlags,
  rows: {
    value: TUNED.join('|'),
    help: 'what the rows tune: a model that answers from passages, or the encoder, with {"query", "positive", "negative"} for --objective contrastive (default: reader)',
  },
  negatives: {
    value: 'N',
    help: `with --rows retriever: hard negatives of each row, the best chunks of the search that share nothing with its passages (default: ${NEGATIVES})`,
  },
  out: { value: 'FILE', help: 'where to write the rows, as JSONL' },
  overwrite: { help: 'replace the file that is at --out' },
  'without-passage': {
    value: 'X',
    help: `share of the answerable questions whose row lacks the right passages (default: ${WITHOUT})`,
  },
  'without-answer': {
    value: WITHOUT_ANSWERS.join('|'),
    help: 'what such a row answers: that the documents do not say, or the right answer without a quote, from memory (default: refusal)',
  },
  distractors: {
    value: DISTRACTORS.join('|'),
    help: 'the other passages: the best of the search that are not right, or any (default: ranking)',
  },
  draw: {
    value: DRAWS.join('|'),
    help: 'rows without the right passages and the order of passages: drawn by the seed, or each in turn (default: seed)',
  },
  seed: { value: 'N', help: `draws rows and passages (default: ${SEED})` },
  'answers-template': {
    value: 'FILE',
    help: 'the answer as a Jinja template of answer, quotes (text, number) and refusal (default: the one in the documentation)',
  },
  device: encoderFlags.device,
  threads: encoderFlags.threads,
  kernels: encoderFlags.kernels,
  json: {
    help: 'print a report as JSON: rows, with and without the right passages, unanswerable, and the questions left out',
  },
} as const satisfies FlagSpecs;

type PassageRowFlags = Flags<typeof passageRowFlags>;

/** Flags that say how a model reads and answers. */
const READER_FLAGS = [
  ...(['without-passage', 'without-answer', 'distractors', 'draw', 'seed'] as const),
  ...(['answers-template', 'passages-template', 'top'] as const),
] as const;

/** @throws GraftError `arguments`, `passage-rows`, `passages-template`, `answer-template`, `file-…`, and those of `Passages.open` */
export async function passageRowsCommand(args: readonly string[], output: Output): Promise<void> {
  const flags = new Flags(passageRowFlags, args);
  const [out, path, index] = [flags.required('out'), flags.required('questions'), flags.required('index')];
  checkOutput('--out', out, [
    { what: 'the questions', path },
    { what: 'the index', path: index },
    { what: 'the encoder', path: flags.text('encoder') },
  ]);
  checkFile('--out', out, flags.on('overwrite'));
  const tuned = flags.choice('rows', TUNED) ?? 'reader';
  const idle = (tuned === 'reader' ? (['negatives'] as const) : READER_FLAGS).find((name) =>
    flags.isGiven(name),
  );
  if (idle)
    throw new GraftError('arguments', `--${idle} has no meaning for --rows ${tuned}.`, 'Leave it out.');
  if (tuned === 'retriever') return retrieverRows(flags, { path, out }, output);
  const plan = {
    without: readShare(flags),
    distractors: flags.choice('distractors', DISTRACTORS) ?? 'ranking',
    draw: flags.choice('draw', DRAWS) ?? 'seed',
    seed: flags.integer('seed') ?? SEED,
    withoutAnswer: flags.choice('without-answer', WITHOUT_ANSWERS) ?? 'refusal',
    answer: await readAnswersTemplate(flags),
  };
  const { questions, unapproved } = await readAnswered(path);
  const passages = (await Passages.open(flags, output))!;
  const { chunks, template: prompt, top } = passages;
  const searched = { chunks, rank: placesOf(passages) };
  const { rows, leftOut } = await makeRows(questions, searched, { ...plan, prompt, count: top });
  passages.close();
  if (rows.length === 0)
    throw new GraftError(
      'passage-rows',
      `No question of ${path} becomes a row: question ${leftOut[0].id} ${leftOut[0].why}.`,
      'Make the index of the documents that the questions were written for.',
    );
  await writeWhole(out, new TextEncoder().encode(rowLines(rows, chunks)));
  report({ rows, leftOut, unapproved, out, json: flags.on('json') }, output);
  if (leftOut.length > 0) process.exitCode = EXIT.couldNot;
}

/** @throws GraftError `arguments`, `passage-rows`, and those of `Passages.open` */
async function retrieverRows(
  flags: PassageRowFlags,
  { path, out }: { readonly path: string; readonly out: string },
  output: Output,
): Promise<void> {
  const count = flags.integer('negatives', 0) ?? NEGATIVES;
  const questions = await readJsonLines(path, {
    code: 'passage-rows',
    remedy: 'Write {"question", "passages": [{"doc", "start", "end"}]} on each line.',
    read: questionOfRow,
  });
  const passages = (await Passages.open(flags, output))!;
  const { chunks } = passages;
  const { rows, leftOut } = await makeRetrieverRows(questions, { chunks, rank: placesOf(passages) }, count);
  passages.close();
  if (rows.length === 0)
    throw new GraftError(
      'passage-rows',
      `No question of ${path} becomes a row: ${leftOut.length > 0 ? `question ${leftOut[0].id} ${leftOut[0].why}` : 'none has a passage'}.`,
      'Make the index of the documents that the questions were written for.',
    );
  await writeWhole(out, new TextEncoder().encode(retrieverLines(rows, chunks)));
  nameLeftOut(leftOut, output);
  const without = questions.filter((one) => one.passages.length === 0).length;
  const fewer = rows.filter(({ negatives }) => negatives.length < count).length;
  output.line(
    `Wrote ${plural(rows.length, 'row')} to ${out}, ${negativesInWords(rows, count)}.${without > 0 ? ` ${plural(without, 'question')} without a passage left out.` : ''}`,
  );
  if (flags.on('json'))
    output.result(
      `${JSON.stringify({ rows: rows.length, negatives: count, fewer_negatives: fewer, without_passage: without, left_out: leftOut })}\n`,
    );
  if (leftOut.length > 0) process.exitCode = EXIT.couldNot;
}

/** How many hard negatives rows have of those that were asked for. */
function negativesInWords(rows: readonly RetrieverRow[], count: number): string {
  const most = plural(count, 'hard negative');
  const fewer = rows.filter(({ negatives }) => negatives.length < count).length;
  if (fewer === 0) return `each with ${most}`;
  const found =
    fewer < rows.length
      ? `${rows.length - fewer} with ${most} and ${fewer} with fewer`
      : rows.some(({ negatives }) => negatives.length > 0)
        ? `each with fewer than ${most}`
        : 'without a hard negative';
  return `${found}: the search found no more chunks`;
}

/** The ranking of the index's search. */
const placesOf =
  (passages: Passages) =>
  async (texts: readonly string[], max: number): Promise<number[][]> =>
    (await passages.rank(texts, max)).map((ranking) => ranking.map(({ chunk }) => chunk));

/** @throws GraftError `arguments` */
function readShare(flags: PassageRowFlags): number {
  const share = flags.number('without-passage') ?? WITHOUT;
  if (share < 0 || share > 1)
    throw new GraftError('arguments', `--without-passage is ${share}.`, 'Give a share from 0 to 1.');
  return share;
}

async function readAnswersTemplate(flags: PassageRowFlags): Promise<AnswerTemplate> {
  const path = flags.text('answers-template');
  return path === undefined
    ? new AnswerTemplate()
    : new AnswerTemplate(decodeUtf8(await readWhole(path), path));
}

/** @throws GraftError `passage-rows` */
async function readAnswered(
  path: string,
): Promise<{ readonly questions: QuestionWithId[]; readonly unapproved: number }> {
  const remedy =
    'Write {"question", "answer", "passages": [{"doc", "start", "end"}]} on each line, and "answer": "", "passages": [] if the documents do not say.';
  let unapproved = 0;
  const questions = await readJsonLines(path, {
    code: 'passage-rows',
    remedy,
    read: (row, fault, number): QuestionWithId => {
      const { id, text, passages } = questionOfRow(row, fault, number);
      const { answer = '', quotes } = row;
      if (row['approved'] === false) unapproved++;
      if (typeof answer !== 'string') throw fault('has an answer that is not text');
      const isAnswered = answer.trim() !== '' && !isRefusal(answer);
      if (passages.length > 0 && !isAnswered) throw fault('has passages and no answer');
      if (passages.length === 0 && isAnswered) throw fault('has an answer and no passages');
      if (quotes !== undefined && !(Array.isArray(quotes) && quotes.every((one) => typeof one === 'string')))
        throw fault('has quotes that are not a list of texts');
      return { id, text, answer, passages, quotes };
    },
  });
  if (questions.length === 0) throw new GraftError('passage-rows', `${path} has no questions.`, remedy);
  return { questions, unapproved };
}

interface Report {
  readonly rows: readonly MadeRow[];
  readonly leftOut: readonly LeftOut[];
  /** Questions that a model has drafted, and no person has approved. */
  readonly unapproved: number;
  readonly out: string;
  readonly json: boolean;
}

function report({ rows, leftOut, unapproved, out, json }: Report, output: Output): void {
  const { withPassage, withoutPassage, unanswerable, longestPrompt } = countRows(rows);
  nameLeftOut(leftOut, output);
  output.line(
    `Wrote ${plural(rows.length, 'row')} to ${out}: ${withPassage} with the right passages, ${withoutPassage} without, ${unanswerable} that the documents do not answer. The longest prompt has ${plural(longestPrompt, 'character')}.`,
  );
  if (unapproved > 0)
    output.line(
      `${plural(unapproved, 'question was', 'questions were')} drafted by a model, and not approved by a person.`,
    );
  if (json)
    output.result(
      `${JSON.stringify({ rows: rows.length, with_passage: withPassage, without_passage: withoutPassage, unanswerable, longest_prompt_characters: longestPrompt, left_out: leftOut })}\n`,
    );
}

function nameLeftOut(leftOut: readonly LeftOut[], output: Output): void {
  for (const { id, why } of leftOut.slice(0, MAX_NAMED)) output.line(`Question ${id} ${why}.`);
  if (leftOut.length > MAX_NAMED)
    output.line(`${plural(leftOut.length - MAX_NAMED, 'more question')} left out.`);
}
