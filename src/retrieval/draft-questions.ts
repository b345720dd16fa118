/**
 * Questions for documents, drafted by a language model. Graft picks a sentence of a passage, and the model writes a question that the sentence answers
 * and an answer in a few words. A model of 135 million parameters that was given whole passages asked about other things, and copied no sentence
 * (docs/experiments/drafted-questions.md). What it writes is read with care: a question that is not about the sentence is no draft. The model comes
 * from the caller.
 */
import { GraftError } from '../errors.ts';
import { bm25Words } from './bm25.ts';
import { isFromPassages, STOP_WORDS } from './cited.ts';
import type { QuotePlace } from './quote-place.ts';
import type { PassageSource } from './passages-prompt.ts';

/** A question of a passage. */
export interface Draft {
  readonly question: string;
  readonly answer: string;
  /** The sentence that answers it, in code units of the document's text. */
  readonly quote: QuotePlace;
}

export interface DraftProblem {
  /** As in "the model wrote no question". */
  readonly problem: string;
}

/** A passage to ask about. */
interface AskedPassage extends Pick<PassageSource, 'text' | 'start'> {
  /** How many questions of it come before this one, each about a sentence of its own. 0 if left out. */
  readonly turn?: number;
}

/** Questions of each document, unless a person says otherwise. */
export const PER_DOCUMENT = 2;

interface Turn {
  readonly role: 'user' | 'assistant';
  readonly content: string;
}

/** Asks a model for one text after each conversation. */
export type AskModel = (conversations: readonly (readonly Turn[])[]) => Promise<readonly string[]>;

/** Small models follow examples better than words about the form. They are of different kinds, since a model repeats what all have in common. */
const EXAMPLES = [
  {
    sentence: 'The library opens at nine on weekdays.',
    question: 'When does the library open on weekdays?',
    answer: 'At nine.',
  },
  {
    sentence: 'Salt lowers the temperature at which water freezes.',
    question: 'What does salt do to the temperature at which water freezes?',
    answer: 'It lowers it.',
  },
  {
    sentence: 'Tickets that were bought online cannot be returned.',
    question: 'Which tickets cannot be returned?',
    answer: 'Tickets that were bought online.',
  },
  {
    sentence: 'To reset the clock, hold both buttons for three seconds.',
    question: 'How do you reset the clock?',
    answer: 'Hold both buttons for three seconds.',
  },
] as const;

const conversation = (turns: readonly (readonly [asked: string, reply: string])[], last: string): Turn[] => [
  ...turns.flatMap(([asked, reply]): Turn[] => [
    { role: 'user', content: asked },
    { role: 'assistant', content: reply },
  ]),
  { role: 'user', content: last },
];
const forQuestion = (sentence: string): string =>
  `Write a question that this sentence answers.\n\n${sentence}`;
const askQuestion = (sentence: string): Turn[] =>
  conversation(
    EXAMPLES.map((one) => [forQuestion(one.sentence), one.question]),
    forQuestion(sentence),
  );
const askAnswer = (sentence: string, question: string): Turn[] =>
  conversation(
    EXAMPLES.map((one) => [`${one.sentence}\n\n${one.question}`, one.answer]),
    `${sentence}\n\n${question}`,
  );

/**
 * A draft or a problem for each passage, in their order. An answer in other words than the sentence's is made up, and one in the question's says
 * nothing: then the sentence is the answer.
 *
 * @throws what `ask` throws
 */
export async function draftQuestions(
  passages: readonly AskedPassage[],
  ask: AskModel,
): Promise<(Draft | DraftProblem)[]> {
  const drafts: (Draft | DraftProblem)[] = passages.map(() => ({
    problem: 'the passage has no whole sentence',
  }));
  const asked = passages.flatMap(({ text, start, turn = 0 }, at) => {
    const sentences = sentencesToAsk(text);
    const chosen = sentences.at(turn % sentences.length);
    return chosen ? [{ at, quote: { ...chosen, start: start + chosen.start, end: start + chosen.end } }] : [];
  });
  if (asked.length === 0) return drafts;
  const lineOf = ({ text }: QuotePlace): string => text.replaceAll(/\s+/gu, ' ');
  const replies = await ask(asked.map(({ quote }) => askQuestion(lineOf(quote))));
  const questions = asked.flatMap((one, n) => {
    const question = readQuestion(replies[n]);
    const problem =
      question === undefined ? 'the model wrote no question' : faultOf(question, one.quote.text);
    if (problem !== undefined) drafts[one.at] = { problem };
    return question === undefined || problem !== undefined ? [] : [{ ...one, question }];
  });
  if (questions.length === 0) return drafts;
  const answers = await ask(questions.map(({ quote, question }) => askAnswer(lineOf(quote), question)));
  questions.forEach(({ at, quote, question }, n) => {
    const written = firstLine(answers[n], /^answer\s*:\s*/i);
    const says = isFromPassages(written, [quote]) && !isAbout(written, question, 1);
    const answer = says && written.length < quote.text.length ? written : lineOf(quote);
    drafts[at] = { question, answer, quote };
  });
  return drafts;
}

