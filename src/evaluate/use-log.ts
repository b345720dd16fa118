/**
 * A log of real use: what people asked a model, its answers, and their thumbs. Three programs write one, a line of JSON for each answer.
 *
 *   graft serve --log, and Use on the page   {time, model, messages | prompt, answer, finish_reason, thumb?}
 *   the chat page of an export               {time, messages with the answer as the last, finish_reason?, thumb}
 *
 * The report says how long answers are, which went wrong as far as their text says, and how far questions have moved from the training rows. Page and
 * command have the same numbers.
 */
import { median } from '../averages.ts';
import { writtenRows } from '../data/written-rows.ts';
import type { Content } from '../data/lines.ts';
import { GraftError } from '../errors.ts';
import { isObject, type JsonObject } from '../json.ts';
import { percent, plural } from '../numbers.ts';
import { logDrift, type Drift } from './drift.ts';

export type Thumb = 'up' | 'down';

/** Further fields, such as calls of tools, stay as they are. */
export interface LoggedMessage extends JsonObject {
  readonly role: string;
  readonly content: string;
}

export interface UsedAnswer {
  /** The name of the model or adapter. */
  readonly model: string;
  /** As the line has it, in ISO 8601; '' if it has none. */
  readonly time: string;
  /** The last question, as a person reads it; '' for token ids. */
  readonly prompt: string;
  /** The conversation, a text that the model continued, or its token ids. */
  readonly asked: readonly LoggedMessage[] | string | readonly number[];
  readonly answer: string;
  /** `stop`, `length` or `aborted`; '' if the line does not say. */
  readonly finish: string;
  /** Missing if nobody judged the answer. */
  readonly thumb?: Thumb;
}

/** Why an answer went wrong: as far as its text says, or because a person disliked it. */
export type Wrong = 'empty' | 'cut' | 'refusal' | 'repeats' | 'disliked';

/** In the order in which they are reported. */
export const WRONGS: Readonly<Record<Wrong, string>> = {
  empty: 'Empty',
  cut: 'Cut at the limit',
  refusal: 'Refused',
  repeats: 'Repeating',
  disliked: 'Disliked',
};

export const LOG_REMEDY = 'Give a file that graft serve --log, a chat page or Use wrote.';
/** A page of an export does not say its model. */
const CHAT_PAGE = 'chat page';

/** Beginnings of answers that refuse, in English. */
const REFUSAL =
  /^\W*(?:i(?:['’]m| am) (?:sorry|unable|not able)|sorry\b|i (?:can['’]?t|cannot|could not|won['’]?t|do(?:n['’]t| not) know)|as an ai\b)/i;
/** Words in a row that come this often. */
const REPEATED = /(?:^|\s)(\S+(?:\s+\S+){0,5})(?:\s+\1){3}(?:\s|$)/u;

/** Damaged lines that are named; the rest are counted. */
const NAMED_LINES = 10;

/**
 * The answers of a log. Lines that are no whole JSON are left out, since a program or a machine may have stopped while it wrote one.
 *
 * @param name of the file, for messages
 * @param tell told in a sentence which lines are left out, if some are
 * @throws GraftError `use-log`, naming the line, or for a file without answers; `json-…`
 */
export function readUseLog(
  content: Content,
  name: string,
  tell: (sentence: string) => void = () => undefined,
): UsedAnswer[] {
  const damaged: number[] = [];
  let first: GraftError | undefined;
  const used = writtenRows(content, name, {
    ...{ code: 'use-log', remedy: LOG_REMEDY, read: readUsed },
    broken(line, error) {
      damaged.push(line);
      first ??= error;
    },
  });
  if (used.length === 0) throw first ?? new GraftError('use-log', `${name} has no answers yet.`, LOG_REMEDY);
  if (damaged.length > 0) {
    const named = damaged.slice(0, NAMED_LINES).join(', ');
    const more = damaged.length > NAMED_LINES ? ` and ${damaged.length - NAMED_LINES} more` : '';
    tell(
      damaged.length === 1
        ? `Line ${named} of ${name} is left out: it is damaged, as if the program had stopped while it wrote it.`
        : `Lines ${named}${more} of ${name} are left out: they are damaged, as if the program had stopped while it wrote them.`,
    );
  }
  return used;
}

function readUsed(row: JsonObject, fault: (what: string) => GraftError): UsedAnswer {
  const { messages, prompt, time, thumb: given } = row;
  const thumb: Thumb | undefined = given === 'up' || given === 'down' ? given : undefined;
  const common = { time: typeof time === 'string' ? time : '', ...(thumb && { thumb }) };
  const conversation = Array.isArray(messages) ? messagesOf(messages) : [];
  const answered = conversation.at(-1);
  if (row['answer'] === undefined && answered?.role === 'assistant') {
    const asked = conversation.slice(0, -1);
    const last = asked.at(-1);
    if (!last) throw fault('has no question');
    // Pages of earlier versions do not say why an answer ended.
    const finish = typeof row['finish_reason'] === 'string' ? row['finish_reason'] : '';
    return { ...common, model: CHAT_PAGE, prompt: last.content, asked, answer: answered.content, finish };
  }
  const { model, answer, finish_reason: finish } = row;
  if (typeof model !== 'string' || typeof answer !== 'string' || typeof finish !== 'string')
    throw fault('is not an answer of a log');
  const said = { ...common, model, answer, finish };
  if (typeof prompt === 'string') return { ...said, prompt, asked: prompt };
  if (answered) return { ...said, prompt: answered.content, asked: conversation };
  // Token ids say nothing to a reader.
  if (Array.isArray(prompt) && prompt.every((id) => typeof id === 'number'))
    return { ...said, prompt: '', asked: prompt };
  throw fault('has no question');
}

