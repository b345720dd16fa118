/** Base against tuned on held-out rows: both answer the same prompts, and the loss of both is measured. */
import { GraftError } from '../errors.ts';
import { evaluateLoss } from '../evaluate/loss.ts';
import { mostFrequent, nearest } from '../evaluate/rules.ts';
import type { Adapter } from '../model/lora.ts';
import { answersOf, checkAborted, exactShare } from './answers.ts';
import type { AdapterChoice, Evaluation, LossReport, Progress, RuleReport } from './api.ts';
import { rowsOf, type DataSet } from './data.ts';
import { drawQuestions, type Drawn } from './draw.ts';
import type { OpenModel } from './model.ts';
import { originOf } from './origin.ts';
import { questionsOf } from './questions.ts';
import type { Session } from './session.ts';
import { Slices } from './slices.ts';
import { seenRows, trainedOn } from './trained-on.ts';

export interface EvaluationRequest {
  readonly adapter: AdapterChoice;
  readonly rows: number;
  readonly onProgress: (progress: Progress) => void;
  readonly signal: AbortSignal;
}

/** @throws GraftError `worker-no-model`, `worker-no-data`, `worker-no-held-out`, `worker-no-adapter`, `worker-aborted` */
export async function evaluate(
  session: Session,
  { adapter, rows, onProgress, signal }: EvaluationRequest,
): Promise<Evaluation> {
  const open = await session.model();
  const { data } = session;
  if (!data) throw new GraftError('worker-no-data', 'No data is open.', 'Open examples first.');
  const test = rowsOf(data, 'test');
  if (test.length === 0) {
    throw new GraftError(
      'worker-no-held-out',
      `${data.name} has no held-out rows.`,
      'Split a test part off, or give a file of its own.',
    );
  }
  const tuned = await session.adapter(adapter, open);
  const origin = await originOf(session, open, adapter, data);
  const drawn = drawQuestions(data, rows, open);
  const { asked, chosen, draw } = drawn;
  const slices = new Slices(onProgress, signal);
  const training = await trainedOn(session, adapter);
  const seen = training && (await seenRows(training, data, chosen, open, slices));
  const baseAnswers = await answersOfBase(open, data, drawn, onProgress, signal);
  const tunedAnswers = tuned
    ? await answersOf(open, asked, {
        by: tuned,
        newTokens: drawn.newTokens,
        signal,
        onProgress: (done) => onProgress({ what: 'answering', by: 'adapter', done, total: asked.length }),
      })
    : baseAnswers;

  const lossBy = (by: NonNullable<Progress['by']>, model?: Adapter): Promise<LossReport> =>
    evaluateLoss(open.model, test, model, (done) => {
      onProgress({ what: 'evaluating', by, done, total: test.length });
      checkAborted(signal);
    });
  const baseLoss = (data.base.loss ??= await lossBy('base'));
  const tunedLoss = tuned ? await lossBy('adapter', tuned) : baseLoss;
  const rules = await rulesOf(data, drawn, open, slices);

  return {
    origin,
    draw,
    ...(seen && { seen }),
    rows: asked.map(({ prompt, expected }, i) => ({
      prompt,
      expected,
      base: baseAnswers[i],
      tuned: tunedAnswers[i],
    })),
    base: baseLoss,
    tuned: tunedLoss,
    exact: { base: exactShare(asked, baseAnswers), tuned: exactShare(asked, tunedAnswers) },
    rules,
  };
}

/** What the base model answers. Answers are kept by row, those of an evaluation that was stopped too: none is asked for twice. */
async function answersOfBase(
  open: OpenModel,
  { base }: DataSet,
  { asked, chosen, newTokens }: Drawn,
  onProgress: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<string[]> {
  const missing = [...asked.keys()].filter((at) => !base.answers.has(chosen[at]));
  const known = asked.length - missing.length;
  await answersOf(
    open,
    missing.map((at) => asked[at]),
    {
      by: undefined,
      newTokens,
      signal,
      onAnswer: (at, text) => base.answers.set(chosen[missing[at]], text),
      onProgress: (done) =>
        onProgress({ what: 'answering', by: 'base', done: known + done, total: asked.length }),
    },
  );
  return chosen.map((at) => base.answers.get(at)!);
}

/** What rules without a model would have answered, from the training part. None where nothing repeats and nothing can be copied. */
async function rulesOf(
  { places }: DataSet,
  { asked }: Drawn,
  { tokenizer }: OpenModel,
  slices: Slices,
): Promise<RuleReport[]> {
  const train = questionsOf(
    places.flatMap(({ part, example }) => (part === 'train' && example ? [example] : [])),
    tokenizer.chatTemplate !== undefined,
  );
  if (train.length === 0 || asked.length === 0) return [];
  const frequent = mostFrequent(train.map(({ expected }) => expected));
  const find = nearest(train.map(({ prompt }) => prompt));
  const copied: string[] = [];
  await slices.each('comparing', asked, ({ prompt }) => copied.push(train[find(prompt)].expected));
  return [
    ...(frequent
      ? [
          {
            rule: 'frequent' as const,
            answer: frequent.answer,
            share: frequent.count / train.length,
            exact: exactShare(
              asked,
              asked.map(() => frequent.answer),
            ),
          },
        ]
      : []),
    { rule: 'nearest' as const, answers: copied, exact: exactShare(asked, copied) },
  ];
}
