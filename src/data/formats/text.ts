/** Plain text, all of it learnt: `{"text": "…"}`. A .txt file is one such row (formats.ts). */
import { filledTextOf, type RowFormat } from './row.ts';

export const textFormat: RowFormat = {
  name: 'text',
  fields: ['text'],
  matches: (row) => row.text !== undefined,
  read: (row) => ({ kind: 'text', text: filledTextOf(row.text, 'text') }),
};
