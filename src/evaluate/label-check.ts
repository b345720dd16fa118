/** Labels that a tuned model doubts: rows whose given answer is far less likely to it than another answer of the list. */
import { labelledRows } from '../data/findings/labels.ts';
import type { CheckRow, Found } from '../data/findings/finding.ts';
import type { List } from '../lists.ts';
import { questionsOf } from '../data/questions.ts';
import type { Adapter } from '../adapters/adapter.ts';
import { scoreChoices } from '../model/choice-scores.ts';
import type { LanguageModel } from '../model/language-model.ts';
import { roomFor } from '../model/virtual-tokens.ts';
import { largest } from '../scorers/calibration.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { promptOfQuestion } from './answer.ts';
import { ChoiceTokens, choicesOf } from './choices.ts';

/** Another answer is so many nats likelier: three times. On planted mistakes a higher limit found fewer, and a lower one no false ones (docs/experiments/wrong-labels.md). */
export const DOUBT_NATS = Math.log(3);

/** A row whose label the model doubts. */
export interface DoubtedLabel {
  /** Its place among the rows. */
  readonly row: number;
  readonly label: string;
  /** What the model finds likeliest. */
  readonly likelier: string;
  /** The log-probability of that less the one of the label, in nats. */
  readonly nats: number;
}

export interface LabelCheck {
  /** The least certain labels first. */
  readonly doubted: readonly DoubtedLabel[];
  /** Rows that were measured, and those whose prompt does not fit into the model's window. */
  readonly measured: number;
  readonly tooLong: number;
}

/**
 * Measures the likelihood of every label of the list after each row's prompt.
 *
 * @param rows as a check reads them: of training and validation
 * @param onRow called after each row; awaited, and throwing ends the measurement
 * @returns undefined if the answers are no labels
 * @throws GraftError `choices`, `chat-template-…`, `engine-…`, and what `onRow` throws
 */
export async function checkLabels(
  {
    model,
    tokenizer,
    adapter,
  }: { readonly model: LanguageModel; readonly tokenizer: Tokenizer; readonly adapter?: Adapter | undefined },
  rows: List<CheckRow>,
  onRow: (done: number, total: number) => void | Promise<void>,
): Promise<LabelCheck | undefined> {
  const labelled = labelledRows(rows);
  if (!labelled) return undefined;
  const questions = labelled.flatMap(({ row, example, label }) => {
    const question = questionsOf([example], tokenizer.chatTemplate ?? false).at(0);
    return question ? [{ row, label, question }] : [];
  });
  /** Labels as the rows write them, white space included. */
  const written = new Map<string, string>();
  for (const { label, question } of questions) if (!written.has(label)) written.set(label, question.expected);
  const labels = [...written.keys()].sort();
  const choices = choicesOf(labels.map((label) => written.get(label)!));
  const tokens = new ChoiceTokens(tokenizer);
  const max = roomFor(model.definition.shape.maxPositions, adapter);
  const asked = questions
    .map(({ question, ...one }) => {
      const prompt = promptOfQuestion(tokenizer, question);
      return { ...one, prompt, choices: tokens.after(prompt, choices) };
    })
    .filter(
      ({ prompt, choices: ids }) => prompt.length + Math.max(...ids.map(({ length }) => length)) <= max,
    );
  const doubted: DoubtedLabel[] = [];
  await scoreChoices(model, asked, adapter, async (at, logProbabilities) => {
    const { row, label } = asked[at];
    const best = largest(logProbabilities);
    const nats = logProbabilities[best] - logProbabilities[labels.indexOf(label)];
    if (nats >= DOUBT_NATS) doubted.push({ row, label, likelier: labels[best], nats });
    await onRow(at + 1, asked.length);
  });
  return {
    doubted: doubted.sort((a, b) => b.nats - a.nats),
    measured: asked.length,
    tooLong: questions.length - asked.length,
  };
}

/** What the model finds, for the finding. */
const doubtsInWords = ({ doubted, measured, tooLong }: LabelCheck): string =>
  [
    `On ${doubted.length} of ${measured} rows the tuned model finds another label at least three times likelier.`,
    ...(doubted.length > 0
      ? [`It is least certain of a “${doubted[0].label}”: it would say “${doubted[0].likelier}”.`]
      : []),
    ...(tooLong > 0 ? [`${tooLong} rows do not fit into its window.`] : []),
  ].join(' ');

/** The same as a finding. */
export const foundDoubts = (check: LabelCheck): Found => ({
  id: 'unlikely-label',
  rows: check.doubted.map(({ row }) => row),
  detail: doubtsInWords(check),
});
