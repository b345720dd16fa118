/** Reading and tokenizing report progress. */
import { describe, expect, it } from 'vitest';
import { graftError } from '../expect-graft-error.ts';
import { createOutput, type Output } from '../../../src/cli/output.ts';
import { readRows, tokenizeRows, withGuess } from '../../../src/cli/rows.ts';

const ROWS = 1000;
const bytes = new TextEncoder().encode(
  Array.from({ length: ROWS }, (_, i) => JSON.stringify({ ids: [i, 1], labels: [i, 1] })).join('\n'),
);

/** An output that records its lines. */
function recorded(): { output: Output; told: string[] } {
  const told: string[] = [];
  const nothing = (): void => undefined;
  return { told, output: { ...createOutput(), progress: (text) => told.push(text), clear: nothing } };
}

it('reports rows and share while reading, and rows of all while tokenizing', () => {
  const { output, told } = recorded();
  const { examples } = readRows(bytes, { fileName: 'rows.jsonl' }, output);
  expect(examples).toHaveLength(ROWS);
  expect(told[0]).toMatch(/^Reading rows\.jsonl: 64 rows, [5-7] %$/);
  expect(told.at(-1)).toMatch(/^Reading rows\.jsonl: 960 rows, 9\d %$/);
  told.length = 0;
  const { rows } = tokenizeRows(examples, undefined, { maxLength: 8 }, output);
  expect(rows).toHaveLength(ROWS);
  expect(told[0]).toBe('Tokenizing: 64 of 1,000 rows');
  expect(told.at(-1)).toBe('Tokenizing: 960 of 1,000 rows');
});

describe('columns of no known format', () => {
  const guessed = (text: string, fileName: string): { format: string; prompt?: unknown; told: string[] } => {
    const { output, told } = recorded();
    const content = new TextEncoder().encode(text);
    const options = withGuess(content, { fileName }, { ...output, line: (line) => told.push(line) });
    const { format, examples } = readRows(content, options, output);
    const [first] = examples;
    return { format, ...(first.kind === 'completion' && { prompt: first.prompt }), told };
  };

  it.each([
    ['rows.jsonl', '{"question":"1+1?","answer":"2"}\n'],
    ['rows.csv', 'id,question,answer\n1,1+1?,2\n'],
  ])('are prompt and answer by their names, which is said: %s', (name, text) => {
    const { format, prompt, told } = guessed(text, name);
    expect([format, prompt]).toEqual(['mapped', '1+1?']);
    expect(told).toEqual([
      "Columns by their names: --prompt-template '{{question}}' --answer-template '{{answer}}'",
    ]);
  });

  it('are asked for where their names say little, and left alone where the format is known', async () => {
    await graftError(() => guessed('a,b\nx,y\n', 'rows.csv'), 'data-columns');
    expect(guessed('prompt,completion\nx,y\n', 'rows.csv').told).toEqual([]);
  });
});
