/**
 * A prompt without an answer, for objectives that sample their own: `{"prompt": "…"}` with no other text next to it, so that no column is passed over
 * that may be the answer. A question of another usual name is one if it stands alone.
 */
import { isNumbering } from '../columns.ts';
import { filledTextOf, type RowFormat } from './row.ts';
import type { JsonObject } from '../../json.ts';

/** Columns that ask something. */
export const PROMPT_COLUMNS = ['prompt', 'question', 'instruction', 'query'];

const columnOf = (row: JsonObject): string | undefined =>
  PROMPT_COLUMNS.find((name) => row[name] !== undefined);

export const promptFormat: RowFormat = {
  name: 'prompts',
  fields: PROMPT_COLUMNS,
  matches(row) {
    const column = columnOf(row);
    const others = Object.entries(row).filter(([name]) => name !== column && !isNumbering(name));
    // Numbers and switches next to a prompt are for rewards to read.
    return column !== undefined && others.every(([, value]) => ['number', 'boolean'].includes(typeof value));
  },
  read(row) {
    const column = columnOf(row) ?? PROMPT_COLUMNS[0];
    return { kind: 'prompt', prompt: filledTextOf(row[column], column) };
  },
};
