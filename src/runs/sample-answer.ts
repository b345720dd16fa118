/** What the prompt of the samples should be answered, where a row asks just that: then one sees not only that a run learns, but whether it is right. */
import { singleOf } from '../text/trainable.ts';
import type { Example } from '../data/example.ts';
import type { RowSet } from '../data/row-set.ts';

/** Held-out rows go first: an answer that is right there was not learned by heart. */
const PARTS = ['validation', 'test', 'train'] as const;

/** The expected answer of the first row that begins with this prompt; undefined where no row does. */
export function wantedAnswer({ places, questions }: RowSet, prompt: string): string | undefined {
  for (const part of PARTS) {
    for (const place of places) {
      const answer = place.part === part && place.example && answerOf(place.example, prompt);
      if (answer) return answer;
    }
  }
  // After a reload the questions are what is left of the examples.
  return questions.find((question) => question.prompt === prompt)?.expected;
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
