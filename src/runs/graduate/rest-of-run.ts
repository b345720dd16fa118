/** What programs that read nothing but a configuration and rows are given of the rest of a run: its rows in their order, and its rate. */
import type { ExampleContent, TrainableMessage } from '../../text/trainable.ts';
import { GraftError } from '../../errors.ts';
import { itemOf } from '../../lists.ts';
import type { LabelledTokens } from '../../model/batch.ts';
import type { RunSpec } from '../../settings/spec.ts';
import { learningRate } from '../../train/schedule.ts';
import type { GraduatedRun } from './graduated-run.ts';

/** Steps that are left; of a run that has ended, as many as take its rows once more. */
export function restSteps({ spec, state, steps, rows }: GraduatedRun): number {
  const left = steps - state.counters.step;
  return left > 0 ? left : Math.max(1, Math.ceil(rows.train.length / (spec.batch * spec.accumulate)));
}

/** The rows of these steps, one step after the other. Rows come again if a step takes them again. */
export function rowsInOrder(run: GraduatedRun): LabelledTokens[] {
  const first = run.state.counters.step;
  return Array.from({ length: restSteps(run) }, (_, at) => run.rowsOf(first + at))
    .flat()
    .map((place) => itemOf(run.rows.train, place));
}

/** The rate from which the run continues: that of its next step, or after its warm-up and its end the peak. */
export function rateLeft({ spec, state, steps }: GraduatedRun): number {
  const { step } = state.counters;
  const isOver = step >= steps || step < spec.warmup;
  return isOver ? spec.lr : learningRate(step, { ...spec, steps });
}

/** The name that transformers has for the run's schedule: its `constant` does not warm up. */
export const scheduleName = ({ schedule, warmup }: RunSpec): string =>
  schedule === 'constant' && warmup > 0 ? 'constant_with_warmup' : schedule;

/** When transformers measures validation rows: without these two it never does. */
export function evaluations({
  spec: { evalEvery },
  rows: { validation },
}: GraduatedRun): { readonly eval_strategy: string; readonly eval_steps?: number } | undefined {
  if (validation.length === 0 || evalEvery === 0) return undefined;
  return { eval_strategy: 'steps', eval_steps: evalEvery };
}

/** What every program without the moments of a run does otherwise, in sentences. */
export const NEW_OPTIMISER = [
  'The program starts a new AdamW: the moments of the run have no counterpart. It warms up again for as many steps as the run did.',
  'The learning rate starts at that of the next step, and its schedule covers the steps that are left. A cosine starts again there.',
];

/**
 * An example as a conversation.
 *
 * @param label the program, for messages
 * @throws GraftError `graduate` for what has no turns, and for turns of an assistant that are only context
 */
export function conversationOf(example: ExampleContent | undefined, label: string): readonly TaskTurn[] {
  if (example?.kind === 'completion' && !example.untrained)
    return [
      { role: 'user', content: example.prompt },
      { role: 'assistant', content: example.completion },
    ];
  const isMarked =
    example?.kind === 'completion' ||
    (example?.kind === 'messages' && example.messages.some(({ untrained }) => untrained));
  if (isMarked)
    throw new GraftError(
      'graduate',
      `${label} learns whole turns, and rows of this run have untrained parts of answers.`,
      'Choose --format trl, which is given the labels of the rows.',
    );
  if (example?.kind !== 'messages')
    throw new GraftError(
      'graduate',
      `${label} is given conversations, and rows of this run are ${example === undefined ? 'made as they are taken, from a file that is too large to hold' : example.kind === 'text' ? 'plain text' : 'tokens'}.`,
      'Choose --format trl, which is given the tokens of the rows.',
    );
  const context = example.messages.find(
    ({ role, supervised }) => role === 'assistant' && supervised === false,
  );
  if (context)
    throw new GraftError(
      'graduate',
      `${label} learns every turn of the assistant, and rows of this run have some that are only context.`,
      'Choose --format trl, which is given the labels of the rows.',
    );
  if (example.tools || example.messages.some(({ role, tool_calls }) => role === 'tool' || tool_calls))
    throw new GraftError(
      'graduate',
      `${label} is given texts of turns, and rows of this run have tools.`,
      'Choose --format trl, which is given the tokens of the rows.',
    );
  return example.messages.map(({ role, content }) => ({ role, content }));
}

export type TaskTurn = Pick<TrainableMessage, 'role' | 'content'>;
