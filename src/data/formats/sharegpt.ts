/** ShareGPT: `{"conversations": [{"from": "human", "value": "…"}, {"from": "gpt", "value": "…"}]}`, a `system` text next to it or in it. */
import { isObject } from '../../json.ts';
import type { TrainableMessage } from '../../text/trainable.ts';
import { messagesOf, requireAnswer } from './messages.ts';
import { BadRow, shown, textOf, type RowFormat } from './row.ts';
import { toolsOf } from './tools.ts';

const ROLES: ReadonlyMap<unknown, TrainableMessage['role']> = new Map([
  ['system', 'system'],
  ['human', 'user'],
  ['user', 'user'],
  ['gpt', 'assistant'],
  ['chatgpt', 'assistant'],
  ['bing', 'assistant'],
  ['bard', 'assistant'],
  ['assistant', 'assistant'],
  ['function_call', 'assistant'],
  ['tool', 'tool'],
  ['function_response', 'tool'],
  ['observation', 'tool'],
]);

/** As OpenAI's, so that it is checked like OpenAI's. Rows that have role and content already are let through. */
function turnOf(turn: unknown, index: number): unknown {
  if (!isObject(turn) || (turn.from === undefined && turn.role !== undefined)) return turn;
  const role = ROLES.get(turn.from);
  if (role === undefined) {
    throw new BadRow(
      `conversations[${index}] is from ${shown(turn.from)}, but system, human, gpt or tool is needed`,
      'unknown-role',
    );
  }
  const said = textOf(turn.value, `conversations[${index}].value`);
  if (turn.from !== 'function_call') return { role, content: said };
  try {
    const calls: unknown = JSON.parse(said);
    return { role, content: '', tool_calls: Array.isArray(calls) ? calls : [calls] };
  } catch {
    throw new BadRow(`conversations[${index}].value is ${shown(said)}, which is not the JSON of a call`);
  }
}

export const shareGptFormat: RowFormat = {
  name: 'sharegpt',
  fields: ['conversations', 'system', 'tools'],
  matches: (row) => row.conversations !== undefined,
  read(row) {
    const { conversations, system } = row;
    if (!Array.isArray(conversations)) {
      throw new BadRow(`conversations is ${shown(conversations)}, but a list of turns is needed`);
    }
    const messages = messagesOf(conversations.map(turnOf), 'conversations');
    if (typeof system === 'string' && system.trim() !== '' && messages[0].role !== 'system') {
      messages.unshift({ role: 'system', content: textOf(system, 'system') });
    }
    requireAnswer(messages, 'conversations');
    const tools = toolsOf(row.tools);
    return { kind: 'messages', messages, ...(tools && { tools }) };
  },
};
