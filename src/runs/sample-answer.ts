/** The expected answer to the sample prompt, if a row has this prompt: it shows whether a run's answers are right. */
import { singleOf } from '../text/trainable.ts';
import type { Example } from '../data/example.ts';
import { questionOf } from '../data/questions.ts';
import type { RowSet } from '../data/row-set.ts';

/** Held-out rows come first: a right answer there was not learned by heart. */
const PARTS = ['validation', 'test', 'train'] as const;

/** The expected answer of the first row that starts with this prompt; undefined if no row does. */
export function referenceOfPrompt({ places, questions }: RowSet, prompt: string): string | undefined {
  for (const part of PARTS) {
    for (const place of places) {
      const answer = place.part === part && place.example && answerOf(place.example, prompt);
      if (answer) return answer;
    }
  }
  // After a reload only the questions are left of the examples.
  return questionOf(questions, prompt)?.expected;
}

function answerOf(given: Example, prompt: string): string | undefined {
  const example = singleOf(given);
  if (example.kind === 'completion') return example.prompt === prompt ? example.completion : undefined;
  if (example.kind !== 'messages') return undefined;
  const { messages } = example;
  const first = messages.findIndex(({ role }) => role === 'user');
  const answer = messages.at(first + 1);
  return first >= 0 && messages[first].content === prompt && answer?.role === 'assistant'
    ? answer.content
    : undefined;
}