/** The question of a reply: the first sentence that ends with a question mark. */
function readQuestion(reply: string): string | undefined {
  return reply
    .split('\n')
    .map((line) => cleaned(line, /^question\s*:\s*/i))
    .flatMap((line) => line.split(SENTENCE_END))
    .map((part) => /^.*?[?？]/u.exec(part)?.[0] ?? '')
    .find((part) => /\p{L}/u.test(part));
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

/** Words that most questions have. */
const ASKING = new Set(
  'can could did do does how should what when where which who whom whose why would'.split(' '),
);
/** Words with the same first letters count as one. */
const STEM = 5;
/** Chinese and Japanese put no space between words: two characters in a row stand for one. */
const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u;

/** The share of a question's words that its sentence has. Pairs of characters also stand between words. */
const ABOUT = { words: 1 / 2, pairs: 1 / 3 };
/** Without its sentence nobody knows what such a question is about. */
const POINTS = /\b(?:this|these|those)\b/iu;

/** Why a question is no draft; undefined if it is one. */
function faultOf(question: string, sentence: string): string | undefined {
  if (!isAbout(question, sentence, UNSPACED.test(question) ? ABOUT.pairs : ABOUT.words))
    return 'the model wrote a question about something else';
  if (POINTS.test(question)) return 'the model wrote a question about “this”';
  return undefined;
}

/** Whether this share of a text's words are those of another, the commonest and those of questions aside. */
function isAbout(text: string, other: string, share: number): boolean {
  const known = [...new Set(stemsOf(other))];
  const isKnown = (stem: string): boolean =>
    known.some((one) => one === stem || (stem.length >= STEM - 1 && one.startsWith(stem)));
  const stems = stemsOf(text);
  return stems.length > 0 && stems.filter(isKnown).length >= share * stems.length;
}

const stemsOf = (text: string): string[] =>
  bm25Words(text)
    .filter((word) => !STOP_WORDS.has(word) && !ASKING.has(word))
    .flatMap((word) =>
      UNSPACED.test(word)
        ? Array.from({ length: word.length - 1 }, (_, at) => word.slice(at, at + 2))
        : [word.slice(0, STEM)],
    );

/** After a sentence, or at a blank line. Chinese and Japanese put no space there. */
const SENTENCE_END = /(?<=[.!?]["')\]\u201d]*)\s+|(?<=[。！？][」』”]?)|\n\s*\n/u;
const ENDS = /[.!。！]["')\]\u201d」』”]*$/u;
/** With a capital, a digit or a letter of a script without capitals: anything else is a part of a sentence, or code. */
const STARTS = /^["'(\u2018\u201c\u00ab¿¡「『]?[\p{Lu}\p{Lt}\p{Lo}\p{N}]/u;
/** Shorter sentences say little, and longer ones say too much for one question. */
const SENTENCE_CHARS = { least: 24, leastUnspaced: 10, most: 240 };
/** More words make a sentence no better. */
const ENOUGH_WORDS = 12;
/** A sentence that starts with one of these is about the one before it. */
const POINTS_BACK =
  /^(?:(?:for|in|at|with|note that) )?(?:this|that|these|those|it|its|they|he|she|such|example|instance|here|there|then|so|also|but|and|or|rather|however|otherwise|instead)\b/iu;
/** Marks of code and tables. */
const MARKUP = /[{}<>|=\\`*_$#~^[\]]/gu;

/**
 * The sentences of a passage that a question can be about, best first: with many words of their own and few marks of code, and not about the sentence
 * before.
 */
function sentencesToAsk(text: string): QuotePlace[] {
  const found: { readonly place: QuotePlace; readonly worth: number }[] = [];
  let from = 0;
  for (const part of text.split(SENTENCE_END)) {
    const start = text.indexOf(part, from);
    from = start + part.length;
    // A heading is a line of its own above the sentence.
    const heading = /^\s*#+\s.*\n/u.exec(part)?.[0].length ?? 0;
    const sentence = part.slice(heading).trim();
    if (!ENDS.test(sentence) || !STARTS.test(sentence)) continue;
    const { least, leastUnspaced, most } = SENTENCE_CHARS;
    if (sentence.length < (UNSPACED.test(sentence) ? leastUnspaced : least) || sentence.length > most)
      continue;
    const words = new Set(bm25Words(sentence).filter((word) => !STOP_WORDS.has(word)));
    const marks = sentence.match(MARKUP)?.length ?? 0;
    const worth = (Math.min(words.size, ENOUGH_WORDS) - marks) * (POINTS_BACK.test(sentence) ? 0.5 : 1);
    const at = start + heading + part.slice(heading).indexOf(sentence);
    found.push({ place: { start: at, end: at + sentence.length, text: sentence }, worth });
  }
  return found.sort((a, b) => b.worth - a.worth).map(({ place }) => place);
}

/** The places of the chunks of a document that are asked for, evenly over it: a chunk twice only if there are fewer than questions. */
export const placesToAsk = (chunks: number, questions: number): number[] =>
  chunks === 0
    ? []
    : Array.from({ length: questions }, (_, at) => Math.floor(((at + 0.5) * chunks) / questions));

/** The chunks of each document that are asked for, each with its turn. @throws GraftError `draft-questions` if there is none */
export function passagesToAsk<Chunk extends PassageSource>(
  chunks: readonly Chunk[],
  questions: number,
): (Chunk & { readonly turn: number })[] {
  const byFile = new Map<string, Chunk[]>();
  for (const chunk of chunks) {
    const own = byFile.get(chunk.file);
    if (own) own.push(chunk);
    else byFile.set(chunk.file, [chunk]);
  }
  const asked = [...byFile.values()].flatMap((own) => {
    const places = placesToAsk(own.length, questions);
    return places.map((at, n) => ({ ...own[at], turn: n - places.indexOf(at) }));
  });
  if (asked.length === 0)
    throw new GraftError(
      'draft-questions',
      'There is no passage to ask about.',
      'Choose documents that have text.',
    );
  return asked;
}
