/** Rows as prompts: the texts for people and rewards next to the tokens. */
import type { Example } from '../data/example.ts';
import { questionsOf, textOfPrompt } from '../data/questions.ts';
import type { LabelledTokens } from '../model/batch.ts';
import { objectiveOf } from '../objectives/registry.ts';
import type { PromptRow } from '../train/policy/prompts.ts';

/** A row and its example, which is missing for a part of a document. */
interface MadeRow<Row extends LabelledTokens> {
  readonly row: Row;
  readonly example?: Example;
}

/**
 * The rows for an objective: with the texts of prompt and answer and the other columns if answers are sampled, otherwise unchanged.
 *
 * @param made the examples of all rows of the run
 * @throws Error as `objectiveOf`
 */
export function rowsFor<Row extends LabelledTokens>(
  objective: string | undefined,
  rows: readonly Row[],
  made: readonly MadeRow<Row>[],
): readonly (Row & PromptRow)[] {
  if (!objectiveOf(objective).samples) return rows;
  const exampleOf = new Map(made.map(({ row, example }) => [row, example]));
  return rows.map((row) => askedRow(row, exampleOf.get(row)));
}

/** A row that answers are sampled to, with the texts of prompt and answer and the other columns. */
export function askedRow<Row extends LabelledTokens>(
  row: Row,
  example: Example | undefined,
): Row & PromptRow {
  if (example?.kind === 'prompt')
    return { ...row, asked: { prompt: textOfPrompt(example.prompt), ...columnsOf(example) } };
  const [question] = example ? questionsOf([example], true) : [];
  if (!question) return row;
  const { prompt, expected: answer } = question;
  return { ...row, asked: { prompt, answer, ...columnsOf(example) } };
}

const columnsOf = (example: Example | undefined): Pick<NonNullable<PromptRow['asked']>, 'columns'> =>
  example?.columns ? { columns: example.columns } : {};
