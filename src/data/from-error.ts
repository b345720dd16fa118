/** A wrong answer to a held-out question → a row or a pair to train on, which must not ask what the test asks. */
import type { ExampleContent } from '../text/trainable.ts';
import { wordsOf } from './findings/texts.ts';
import { fieldsOf, withField } from './edit-fields.ts';
import { questionsOf } from './questions.ts';

interface Asked {
  /** As a person reads it. */
  readonly prompt: string;
  readonly expected: string;
  /** The conversation up to the answer. */
  readonly turns: readonly { readonly role: 'system' | 'user' | 'assistant'; readonly content: string }[];
}

/** What a row asks and expects; undefined for a row without a question, and for one with calls of tools. */
export function askedIn(content: ExampleContent): Asked | undefined {
  const question = questionsOf([{ ...content, line: 1 }], true).at(0);
  if (!question || typeof question.ask === 'string') return undefined;
  const turns = question.ask.flatMap(({ role, content: text, tool_calls: calls }) =>
    role === 'tool' || calls ? [] : [{ role, content: text }],
  );
  if (turns.length < question.ask.length) return undefined;
  return { prompt: question.prompt, expected: question.expected, turns };
}

/** Whether two questions have the same words, whatever their case and punctuation. */
export function isSameQuestion(one: string, other: string): boolean {
  const [a, b] = [wordsOf(one), wordsOf(other)];
  return a.length === 0 || b.length === 0
    ? one.trim() === other.trim()
    : a.length === b.length && a.every((word, at) => word === b[at]);
}

/** The row of a wrong answer as a draft: a pair rejects that answer. */
export function draftOf(content: ExampleContent, answer: string): ExampleContent {
  if (content.kind !== 'pair') return content;
  const rejected = fieldsOf(content).findLast(({ id }) => id.startsWith('rejected'));
  return rejected
    ? withField(
        content,
        rejected.id,
        rejected.role === undefined ? answer : { role: rejected.role, text: answer },
      )
    : content;
}
