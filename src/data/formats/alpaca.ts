/**
 * Alpaca: `{"instruction": "…", "input": "…", "output": "…"}`, `input` empty or absent if the instruction says it all.
 *
 * The prompt is the instruction, and the input on a new line below it; without a chat template one more new line stands before the output.
 * Stanford's "Below is an instruction …" frame is left out: a chat template does its work, and a base model needs no words for it.
 */
import { answerTextOf, filledTextOf, textOf, type RowFormat } from './row.ts';

export const alpacaFormat: RowFormat = {
  name: 'alpaca',
  // Stanford's own file has the whole row once more, in its frame.
  fields: ['instruction', 'input', 'output', 'text'],
  matches: (row) => row.instruction !== undefined && row.output !== undefined,
  read(row) {
    const instruction = filledTextOf(row.instruction, 'instruction');
    const input = row.input === undefined || row.input === null ? '' : textOf(row.input, 'input');
    return {
      kind: 'completion',
      prompt: input.trim() === '' ? instruction : `${instruction}\n${input}`,
      completion: answerTextOf(row.output, 'output'),
      separator: '\n',
    };
  },
};
