/**
 * A conversation to answer, for objectives that sample their own answers: TRL's `{"prompt": [{"role": "user", …}, …]}` of one turn or several, whose other
 * columns are for rewards to read. One of them may be the reference answer, by its name.
 */
import type { JsonObject } from '../../json.ts';
import { contextOf, messagesOf } from './messages.ts';
import { PROMPT_COLUMNS } from './prompt.ts';
import { answerTextOf, BadRow, type RowFormat } from './row.ts';

/** Column names of the reference answer, the likelier first. */
const ANSWERS = ['answer', 'solution', 'ground_truth', 'reference', 'target'];

const askedIn = (row: JsonObject): string | undefined =>
  PROMPT_COLUMNS.find((name) => Array.isArray(row[name]));
const answerOf = (row: JsonObject): string | undefined =>
  ANSWERS.find((name) => ['string', 'number'].includes(typeof row[name]));

export const conversationFormat: RowFormat = {
  name: 'completion',
  fields: [...PROMPT_COLUMNS, ...ANSWERS],
  matches: (row) => askedIn(row) !== undefined,
  read(row) {
    const asked = askedIn(row) ?? PROMPT_COLUMNS[0];
    const prompt = contextOf(messagesOf(row[asked], asked));
    if (prompt.at(-1)?.role === 'assistant')
      throw new BadRow(
        `${asked} ends with the assistant’s turn, so nothing is asked: end it with the user’s`,
      );
    const column = answerOf(row);
    if (column === undefined) return { kind: 'prompt', prompt };
    const value = row[column];
    const answer = typeof value === 'number' ? String(value) : answerTextOf(value, column);
    return { kind: 'messages', messages: [...prompt, { role: 'assistant', content: answer }] };
  },
};
