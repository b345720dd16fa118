/**
 * `{"prompt": "…", "completion": "…"}`, put together as they are; or both as lists of messages (TRL's conversational form), where only the
 * completion's answers are learned.
 */
import { messagesOf, requireAnswer } from './messages.ts';
import { filledTextOf, textOf, type RowFormat } from './row.ts';

export const completionFormat: RowFormat = {
  name: 'completion',
  fields: ['prompt', 'completion'],
  matches: (row) => row.prompt !== undefined && row.completion !== undefined,
  read({ prompt, completion }) {
    if (!Array.isArray(prompt) && !Array.isArray(completion)) {
      return {
        kind: 'completion',
        prompt: textOf(prompt, 'prompt'),
        completion: filledTextOf(completion, 'completion'),
      };
    }
    const answers = messagesOf(completion, 'completion');
    requireAnswer(answers, 'completion');
    const before = messagesOf(prompt, 'prompt').map((message) =>
      message.role === 'assistant' ? { ...message, supervised: false } : message,
    );
    return { kind: 'messages', messages: [...before, ...answers] };
  },
};
