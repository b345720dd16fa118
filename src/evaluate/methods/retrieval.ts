/** The passages of documents that fit a question best stand before it: knowledge that is read instead of learned. */
import { GraftError } from '../../errors.ts';
import type { Question } from '../../data/questions.ts';
import type { Fitted } from '../../retrieval/passages-prompt.ts';
import type { Evidence } from '../record.ts';
import type { Answered, AskedQuestion, EvalRequest, Method } from './method.ts';

export const retrieval: Method = {
  name: 'retrieval',
  title: 'Base, with passages',
  help: 'the base model with the best passages of --index before each question',
  term: 'retrieval',
  kind: 'base',
  noun: 'the base model with passages',
  what: ({ passages }) =>
    `up to ${passages?.top ?? 0} passages before each question${passages?.reranked === undefined ? '' : `, ranked again by ${passages.rerankedBy ?? 'the model'}`}`,
  doing: () => 'the base model with passages in its prompt',
  answer: answerWithPassages,
};

/** The same with an adapter. */
export const adapterRetrieval: Method = {
  ...retrieval,
  name: 'adapter-retrieval',
  title: 'Adapter, with passages',
  help: 'each adapter with the same passages; retrieval+adapter stands for it',
  kind: 'adapter',
  noun: 'the adapter with passages',
  doing: () => 'the adapter with passages in its prompt',
};

/**
 * @returns undefined without an index
 * @throws GraftError `evaluate-passages` for a question that does not fit with the template, even without passages
 */
async function answerWithPassages({
  asked,
  model,
  passages,
  signal,
}: EvalRequest): Promise<Answered | undefined> {
  if (!passages) return undefined;
  const { name, newTokens, maxPositions } = model;
  const began = performance.now();
  const found = await passages.find(
    asked.map(({ question }) => searchedText(question)),
    signal,
  );
  const room = maxPositions - newTokens;
  const prompts = asked.map(({ question }, at): { question: Question; fitted: Fitted } => {
    const fitted = passages.fit(searchedText(question), found[at], {
      room,
      tokensOf: (text) => model.tokensOf(withText(question, text)),
    });
    if (fitted.tokens > room)
      throw new GraftError(
        'evaluate-passages',
        `In the template of passages a question has ${fitted.tokens} tokens without any passage, its answer may take ${newTokens}, and ${name} holds ${maxPositions}.`,
        'Give a shorter template with --passages-template.',
      );
    return { question: withText(question, fitted.text), fitted };
  });
  const searchSeconds = (performance.now() - began) / 1000;
  const answers = await model.answer(
    prompts.map(({ question }) => question),
    signal,
  );
  return {
    answers: answers.map((answer, at) => ({
      ...answer,
      ...evidenceOf(prompts[at].fitted),
      ...recallOf(asked[at], prompts[at].fitted, passages),
    })),
    detail: { passages: { ...passages.about, window: maxPositions, searchSeconds } },
  };
}

function evidenceOf({ sources, leftOut, tokens, passageTokens }: Fitted): Partial<Evidence> {
  return {
    passages: sources.map(({ text }) => text),
    sources: sources.map(({ id, file, page, start, end }) => ({
      ...{ id, file, start, end },
      ...(page !== null && { page }),
    })),
    ...(leftOut.length > 0 && { leftOut: leftOut.length }),
    promptTokens: tokens,
    passageTokens,
  };
}

function recallOf(
  { example }: AskedQuestion,
  { sources }: Fitted,
  passages: NonNullable<EvalRequest['passages']>,
): Partial<Evidence> {
  const recall = passages.recall(example, sources);
  return recall === undefined ? {} : { recall };
}

/** What passages are searched for: the last words of the user. */
const searchedText = ({ ask, prompt }: Question): string =>
  typeof ask === 'string' ? prompt : (ask.findLast(({ role }) => role === 'user')?.content ?? prompt);

/** The question with another text in the place of {@link searchedText}. */
function withText(question: Question, text: string): Question {
  const { ask, prompt } = question;
  if (typeof ask === 'string')
    return { ...question, ask: text + (ask.startsWith(prompt) ? ask.slice(prompt.length) : '') };
  const last = ask.findLastIndex(({ role }) => role === 'user');
  return { ...question, ask: ask.map((turn, at) => (at === last ? { ...turn, content: text } : turn)) };
}
