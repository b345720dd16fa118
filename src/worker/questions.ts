/** Held-out examples as questions with an expected answer. */
import type { Example } from '../data/example.ts';
import { promptOfMessages, promptOfText } from '../evaluate/answer.ts';
import type { StoredQuestion } from '../storage/records.ts';
import type { Tokenizer } from '../text/tokenizer.ts';

export type Question = StoredQuestion;

/** Examples that ask for something: conversations up to their last answer, prompts with completions. Plain text asks for nothing. */
export function questionsOf(examples: readonly Example[], chatTemplate: boolean): Question[] {
  return examples.flatMap((example): Question[] => {
    if (example.kind === 'completion') {
      const { prompt, completion, separator = '' } = example;
      const ask = chatTemplate ? [{ role: 'user' as const, content: prompt }] : prompt + separator;
      return [{ prompt, expected: completion, ask }];
    }
    if (example.kind !== 'messages') return [];
    const { messages } = example;
    const last = messages.findLastIndex(
      ({ role, supervised }) => role === 'assistant' && supervised !== false,
    );
    if (last <= 0) return [];
    const before = messages.slice(0, last).map(({ role, content }) => ({ role, content }));
    const prompt =
      before.length === 1
        ? before[0].content
        : before.map(({ role, content }) => `${role}: ${content}`).join('\n');
    return [{ prompt, expected: messages[last].content, ask: before }];
  });
}

export function promptIds({ ask }: Question, tokenizer: Tokenizer): number[] {
  return typeof ask === 'string' ? promptOfText(tokenizer, ask) : promptOfMessages(tokenizer, ask);
}
