/** ShareGPT: `{"conversations": [{"from": "human", "value": "…"}, {"from": "gpt", "value": "…"}]}`, a `system` text beside it or in it. */
import { isObject } from '../../json.ts';
import type { TrainableMessage } from '../../text/trainable.ts';
import { messagesOf, requireAnswer } from './messages.ts';
import { BadRow, shown, textOf, type RowFormat } from './row.ts';

const ROLES: ReadonlyMap<unknown, TrainableMessage['role']> = new Map([
  ['system', 'system'],
  ['human', 'user'],
  ['user', 'user'],
  ['gpt', 'assistant'],
  ['chatgpt', 'assistant'],
  ['bing', 'assistant'],
  ['bard', 'assistant'],
  ['assistant', 'assistant'],
]);

/** As OpenAI's, so that it is checked like OpenAI's. Rows that have role and content already are let through. */
function turnOf(turn: unknown, index: number): unknown {
  if (!isObject(turn) || (turn.from === undefined && turn.role !== undefined)) return turn;
  const role = ROLES.get(turn.from);
  if (role === undefined) {
    throw new BadRow(
      `conversations[${index}] is from ${shown(turn.from)}, but system, human or gpt is needed`,
      'unknown-role',
    );
  }
  return { role, content: textOf(turn.value, `conversations[${index}].value`) };
}

export const shareGptFormat: RowFormat = {
  name: 'sharegpt',
  fields: ['conversations', 'system'],
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
    return { kind: 'messages', messages };
  },
};
