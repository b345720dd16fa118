/** A few rows of training stand before each question: prompting before tuning, and the same with an adapter. */
import type { Example } from '../../data/example.ts';
import { promptQuestionsOf, questionsOf, type Question } from '../../data/questions.ts';
import { GraftError } from '../../errors.ts';
import { plural } from '../../numbers.ts';
import { Random } from '../../random.ts';
import { singleOf, type ExampleContent, type TrainableMessage } from '../../text/trainable.ts';
import type { LossReport } from '../record.ts';
import type { Answered, Detail, EvalRequest, Method, Pair } from './method.ts';

const MAX_SHOTS = 64;
/** The text between examples where there is no chat template. */
const BETWEEN = '\n\n';

const before = ({ shots = [] }: Detail): string => plural(shots.length, 'example');

export const fewShot: Method = {
  name: 'few-shot',
  title: 'Base, with examples',
  help: 'the base model with examples of training before each question',
  term: 'few-shot',
  kind: 'base',
  noun: 'the base model with examples',
  what: (detail) => `${before(detail)} before each question`,
  doing: (detail) => `the base model with ${before(detail)} in its prompt`,
  answer: answerWithExamples,
  loss: lossWithExamples,
};

/** The same with an adapter. A run on rewards samples answers without examples, and the model may forget how to use them. */
export const adapterFewShot: Method = {
  ...fewShot,
  name: 'adapter-few-shot',
  title: 'Adapter, with examples',
  help: 'each adapter with the same examples (left out by itself, unless the adapter learned from rewards)',
  kind: 'adapter',
  noun: 'the adapter with examples',
  doing: (detail) => `the adapter with ${before(detail)} in its prompt`,
};

/** @throws GraftError `evaluate-shots` for more examples than training has, or than fit before a question */
async function answerWithExamples(exam: EvalRequest): Promise<Answered> {
  const { train, asked, model, shots: count, seed, signal } = exam;
  const shots = chooseShots(train, count, seed);
  const questions = asked.flatMap(({ question, example }): Question[] => {
    if (!example) return [];
    const shown = [withShots(example, shots, model.chat)];
    const [{ ask }] = [...questionsOf(shown, model.chat), ...promptQuestionsOf(shown, model.chat)];
    return [{ ...question, ask }];
  });
  const promptTokens = questions.reduce((most, question) => Math.max(most, model.tokensOf(question)), 0);
  const { name, newTokens, maxPositions } = model;
  if (promptTokens + newTokens > maxPositions) {
    throw new GraftError(
      'evaluate-shots',
      `With ${count} examples before it the longest question has ${promptTokens} tokens, its answer may take ${newTokens}, and ${name} holds ${maxPositions}.`,
      'Put fewer examples before it.',
    );
  }
  return {
    answers: await model.answer(questions, signal),
    detail: {
      shots: shots.map(({ question: { prompt, expected } }) => ({ prompt, answer: expected })),
      promptTokens,
    },
  };
}

function lossWithExamples({
  train,
  model,
  shots: count,
  seed,
  signal,
}: EvalRequest): Promise<LossReport | undefined> {
  const shots = chooseShots(train, count, seed);
  return model.lossWith((example) => withShots(example, shots, model.chat), signal);
}

/** @throws GraftError `evaluate-shots` */
function chooseShots(train: readonly Pair[], count: number, seed: number): Pair[] {
  if (!Number.isInteger(count) || count < 1 || count > MAX_SHOTS || count > train.length) {
    throw new GraftError(
      'evaluate-shots',
      `${count} examples are asked for, and training has ${train.length} that ask for something.`,
      train.length === 0 ? 'Open the data again.' : `Choose 1 to ${Math.min(MAX_SHOTS, train.length)}.`,
    );
  }
  const order = new Random(seed).shuffle(Array.from({ length: train.length }, (_, i) => i));
  return order.slice(0, count).map((at) => train[at]);
}

/**
 * The example with others before it: as turns, or as text where there is no chat template. The loss counts only its own answer: of a pair the chosen
 * one.
 */
export function withShots(given: Example, shots: readonly Pair[], chat: boolean): Example {
  const { line } = given;
  const example: Example = { ...singleOf(given), line };
  if (!chat) {
    if (example.kind !== 'completion' && (example.kind !== 'prompt' || typeof example.prompt !== 'string'))
      return example;
    const before = shots
      .map(({ question: { ask, expected } }) => `${textOf(ask)}${expected}${BETWEEN}`)
      .join('');
    return { ...example, prompt: `${before}${example.prompt as string}` };
  }
  const own = turnsOf(example);
  const system = own[0]?.role === 'system' ? own.slice(0, 1) : [];
  const before = shots.flatMap(({ question: { ask, expected } }): TrainableMessage[] => [
    ...(typeof ask === 'string' ? [{ role: 'user' as const, content: ask }] : ask)
      .filter(({ role }) => role !== 'system')
      .map(context),
    context({ role: 'assistant', content: expected }),
  ]);
  const messages = [...system, ...before, ...own.slice(system.length)];
  if (example.kind === 'prompt') return { ...example, prompt: messages };
  const tools = example.kind === 'messages' ? example.tools : undefined;
  return { kind: 'messages', messages, line, ...(tools && { tools }) };
}

const context = (message: TrainableMessage): TrainableMessage =>
  message.role === 'assistant' ? { ...message, supervised: false } : message;

const textOf = (ask: Question['ask']): string =>
  typeof ask === 'string' ? ask : ask.map(({ content }) => content).join('\n');

function turnsOf(example: ExampleContent): readonly TrainableMessage[] {
  if (example.kind === 'messages') return example.messages;
  if (example.kind === 'prompt' && typeof example.prompt !== 'string') return example.prompt;
  if (example.kind === 'prompt') return [{ role: 'user', content: example.prompt as string }];
  if (example.kind !== 'completion') return [];
  return [
    { role: 'user', content: example.prompt },
    { role: 'assistant', content: example.completion },
  ];
}
