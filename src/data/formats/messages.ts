/**
 * OpenAI's chat format: `{"messages": [{"role": "user", "content": "…"}, …]}`. Content is a text or a list of text parts. `developer` is taken as
 * `system`. An assistant's message with `"weight": 0` is context and not learnt from, as in OpenAI's fine-tuning. Turns that end with the user's and
 * have no answer to learn from are only a prompt.
 */
import { isObject } from '../../json.ts';
import type { TrainableMessage } from '../../text/trainable.ts';
import { BadRow, shown, textOf, type RowFormat } from './row.ts';

/** More is a log file, not an example. */
const MAX_MESSAGES = 4096;

function contentOf(value: unknown, field: string): string {
  if (!Array.isArray(value)) return textOf(value, field);
  return value
    .map((part: unknown, index) => {
      const place = `${field}[${index}]`;
      if (!isObject(part)) throw new BadRow(`${place} is ${shown(part)}, but a part is needed`);
      if (part.type !== 'text')
        throw new BadRow(`${place} has the type ${shown(part.type)}; only text can be learned`);
      return textOf(part.text, `${place}.text`);
    })
    .join('');
}

function messageOf(value: unknown, field: string): TrainableMessage {
  if (!isObject(value)) throw new BadRow(`${field} is ${shown(value)}, but a message is needed`);
  const { role, content, weight } = value;
  if (value.tool_calls !== undefined && value.tool_calls !== null) {
    throw new BadRow(`${field} has tool_calls, which cannot be learnt yet`);
  }
  if (role === 'tool' || role === 'function')
    throw new BadRow(`${field} has the role ${shown(role)}: tools cannot be learnt yet`, 'unknown-role');
  if (role !== 'system' && role !== 'developer' && role !== 'user' && role !== 'assistant') {
    throw new BadRow(
      `${field} has the role ${shown(role)}, but system, user or assistant is needed`,
      'unknown-role',
    );
  }
  const text = contentOf(content, `${field}.content`);
  if (role !== 'assistant') return { role: role === 'developer' ? 'system' : role, content: text };
  return weight === 0 ? { role, content: text, supervised: false } : { role, content: text };
}

/** A checked list of messages. Throws BadRow. */
export function messagesOf(value: unknown, field: string): TrainableMessage[] {
  if (!Array.isArray(value))
    throw new BadRow(`${field} is ${shown(value)}, but a list of messages is needed`);
  if (value.length === 0) throw new BadRow(`${field} is empty`);
  if (value.length > MAX_MESSAGES)
    throw new BadRow(`${field} has ${value.length} messages; at most ${MAX_MESSAGES} are read`);
  return value.map((message: unknown, index) => messageOf(message, `${field}[${index}]`));
}

/** The turns before the answers: none of them is learned. */
export function contextOf(messages: readonly TrainableMessage[]): TrainableMessage[] {
  return messages.map((message) =>
    message.role === 'assistant' ? { ...message, supervised: false } : message,
  );
}

/** Throws BadRow unless there is an answer to learn from. */
export function requireAnswer(messages: readonly TrainableMessage[], field: string): void {
  const answers = messages.filter(({ role, supervised }) => role === 'assistant' && supervised !== false);
  if (answers.some(({ content }) => content.trim() !== '')) return;
  throw new BadRow(
    `${field} has no assistant's message to learn from`,
    answers.length > 0 ? 'empty-answer' : 'no-answer',
  );
}

export const messagesFormat: RowFormat = {
  name: 'messages',
  fields: ['messages', 'tools'],
  matches: (row) => row.messages !== undefined,
  read(row) {
    const messages = messagesOf(row.messages, 'messages');
    const answered = messages.some(({ role, supervised }) => role === 'assistant' && supervised !== false);
    if (!answered && messages.at(-1)?.role === 'user') return { kind: 'prompt', prompt: messages };
    requireAnswer(messages, 'messages');
    return { kind: 'messages', messages };
  },
  notes: ({ tools }) =>
    Array.isArray(tools) && tools.length > 0 ? ['tools are left out: they cannot be learnt yet'] : [],
};
