/**
 * `{"prompt": "…", "completion": "…"}`, put together as they are; or both as lists of messages (TRL's conversational form), where only the
 * completion's answers are learned. After a list of messages the completion may also be the text of the answer. A `separator` of white space stands between texts if the model has no chat template: rows that a mapping or another
 * format made are written with theirs. `untrained` names parts of the completion that are context (untrained.ts).
 */
import type { TrainableMessage } from '../../text/trainable.ts';
import { contextOf, messagesOf, requireAnswer } from './messages.ts';
import { answerTextOf, textOf, type RowFormat } from './row.ts';
import { toolsOf } from './tools.ts';
import { untrainedOf } from './untrained.ts';

export const completionFormat: RowFormat = {
  name: 'completion',
  fields: ['prompt', 'completion', 'tools', 'separator', 'untrained'],
  matches: (row) => row.prompt !== undefined && row.completion !== undefined,
  read({ prompt, completion, tools: given, separator, untrained: marked }) {
    if (!Array.isArray(prompt) && !Array.isArray(completion)) {
      const answer = answerTextOf(completion, 'completion');
      const untrained = untrainedOf(marked, answer, 'untrained');
      return {
        kind: 'completion',
        prompt: textOf(prompt, 'prompt'),
        completion: answer,
        ...(untrained && { untrained }),
        ...(typeof separator === 'string' && separator !== '' && separator.trim() === '' && { separator }),
      };
    }
    const answers: TrainableMessage[] =
      typeof completion === 'string'
        ? [{ role: 'assistant', content: answerTextOf(completion, 'completion') }]
        : messagesOf(completion, 'completion');
    requireAnswer(answers, 'completion');
    const tools = toolsOf(given);
    const messages = [...contextOf(messagesOf(prompt, 'prompt')), ...answers];
    return { kind: 'messages', messages, ...(tools && { tools }) };
  },
};
