/** Answers of a log as lessons: those that went wrong, with a better answer if one is known, and those that a person liked. */
import {
  lookAtFeedback,
  questionKey,
  type AskingRow,
  type JudgedAnswer,
  type Message,
} from '../data/feedback.ts';
import { wrongOf, type UsedAnswer, type Wrong } from './use-log.ts';

export interface LoggedAnswer extends UsedAnswer {
  /** Equal for the same answer in any file. */
  readonly id: string;
}

export interface UseLesson extends JudgedAnswer {
  readonly model: string;
  /** Missing for an answer that was liked. */
  readonly why?: Wrong;
}

export interface UseLessons {
  /** In the order of the log. */
  readonly lessons: readonly UseLesson[];
  /** Answers to questions of the test part: taught, they would make the next measurement worth nothing. */
  readonly leaks: number;
  /** Answers to conversations with tools and to token ids, which a row of feedback cannot hold. */
  readonly unfit: number;
}

/**
 * A better answer to a question is one that a person liked in the log, the latest of several, or the one that the training rows have. With it, a
 * lesson is a row and a pair; without it, it waits for a correction.
 *
 * @param rows the open rows of all parts
 */
export function useLessonsOf(used: readonly LoggedAnswer[], rows: readonly AskingRow[]): UseLessons {
  const better = new Map<string, string>();
  for (const { prompt, expected, part } of rows)
    if (part === 'train' && expected.trim() !== '')
      better.set(questionKey([{ role: 'user', content: prompt }]), expected);
  const asked = used.map((one) => ({ one, prompt: promptOf(one) }));
  for (const { one, prompt } of asked)
    if (prompt && one.thumb === 'up' && one.answer.trim() !== '') better.set(questionKey(prompt), one.answer);
  let unfit = 0;
  const lessons: UseLesson[] = [];
  for (const { one, prompt } of asked) {
    const why = wrongOf(one);
    if (!why && one.thumb !== 'up') continue;
    if (!prompt) {
      unfit++;
      continue;
    }
    const wanted = why && better.get(questionKey(prompt));
    lessons.push({
      ...{ id: one.id, model: one.model, prompt, answer: one.answer },
      ...(typeof one.asked === 'string' && { plain: one.asked }),
      verdict: why ? 'bad' : 'good',
      ...(why && { why }),
      ...(wanted !== undefined && wanted.trim() !== one.answer.trim() && { correction: wanted }),
    });
  }
  const found = lookAtFeedback(lessons, rows);
  const isLeak = ({ id }: UseLesson): boolean =>
    found.get(id)?.some((finding) => finding.kind === 'leak' && finding.part === 'test') ?? false;
  const safe = lessons.filter((lesson) => !isLeak(lesson));
  return { lessons: safe, leaks: lessons.length - safe.length, unfit };
}

const isRole = (role: string): role is Message['role'] =>
  role === 'system' || role === 'user' || role === 'assistant';

/** @returns undefined for what no row of feedback can hold */
function promptOf({ asked, prompt }: UsedAnswer): readonly Message[] | undefined {
  if (typeof asked === 'string') return asked === '' ? undefined : [{ role: 'user', content: asked }];
  const messages = asked.flatMap((message): Message[] =>
    typeof message !== 'number' && isRole(message.role) && message['tool_calls'] === undefined
      ? [{ role: message.role, content: message.content }]
      : [],
  );
  return messages.length === asked.length && prompt !== '' ? messages : undefined;
}
