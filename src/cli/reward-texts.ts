/** Texts that `graft reward` scores: a file of predictions, or the reference answers of rows. */
import { linesOf } from '../data/lines.ts';
import { questionsOf } from '../data/questions.ts';
import type { ReadOptions } from '../data/formats.ts';
import { GraftError } from '../errors.ts';
import { isObject, parseWritten } from '../json.ts';
import type { Attempt } from '../scorers/scorer.ts';
import { readInput, readWhole } from './files.ts';
import type { Output } from './output.ts';
import { readNamed } from './open-rows.ts';

/** A text to score, before its tokens are counted. */
export type ScoredText = Omit<Attempt, 'tokens'> & {
  /** The number of tokens in the file. */
  readonly tokens?: number;
};

/** Names that tools give a completion, and its reference answer. */
const COMPLETIONS = ['completion', 'prediction', 'output'];
const ANSWERS = ['answer', 'reference', 'expected'];

/** JSON lines. @throws GraftError `file-missing`, `predictions` naming the line, `predictions-empty` */
export async function readTexts(path: string): Promise<ScoredText[]> {
  const texts: ScoredText[] = [];
  for (const { number, text, problem } of linesOf(await readInput(path))) {
    if (problem === undefined && text.trim() === '') continue;
    const where = `Line ${number} of ${path}`;
    const row = problem === undefined ? parseWritten(text.replace(/^\uFEFF/, ''), where) : undefined;
    const textOf = (names: readonly string[]): string | undefined => {
      const name = names.find((one) => isObject(row) && typeof row[one] === 'string');
      return name === undefined ? undefined : ((row as Record<string, unknown>)[name] as string);
    };
    const completion = textOf(COMPLETIONS);
    if (!isObject(row) || completion === undefined)
      throw new GraftError(
        'predictions',
        `${where} has no completion${problem === undefined ? '' : `: ${problem}`}.`,
        `Give one JSON object on each line, with a text named ${COMPLETIONS.join(', ')}, and ${ANSWERS.join(', ')} for the reference answer.`,
      );
    const { prompt, tokens, cut, ...others } = row;
    const answer = textOf(ANSWERS);
    texts.push({
      prompt: typeof prompt === 'string' ? prompt : '',
      completion,
      cut: cut === true,
      row: Object.fromEntries(
        Object.entries(others).filter(([name]) => ![...COMPLETIONS, ...ANSWERS].includes(name)),
      ),
      ...(answer !== undefined && { answer }),
      ...(typeof tokens === 'number' && { tokens }),
    });
  }
  if (texts.length === 0)
    throw new GraftError('predictions-empty', `${path} has no predictions.`, 'Choose another file.');
  return texts;
}

/** The reference answers of rows, each as the completion. @throws GraftError as `readExamples`, `data-empty` */
export async function answerTexts(path: string, options: ReadOptions, output: Output): Promise<ScoredText[]> {
  const bytes = await readWhole(path);
  const { read } = await readNamed(path, bytes, { ...options, keepsColumns: true }, output);
  const { examples } = read;
  const texts = examples.flatMap((example) =>
    questionsOf([example], true).map(({ prompt, expected }) => ({
      prompt,
      completion: expected,
      answer: expected,
      cut: false,
      row: example.columns ?? {},
    })),
  );
  if (texts.length === 0)
    throw new GraftError(
      'data-empty',
      `${path} has no rows with a question and an answer.`,
      'Choose a file of conversations, or of prompts with answers.',
    );
  return texts;
}
