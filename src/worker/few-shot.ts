/** Prompting before tuning: a few rows of training stand before each question, and the base model answers. */
import type { Example } from '../data/example.ts';
import { prepareRows, type PreparedRow } from '../data/prepare.ts';
import { GraftError } from '../errors.ts';
import { evaluateLoss } from '../evaluate/loss.ts';
import { Random } from '../random.ts';
import type { TrainableMessage } from '../text/trainable.ts';
import { answersOf, checkAborted, exactShare } from './answers.ts';
import type { FewShotReport, Progress } from './api.ts';
import type { DataSet, Place } from './data.ts';
import { drawQuestions } from './draw.ts';
import type { OpenModel } from './model.ts';
import { originOf } from './origin.ts';
import { promptIds, questionsOf, type Question } from './questions.ts';
import type { Session } from './session.ts';
import { Slices } from './slices.ts';

const MOST_SHOTS = 64;
/** Between examples where no chat template parts them. */
const BETWEEN = '\n\n';

export interface FewShotRequest {
  readonly shots: number;
  readonly rows: number;
  readonly onProgress: (progress: Progress) => void;
  readonly signal: AbortSignal;
}

interface Pair {
  readonly example: Example;
  readonly question: Question;
}

/**
 * The same questions as `evaluate` asks, so that the two compare.
 *
 * @throws GraftError `worker-no-model`, `worker-no-data`, `worker-no-held-out`, `worker-shots`, `worker-aborted`
 */
export async function measureFewShot(
  session: Session,
  { shots: count, rows, onProgress, signal }: FewShotRequest,
): Promise<FewShotReport> {
  const open = await session.model();
  const { data } = session;
  if (!data) throw new GraftError('worker-no-data', 'No data is open.', 'Open examples first.');
  const chat = open.tokenizer.chatTemplate !== undefined;
  const test = pairsOf(data, 'test', chat);
  const shots = chooseShots(pairsOf(data, 'train', chat), count, data.options?.seed ?? 0);
  if (test.length === 0) {
    throw new GraftError(
      'worker-no-held-out',
      `${data.name} has no held-out rows that ask for something.`,
      'Split a test part off, or give a file of its own.',
    );
  }
  const { chosen, newTokens, draw } = drawQuestions(data, rows, open);
  const asked = chosen.map((at) => {
    const [question] = questionsOf([withShots(test[at].example, shots, chat)], chat);
    return { ...test[at].question, ids: promptIds(question, open.tokenizer) };
  });
  const longest = asked.reduce((length, { ids }) => Math.max(length, ids.length), 0);
  const { maxPositions, name } = open.info;
  if (longest + newTokens > maxPositions) {
    throw new GraftError(
      'worker-shots',
      `With ${count} examples before it the longest question has ${longest} tokens, its answer may take ${newTokens}, and ${name} holds ${maxPositions}.`,
      'Put fewer examples before it.',
    );
  }
  const start = performance.now();
  const answers = await answersOf(open, asked, {
    by: undefined,
    newTokens,
    signal,
    onProgress: (done) => onProgress({ what: 'answering', by: 'examples', done, total: asked.length }),
  });
  const seconds = (performance.now() - start) / 1000;
  const withExamples = await rowsWith(shots, data, test, open, new Slices(onProgress, signal));
  const loss =
    withExamples &&
    (await evaluateLoss(open.model, withExamples, undefined, (done) => {
      onProgress({ what: 'evaluating', by: 'examples', done, total: withExamples.length });
      checkAborted(signal);
    }));
  return {
    origin: await originOf(session, open, 'base', data),
    draw,
    shots: shots.map(({ question: { prompt, expected } }) => ({ prompt, answer: expected })),
    rows: asked.map(({ prompt, expected }, i) => ({ prompt, expected, answer: answers[i] })),
    exact: exactShare(asked, answers),
    ...(loss && { loss }),
    promptTokens: longest,
    seconds,
  };
}

/** Examples that ask for something, each with its question. */
function pairsOf({ places }: DataSet, part: Place['part'], chat: boolean): Pair[] {
  return places.flatMap(({ part: of, example }): Pair[] => {
    if (of !== part || !example) return [];
    return questionsOf([example], chat).map((question) => ({ example, question }));
  });
}

/** @throws GraftError `worker-shots` */
function chooseShots(train: readonly Pair[], count: number, seed: number): Pair[] {
  if (!Number.isInteger(count) || count < 1 || count > MOST_SHOTS || count > train.length) {
    throw new GraftError(
      'worker-shots',
      `${count} examples are asked for, and training has ${train.length} that ask for something.`,
      train.length === 0 ? 'Open the data again.' : `Choose 1 to ${Math.min(MOST_SHOTS, train.length)}.`,
    );
  }
  const order = new Random(seed).shuffle(Array.from({ length: train.length }, (_, i) => i));
  return order.slice(0, count).map((at) => train[at]);
}

/** The example with others before it: as turns, or as text where there is no chat template. The loss counts only its own answer. */
export function withShots(example: Example, shots: readonly Pair[], chat: boolean): Example {
  const { line } = example;
  if (!chat) {
    if (example.kind !== 'completion') return example;
    const before = shots
      .map(({ question: { ask, expected } }) => `${textOf(ask)}${expected}${BETWEEN}`)
      .join('');
    return { ...example, prompt: before + example.prompt };
  }
  const own = turnsOf(example);
  const system = own[0]?.role === 'system' ? own.slice(0, 1) : [];
  const before = shots.flatMap(({ question: { ask, expected } }): TrainableMessage[] => [
    ...(typeof ask === 'string' ? [{ role: 'user' as const, content: ask }] : ask)
      .filter(({ role }) => role !== 'system')
      .map(({ role, content }) => context({ role, content })),
    context({ role: 'assistant', content: expected }),
  ]);
  return { kind: 'messages', messages: [...system, ...before, ...own.slice(system.length)], line };
}

const context = (message: TrainableMessage): TrainableMessage =>
  message.role === 'assistant' ? { ...message, supervised: false } : message;

const textOf = (ask: Question['ask']): string =>
  typeof ask === 'string' ? ask : ask.map(({ content }) => content).join('\n');

function turnsOf(example: Example): readonly TrainableMessage[] {
  if (example.kind === 'messages') return example.messages;
  if (example.kind !== 'completion') return [];
  return [
    { role: 'user', content: example.prompt },
    { role: 'assistant', content: example.completion },
  ];
}

/** The whole test part with examples before each row; undefined where a row does not fit or was cut: its loss would be of other tokens. */
async function rowsWith(
  shots: readonly Pair[],
  data: DataSet,
  test: readonly Pair[],
  { tokenizer, info }: OpenModel,
  slices: Slices,
): Promise<PreparedRow[] | undefined> {
  const places = data.places.filter(({ part }) => part === 'test');
  if (places.length !== test.length || places.some(({ state }) => state !== 'ok')) return undefined;
  const chat = tokenizer.chatTemplate !== undefined;
  const whole: PreparedRow[] = [];
  for (const { example } of test) {
    const { rows, report } = prepareRows([withShots(example, shots, chat)], tokenizer, {
      maxLength: info.maxPositions,
    });
    if (report.cut.length > 0 || rows.length !== 1) return undefined;
    whole.push(rows[0]);
    if (slices.due)
      await slices.pause({ what: 'preparing', by: 'examples', done: whole.length, total: test.length });
  }
  return whole;
}
