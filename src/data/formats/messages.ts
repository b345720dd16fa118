/**
 * OpenAI's chat format: `{"messages": [{"role": "user", "content": "…"}, …], "tools": […]}`. Content is a text or a list of text parts. `developer` is
 * taken as `system`. An assistant's message may call tools (`tool_calls`, or the older `function_call`), and messages of the role `tool` answer. An assistant's message with `"weight": 0` is context and not learnt from, as in OpenAI's fine-tuning; `untrained` names parts of one that are (untrained.ts). Turns that end with the user's and
 * have no answer to learn from are only a prompt.
 */
import { isObject } from '../../json.ts';
import { saidBy, type TrainableMessage } from '../../text/trainable.ts';
import { BadRow, shown, textOf, type RowFormat } from './row.ts';
import { callsOf, toolsOf } from './tools.ts';
import { untrainedOf } from './untrained.ts';

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
  const calls = callsOf(value, field);
  if (calls && role !== 'assistant')
    throw new BadRow(`${field} has tool calls and the role ${shown(role)}: only the assistant calls tools`);
  if (role === 'assistant') {
    // Beside calls there may be no text.
    const text =
      calls && (content === undefined || content === null) ? '' : contentOf(content, `${field}.content`);
    const untrained = untrainedOf(value.untrained, text, `${field}.untrained`);
    return {
      ...{ role, content: text },
      ...(untrained && { untrained }),
      ...(calls && { tool_calls: calls }),
      ...(weight === 0 && { supervised: false }),
    };
  }
  if (role === 'tool' || role === 'function')
    return {
      role: 'tool',
      content: isObject(content) ? JSON.stringify(content) : contentOf(content, `${field}.content`),
      ...(typeof value.name === 'string' && { name: textOf(value.name, `${field}.name`) }),
      ...(typeof value.tool_call_id === 'string' && {
        tool_call_id: textOf(value.tool_call_id, `${field}.tool_call_id`),
      }),
    };
  if (role !== 'system' && role !== 'developer' && role !== 'user') {
    throw new BadRow(
      `${field} has the role ${shown(role)}, but system, user, assistant or tool is needed`,
      'unknown-role',
    );
  }
  return { role: role === 'developer' ? 'system' : role, content: contentOf(content, `${field}.content`) };
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
  if (answers.some((message) => saidBy(message).trim() !== '')) return;
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
    const tools = toolsOf(row.tools);
    const answered = messages.some(({ role, supervised }) => role === 'assistant' && supervised !== false);
    if (!answered && messages.at(-1)?.role === 'user') {
      if (tools)
        throw new BadRow(
          'tools stand next to a prompt without an answer: answers with tools are not sampled',
        );
      return { kind: 'prompt', prompt: messages };
    }
    requireAnswer(messages, 'messages');
    return { kind: 'messages', messages, ...(tools && { tools }) };
  },
};
