/** A prompt that is made around the question: an instruction, examples of training, or both; it fits the window of the model. */
import type { Example } from '../../data/example.ts';
import { promptQuestionsOf, questionsOf, type Question } from '../../data/questions.ts';
import { GraftError } from '../../errors.ts';
import { changed, itemOf, itemsOf } from '../../lists.ts';
import { Random } from '../../random.ts';
import type { LossReport } from '../record.ts';
import { withInstruction } from './instruction.ts';
import type { Answered, Detail, EvalModel, EvalRequest, ExampleChoice, Demonstration } from './method.ts';
import { nearestFirst } from './nearest.ts';
import { similarFirst } from './similar.ts';
import { withShots } from './turns.ts';

const MAX_SHOTS = 64;

/** What stands before a question. */
interface Prompting {
  /** '' for none. */
  readonly instruction: string;
  readonly choice: ExampleChoice;
  /** Missing for none. */
  readonly shots?: number;
}

/** The examples of one question. The most useful are the last, since the first are left out if not all fit. */
type Chooser = (question: Question) => readonly Demonstration[] | Promise<readonly Demonstration[]>;

/** @throws GraftError `evaluate-shots` for more examples than training has */
async function chooserOf(
  { train, seed, asked, encoder, signal }: EvalRequest,
  { choice, shots }: Prompting,
): Promise<Chooser> {
  if (shots === undefined) return () => [];
  if (!Number.isInteger(shots) || shots < 1 || shots > MAX_SHOTS || shots > train.length)
    throw new GraftError(
      'evaluate-shots',
      `${shots} examples are asked for, and training has ${train.length} that ask for something.`,
      train.length === 0 ? 'Open the data again.' : `Choose 1 to ${Math.min(MAX_SHOTS, train.length)}.`,
    );
  if (choice === 'nearest') {
    const find = nearestFirst(changed(train, ({ question }) => question.prompt));
    return ({ prompt }) =>
      find(prompt, shots)
        .map((at) => itemOf(train, at))
        .reverse();
  }
  if (choice === 'similar') {
    if (!encoder)
      throw new GraftError(
        'evaluate-shots',
        'Examples that are similar by meaning need an encoder, and there is none.',
        'Give one, or choose the nearest by words.',
      );
    const prompts = Array.from(itemsOf(train), ({ question }) => question.prompt);
    const questions = asked.map(({ question }) => question.prompt);
    const find = await similarFirst(encoder, prompts, questions, signal);
    return async ({ prompt }) => (await find(prompt, shots)).map((at) => itemOf(train, at)).reverse();
  }
  const order = new Random(seed).shuffle(Array.from({ length: train.length }, (_, i) => i));
  const same = order.slice(0, shots).map((at) => itemOf(train, at));
  return () => same;
}

/** An example with its prompt, and the question that it asks then. */
function engineered(
  example: Example,
  shots: readonly Demonstration[],
  instruction: string,
  chat: boolean,
): { readonly shown: Example; readonly ask: Question['ask'] } {
  const shown = withInstruction(
    shots.length === 0 ? example : withShots(example, shots, chat),
    instruction,
    chat,
  );
  const [{ ask }] = [...questionsOf([shown], chat), ...promptQuestionsOf([shown], chat)];
  return { shown, ask };
}

interface Fitted {
  readonly shots: readonly Demonstration[];
  readonly asked: Question;
  readonly tokens: number;
}

/** The last of the examples, as many as fit before the question. @throws GraftError `evaluate-shots` if it does not fit without any */
function fitted(
  { example, question }: { readonly example: Example; readonly question: Question },
  all: readonly Demonstration[],
  instruction: string,
  model: EvalModel,
): Fitted {
  for (let many = all.length; many >= 0; many--) {
    const shots = all.slice(all.length - many);
    const asked = { ...question, ask: engineered(example, shots, instruction, model.chat).ask };
    const tokens = model.tokensOf(asked);
    if (tokens + model.newTokens <= model.maxPositions) return { shots, asked, tokens };
  }
  throw noRoom(model, 'the instruction', 'Write a shorter instruction.');
}

/** The tokens of prompts, and what the model can hold. @param tokens of each question */
const costOf = (tokens: readonly number[], { maxPositions }: EvalModel): Detail =>
  tokens.length === 0
    ? {}
    : {
        promptTokens: tokens.reduce((max, each) => Math.max(max, each), 0),
        meanPromptTokens: tokens.reduce((sum, each) => sum + each, 0) / tokens.length,
        window: maxPositions,
      };

/** Answers to the questions as they are. */
export async function answerBare({ model, asked, signal }: EvalRequest): Promise<Answered> {
  const questions = asked.map(({ question }) => question);
  const detail = costOf(
    questions.map((question) => model.tokensOf(question)),
    model,
  );
  return { answers: await model.answer(questions, signal), detail };
}

/** @throws GraftError `evaluate-shots` if training has too few examples, or not one of them fits before every question */
export async function answerEngineered(exam: EvalRequest, prompting: Prompting): Promise<Answered> {
  const { asked, train, model, signal } = exam;
  const choose = await chooserOf(exam, prompting);
  const { instruction, shots: wanted = 0, choice } = prompting;
  const usable = asked.flatMap(({ question, example }) => (example ? [{ question, example }] : []));
  const chosen: (readonly Demonstration[])[] = [];
  for (const { question } of usable) chosen.push(await choose(question));
  let found = usable.map((one, at) => fitted(one, chosen[at], instruction, model));
  const max = found.reduce((min, { shots }) => Math.min(min, shots.length), wanted);
  // Random examples are the same before every question: as many as the longest question leaves room for.
  if (choice === 'random' && max < wanted) {
    if (max === 0) throw noRoom(model, 'one example', 'Ask without examples.');
    found = usable.map((one, at) => fitted(one, chosen[at].slice(wanted - max), instruction, model));
  }
  const detail: Detail = {
    ...(wanted > 0 &&
      choice === 'random' && {
        shots: (found.at(0)?.shots ?? (await choose(itemOf(train, 0).question))).map(
          ({ question: { prompt, expected } }) => ({
            prompt,
            answer: expected,
          }),
        ),
      }),
    ...(wanted > 0 && choice !== 'random' && { nearest: wanted }),
    ...(wanted > 0 && choice === 'similar' && exam.encoder && { encoder: exam.encoder.name }),
    ...(max < wanted && { fitted: max }),
    ...(instruction !== '' && { instruction }),
    ...costOf(
      found.map(({ tokens }) => tokens),
      model,
    ),
  };
  return {
    answers: await model.answer(
      found.map(({ asked: question }) => question),
      signal,
    ),
    detail,
  };
}

/** The loss on the reference answers after the same prompts; undefined if a row does not fit whole. */
export async function lossEngineered(
  exam: EvalRequest,
  prompting: Prompting,
): Promise<LossReport | undefined> {
  const { model, signal } = exam;
  const choose = await chooserOf(exam, prompting);
  return model.lossWith(async (example) => {
    const [question] = [...questionsOf([example], model.chat), ...promptQuestionsOf([example], model.chat)];
    return question
      ? engineered(example, await choose(question), prompting.instruction, model.chat).shown
      : example;
  }, signal);
}

function noRoom({ name, newTokens, maxPositions }: EvalModel, what: string, remedy: string): GraftError {
  return new GraftError(
    'evaluate-shots',
    `With ${what} before it a question does not fit: its answer may take ${newTokens} tokens, and ${name} holds ${maxPositions}.`,
    remedy,
  );
}
