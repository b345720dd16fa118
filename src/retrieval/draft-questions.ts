/**
 * Questions for documents, drafted by a language model: it writes a question that a passage answers, copies the sentence that answers it, and
 * answers in a few words. Small models do one thing at a time better than three, so each is asked apart. The model comes from the caller.
 */
import { GraftError } from '../errors.ts';
import { placeOfQuote, type QuotePlace } from './quote-place.ts';
import type { PassageSource } from './passages-prompt.ts';

/** A question of a passage. A draft whose quote is not in the passage has none. */
export interface Draft {
  readonly question: string;
  readonly answer: string;
  /** In code units of the document's text. */
  readonly quote?: QuotePlace;
  /** What the model gave for a quote. */
  readonly quoted: string;
}

export interface DraftProblem {
  /** As in "wrote no question". */
  readonly problem: string;
}

/** Questions of each document, unless a person says otherwise. */
export const PER_DOCUMENT = 2;

/** Asks a model for one text after each prompt. */
export type AskModel = (prompts: readonly string[]) => Promise<readonly string[]>;

const askQuestion = (text: string): string =>
  `${text}\n\nWrite one short question that the text above answers. Write only the question.`;
const askQuote = (text: string, question: string): string =>
  `${text}\n\nQuestion: ${question}\n\nCopy the one sentence of the text above that answers the question, word for word. Write only that sentence.`;
const askAnswer = (text: string, question: string): string =>
  `${text}\n\nQuestion: ${question}\n\nAnswer the question from the text above, in a few words.`;

/** A draft or a problem for each passage, in their order. @throws what `ask` throws */
export async function draftQuestions(
  passages: readonly Pick<PassageSource, 'text' | 'start'>[],
  ask: AskModel,
): Promise<(Draft | DraftProblem)[]> {
  const questions = (await ask(passages.map(({ text }) => askQuestion(text)))).map(readQuestion);
  const asked = passages.flatMap((passage, at) => {
    const question = questions[at];
    return question === undefined ? [] : [{ passage, question, at }];
  });
  const prompts = (write: typeof askQuote): string[] =>
    asked.map(({ passage, question }) => write(passage.text, question));
  const quotes = asked.length === 0 ? [] : await ask(prompts(askQuote));
  const answers = asked.length === 0 ? [] : await ask(prompts(askAnswer));
  const drafts: (Draft | DraftProblem)[] = passages.map(() => ({ problem: 'wrote no question' }));
  asked.forEach(({ passage, question, at }, n) => {
    const answer = firstLine(answers[n], /^answer\s*:\s*/i);
    const found = longestQuote(passage.text, quotes[n]);
    drafts[at] =
      answer === ''
        ? { problem: `wrote no answer to “${question}”` }
        : {
            ...{ question, answer, quoted: quotes[n].trim() },
            ...(found && {
              quote: { ...found, start: passage.start + found.start, end: passage.start + found.end },
            }),
          };
  });
  return drafts;
}

/** The line of a question: the first that ends with a question mark. */
function readQuestion(reply: string): string | undefined {
  const lines = reply.split('\n').map((line) => cleaned(line, /^question\s*:\s*/i));
  const found = lines.map((line) => /^.*?\?/.exec(line)?.[0] ?? '').find((line) => /\p{L}/u.test(line));
  return found === undefined ? undefined : found;
}

const firstLine = (reply: string, label: RegExp): string =>
  reply
    .split('\n')
    .map((line) => cleaned(line, label))
    .find((line) => line !== '') ?? '';

/** Without numbers of a list, marks of emphasis, quotation marks and a label. */
const cleaned = (line: string, label: RegExp): string =>
  line
    .replace(/^[\s>*_#-]*(?:\d+[.)]\s+)?[\s*_]*/, '')
    .replace(label, '')
    .replaceAll(/^["\u201c*_\s]+|["\u201d*_\s]+$/gu, '');

/** The longest part of a reply that stands in the text: the whole, a line, a sentence, or words in quotation marks. */
function longestQuote(text: string, reply: string): QuotePlace | undefined {
  const lines = reply.split('\n').map((line) => cleaned(line, /^(?:quote|sentence|answer)\s*:\s*/i));
  const parts = [
    reply,
    ...lines,
    ...lines.flatMap((line) => line.split(/(?<=[.!?])\s+/u)),
    ...[...reply.matchAll(/["\u201c]([^"\u201d]+)["\u201d]/gu)].map(([, quoted]) => quoted),
  ].filter((part) => part.split(/\s+/u).length >= MIN_WORDS);
  const found = parts.flatMap((part) => placeOfQuote(text, part) ?? []);
  return found.reduce<QuotePlace | undefined>(
    (best, one) => (best && best.text.length >= one.text.length ? best : one),
    undefined,
  );
}

/** Fewer words stand in most texts. */
const MIN_WORDS = 3;

/** The places of the chunks of a document that are asked for, evenly over it: a chunk twice only if there are fewer than questions. */
export const placesToAsk = (chunks: number, questions: number): number[] =>
  chunks === 0
    ? []
    : Array.from({ length: questions }, (_, at) => Math.floor(((at + 0.5) * chunks) / questions));

/** The chunks of each document that are asked for. @throws GraftError `draft-questions` if there is none */
export function passagesToAsk<Chunk extends PassageSource>(
  chunks: readonly Chunk[],
  questions: number,
): Chunk[] {
  const byFile = new Map<string, Chunk[]>();
  for (const chunk of chunks) {
    const own = byFile.get(chunk.file);
    if (own) own.push(chunk);
    else byFile.set(chunk.file, [chunk]);
  }
  const asked = [...byFile.values()].flatMap((own) =>
    placesToAsk(own.length, questions).map((at) => own[at]),
  );
  if (asked.length === 0)
    throw new GraftError(
      'draft-questions',
      'There is no passage to ask about.',
      'Choose documents that have text.',
    );
  return asked;
}
