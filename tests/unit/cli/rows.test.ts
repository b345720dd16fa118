/** Reading and tokenizing report progress. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { graftError } from '../expect-graft-error.ts';
import { createOutput, type Output } from '../../../src/cli/output.ts';
import { openRows, readNamed } from '../../../src/cli/open-rows.ts';

const ROWS = 1000;
const bytes = new TextEncoder().encode(
  Array.from({ length: ROWS }, (_, i) => JSON.stringify({ ids: [i, 1], labels: [i, 1] })).join('\n'),
);

const SPLIT = { overlong: 'truncate-end', validation: 0, test: 0, seed: 1 } as const;

async function write(name: string, content: Uint8Array): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'graft-rows-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

/** An output that records its lines. */
function recorded(): { output: Output; told: string[] } {
  const told: string[] = [];
  const nothing = (): void => undefined;
  return { told, output: { ...createOutput(), progress: (text) => told.push(text), clear: nothing } };
}

it('reports rows and share while reading, and rows of all while tokenizing', async () => {
  const { output, told } = recorded();
  const path = await write('rows.jsonl', bytes);
  const rows = { file: path, more: [], options: SPLIT };
  const limits = { maxLength: 8, vocabSize: ROWS, now: new Date(0) };
  const { train } = await openRows(rows, undefined, limits, output);
  expect(train).toHaveLength(ROWS);
  const [reading, making] = ['Reading', 'Tokenizing'].map((what) =>
    told.filter((line) => line.startsWith(what)),
  );
  expect(reading[0]).toMatch(/^Reading .*rows\.jsonl: 64 rows, [5-7] %$/);
  expect(reading.at(-1)).toMatch(/^Reading .*rows\.jsonl: 960 rows, 9\d %$/);
  expect(making[0]).toBe('Tokenizing: 64 of 1,000 rows');
  expect(making.at(-1)).toBe('Tokenizing: 960 of 1,000 rows');
});

describe('columns of no known format', () => {
  const guessed = async (
    text: string,
    fileName: string,
  ): Promise<{ format: string; prompt?: unknown; told: string[] }> => {
    const { output, told } = recorded();
    const content = new TextEncoder().encode(text);
    const heard = { ...output, line: (line: string) => told.push(line) };
    const { read } = await readNamed(fileName, content, { fileName }, heard);
    const [first] = read.examples;
    return { format: read.format, ...(first.kind === 'completion' && { prompt: first.prompt }), told };
  };

  it.each([
    ['rows.jsonl', '{"question":"1+1?","answer":"2"}\n'],
    ['rows.csv', 'id,question,answer\n1,1+1?,2\n'],
  ])('are prompt and answer by their names, which is said: %s', async (name, text) => {
    const { format, prompt, told } = await guessed(text, name);
    expect([format, prompt]).toEqual(['mapped', '1+1?']);
    expect(told).toEqual([
      "Columns by their names: --prompt-template '{{question}}' --answer-template '{{answer}}'",
    ]);
  });

  it('are asked for if their names say little, and stay as they are if the format is known', async () => {
    await graftError(() => guessed('a,b\nx,y\n', 'rows.csv'), 'data-columns');
    const { told } = await guessed('prompt,completion\nx,y\n', 'rows.csv');
    expect(told).toEqual([]);
  });
});
