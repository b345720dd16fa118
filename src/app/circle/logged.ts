/** Answers of the log of use: how Use writes them, the judgements that they have there, and what of them is not in the queue yet. */
import { WRONGS } from '../../evaluate/use-log.ts';
import type { FeedbackEntry, UsedHere, UseLesson } from '../../worker/api.ts';
import type { Answer } from '../use/chat.svelte.ts';

/** An answer as it is logged; undefined for one that has failed. */
export function usedOf({
  asked,
  origin,
  text,
  finish,
}: Pick<Answer, 'asked' | 'origin' | 'text' | 'finish'>): UsedHere | undefined {
  if (!asked || !origin) return undefined;
  return {
    id: crypto.randomUUID(),
    time: new Date(origin.time).toISOString(),
    model: origin.adapter?.name ?? 'base',
    prompt: asked.at(-1)?.content ?? '',
    asked: asked.map(({ role, content }) => ({ role, content })),
    ...{ answer: text, finish, origin },
  };
}

/** A line of the saved file, as `graft serve --log` writes it. */
export function logLine({ time, model, asked, answer, finish, thumb }: UsedHere): string {
  const isConversation = typeof asked === 'object' && typeof asked[0] === 'object';
  const line = {
    ...{ time, model, ...(isConversation ? { messages: asked } : { prompt: asked }) },
    ...{ answer, finish_reason: finish, ...(thumb && { thumb }) },
  };
  return `${JSON.stringify(line)}\n`;
}

/** Equal for an answer and the judgement of it: the same question, text and time. */
const keyOf = (question: string, { answer, origin }: Pick<UsedHere, 'answer' | 'origin'>): string =>
  JSON.stringify([question, answer, origin?.time]);
const keyOfEntry = (entry: FeedbackEntry): string => keyOf(entry.prompt.at(-1)?.content ?? '', entry);

/** The answers with the thumbs that they have in Use now. One of a file keeps its own. */
export function judgedOf(
  answers: readonly UsedHere[],
  entries: readonly FeedbackEntry[],
): readonly UsedHere[] {
  const verdicts = new Map(entries.map((entry) => [keyOfEntry(entry), entry.verdict]));
  return answers.map((used) => {
    const verdict = used.origin && verdicts.get(keyOf(used.prompt, used));
    return verdict ? { ...used, thumb: verdict === 'good' ? 'up' : 'down' } : used;
  });
}

/** Those of a file that are not logged yet, each once. */
export function unknownOf<Logged extends { readonly id: string }>(
  answers: readonly Logged[],
  logged: readonly UsedHere[],
): Logged[] {
  const known = new Set(logged.map(({ id }) => id));
  return answers.filter(({ id }) => !known.has(id) && known.add(id));
}

/** Lessons that are not in the queue: neither put there before nor judged in Use. */
export function lessonsLeft(
  lessons: readonly UseLesson[],
  answers: readonly UsedHere[],
  entries: readonly FeedbackEntry[],
): readonly UseLesson[] {
  const ids = new Set(entries.map(({ id }) => id));
  const keys = new Set(entries.map(keyOfEntry));
  const logged = new Map(answers.map((used) => [used.id, keyOf(used.prompt, used)]));
  return lessons.filter(({ id }) => !ids.has(id) && !keys.has(logged.get(id) ?? ''));
}

/** Lessons as entries of the queue, which wait to be looked through. @param time in milliseconds since 1970 */
export function entriesOf(
  lessons: readonly UseLesson[],
  answers: readonly UsedHere[],
  time: number,
): FeedbackEntry[] {
  const origins = new Map(answers.map(({ id, origin }) => [id, origin]));
  return lessons.map(({ model, why: _, ...judged }) => {
    const origin = origins.get(judged.id);
    return { ...judged, time, state: 'waiting', ...(origin ? { origin } : { model }) };
  });
}

/** A reason in a table. */
export const whyInWords = ({ why }: UseLesson): string => (why ? WRONGS[why] : 'Liked');