/** The messages with their texts: parts of a message are joined, and what is no text counts as ''. */
function messagesOf(messages: readonly unknown[]): LoggedMessage[] {
  return messages.flatMap((message): LoggedMessage[] => {
    if (!isObject(message) || typeof message['role'] !== 'string') return [];
    const { role, content } = message;
    const parts = Array.isArray(content) ? (content as unknown[]) : [content];
    const text = parts.map((part) => (isObject(part) ? part['text'] : part));
    return [{ ...message, role, content: text.filter((part) => typeof part === 'string').join('') }];
  });
}

/** Why an answer went wrong; undefined if nothing says so. A person who liked it knows better than a rule. */
export function wrongOf({
  answer,
  finish,
  thumb,
}: Pick<UsedAnswer, 'answer' | 'finish' | 'thumb'>): Wrong | undefined {
  if (thumb === 'up') return undefined;
  if (answer.trim() === '') return 'empty';
  if (REFUSAL.test(answer)) return 'refusal';
  if (REPEATED.test(answer)) return 'repeats';
  if (finish === 'length') return 'cut';
  return thumb === 'down' ? 'disliked' : undefined;
}

/** A training row as the report compares with it. */
export interface TrainedRow {
  readonly prompt: string;
  readonly expected: string;
}

export interface UseReport {
  readonly answers: number;
  readonly models: Readonly<Record<string, number>>;
  readonly thumbs: Readonly<Record<Thumb, number>>;
  readonly median_characters: Readonly<Record<'questions' | 'answers', number>> &
    Partial<Readonly<Record<'training_questions' | 'training_answers', number>>>;
  readonly wrong: Readonly<Record<Wrong, number>>;
  /** Missing without training rows, and if either side has no words. */
  readonly drift?: Drift;
}

const lengths = (texts: readonly string[]): number => median(texts.map((text) => text.length));

/**
 * @param used at least one answer
 * @param trained missing if there is nothing to compare with
 */
export function reportUse(
  used: readonly UsedAnswer[],
  trained: readonly TrainedRow[] | undefined,
): UseReport {
  const wrong: Record<Wrong, number> = { empty: 0, cut: 0, refusal: 0, repeats: 0, disliked: 0 };
  const thumbs: Record<Thumb, number> = { up: 0, down: 0 };
  const models = new Map<string, number>();
  for (const one of used) {
    const why = wrongOf(one);
    if (why) wrong[why]++;
    if (one.thumb) thumbs[one.thumb]++;
    models.set(one.model, (models.get(one.model) ?? 0) + 1);
  }
  const questions = used.map(({ prompt }) => prompt);
  const known = trained && trained.length > 0 ? trained : undefined;
  const drift =
    known &&
    logDrift(
      questions,
      known.map(({ prompt }) => prompt),
    );
  return {
    answers: used.length,
    models: Object.fromEntries(models),
    thumbs,
    median_characters: {
      questions: lengths(questions),
      answers: lengths(used.map(({ answer }) => answer)),
      ...(known && {
        training_questions: lengths(known.map(({ prompt }) => prompt)),
        training_answers: lengths(known.map(({ expected }) => expected)),
      }),
    },
    wrong,
    ...(drift && { drift }),
  };
}

/** The report in sentences: lengths, what went wrong, thumbs if there are any, and whether questions have moved. */
export function useSentences({
  answers,
  median_characters: length,
  wrong,
  thumbs,
  drift,
}: UseReport): string[] {
  const than = (training: number | undefined): string =>
    training === undefined ? '' : ` (${training} in training)`;
  const share = (count: number): string => `${count} (${percent(count / answers)})`;
  return [
    `${plural(answers, 'answer')}. Median lengths in characters: questions ${length.questions}${than(length.training_questions)}, answers ${length.answers}${than(length.training_answers)}.`,
    `Empty ${share(wrong.empty)}, cut at the limit ${share(wrong.cut)}, refused ${share(wrong.refusal)}, repeating ${share(wrong.repeats)}.`,
    ...(thumbs.up + thumbs.down > 0
      ? [
          `Thumbs up ${share(thumbs.up)}, thumbs down ${share(thumbs.down)}; ${wrong.disliked} of them show no other fault.`,
        ]
      : []),
    ...(drift ? [driftInWords(drift)] : []),
  ];
}

const hasMoved = ({ distance, byChance }: Drift): boolean => distance > byChance;

/** Whether questions have moved from the training rows, with the distance of their words and what chance makes of it. */
export function driftInWords(drift: Drift): string {
  const distance = `distance of words ${drift.distance.toFixed(3)}, by chance at most ${drift.byChance.toFixed(3)}.`;
  return hasMoved(drift)
    ? `Questions have moved from the training rows: ${distance} More frequent now: ${drift.words.join(', ')}.`
    : `Questions are like the training rows: ${distance}`;
}
