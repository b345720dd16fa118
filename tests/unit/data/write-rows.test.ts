import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readExamples } from '../../../src/data/formats.ts';
import { parquet } from '../../../src/data/parquet.ts';
import type { Example } from '../../../src/data/example.ts';
import { writeParquet } from '../../../src/data/write-parquet.ts';
import { partsGivenIn } from '../../../src/data/given-parts.ts';
import { divideEntries } from '../../../src/data/divide.ts';
import type { Part } from '../../../src/data/parts.ts';
import type { Entry } from '../../../src/data/row-set.ts';
import { columnNames } from '../../../src/data/row-columns.ts';
import {
  FILE_FORMATS,
  partColumnFor,
  writeRows,
  type FileFormat,
  type RowForm,
} from '../../../src/data/write-rows.ts';
import { graftError } from '../expect-graft-error.ts';

const PYTHON = process.env['GRAFT_PYTHON'];

const bytesOf = (pieces: readonly (string | Uint8Array)[]): Uint8Array<ArrayBuffer> =>
  new Uint8Array(
    Buffer.concat(pieces.map((piece) => (typeof piece === 'string' ? Buffer.from(piece) : piece))),
  );
const read = (lines: readonly object[]): readonly Example[] =>
  readExamples(lines.map((line) => JSON.stringify(line)).join('\n'), {
    fileName: 'x.jsonl',
    keepsColumns: true,
  }).examples;
const again = (
  examples: readonly Example[],
  format: FileFormat,
  form: RowForm = 'own',
): ReturnType<typeof readExamples> =>
  readExamples(bytesOf([...writeRows(examples, format, form)]), {
    fileName: `x.${format}`,
    keepsColumns: true,
  });
/** A column that a row lacks is empty in a Parquet file. */
const known = ({ columns, ...example }: Example): object => {
  const filled = Object.entries(columns ?? {}).filter(([, value]) => value !== null);
  return { ...example, columns: Object.fromEntries(filled) };
};

const TOOLS = [
  { type: 'function', function: { name: 'weather', parameters: { type: 'object', properties: {} } } },
];
const CALL = {
  type: 'function',
  id: 'a',
  function: { name: 'weather', arguments: { place: 'Oslo', deep: [1, null] } },
};
const ROWS: Readonly<Record<string, readonly object[]>> = {
  texts: [
    { prompt: 'a\nß "q"', completion: 'b', id: 1, share: 0.25, kept: true, tags: ['x', 'y'], note: { a: 1 } },
    { prompt: '', completion: '🦎', id: -7, share: 2, kept: false, tags: [], note: { b: [null] } },
    { prompt: 'c', completion: 'd' },
  ],
  messages: [
    {
      messages: [
        { role: 'system', content: 's' },
        { role: 'user', content: 'u' },
        { role: 'assistant', content: 'no', weight: 0 },
        { role: 'user', content: 'u2' },
        { role: 'assistant', content: 'a' },
      ],
    },
    {
      messages: [
        { role: 'user', content: 'warm?' },
        { role: 'assistant', content: '', tool_calls: [CALL] },
        { role: 'tool', content: '4', name: 'weather', tool_call_id: 'a' },
        { role: 'assistant', content: 'No.' },
      ],
      tools: TOOLS,
    },
  ],
  pairs: [{ prompt: 'p', chosen: 'a', rejected: 'b' }],
  'pairs of messages': [
    {
      prompt: [{ role: 'user', content: 'p' }],
      chosen: [{ role: 'assistant', content: 'a' }],
      rejected: [{ role: 'assistant', content: 'b' }],
    },
  ],
  judged: [
    { prompt: 'p', completion: 'a', label: true },
    { prompt: 'p', completion: 'b', label: false },
  ],
  prompts: [
    { prompt: 'p', level: 4 },
    { prompt: 'q', level: 5 },
  ],
  alpaca: [{ instruction: 'do', input: 'it', output: 'done' }],
  tokens: [{ ids: [1, 2, 3], labels: [-100, 2, 3] }],
  text: [{ text: 'one' }],
  queries: [{ query: 'q', positive: 'p', negative: ['n'] }],
};

describe('rows that are written', () => {
  test.each(FILE_FORMATS.flatMap((format) => Object.keys(ROWS).map((name) => [name, format] as const)))(
    'as %s in %s are read again as they were',
    (name, format) => {
      const examples = read(ROWS[name]);
      expect(examples).toHaveLength(ROWS[name].length);
      const result = again(examples, format);
      expect(result.problems).toEqual([]);
      expect(result.examples.map(known)).toEqual(examples.map(known));
    },
  );

  test('as conversations or as prompt and completion teach the same turns', () => {
    const [first] = again(read(ROWS['texts']), 'jsonl', 'messages').examples;
    expect(first).toMatchObject({
      kind: 'messages',
      messages: [
        { role: 'user', content: 'a\nß "q"' },
        { role: 'assistant', content: 'b' },
      ],
      columns: { id: 1 },
    });
    const turns = read(ROWS['messages']);
    expect(again(turns, 'parquet', 'completion').examples.map(known)).toEqual(turns.map(known));
  });

  test('are refused as Parquet if they are of several kinds, and written as JSONL', async () => {
    const mixed = read([...ROWS['texts'], ...ROWS['pairs']]);
    await graftError(() => writeRows(mixed, 'parquet', 'own'), 'export-mixed');
    expect(again(mixed, 'jsonl').examples.map(known)).toEqual(mixed.map(known));
    await graftError(() => writeRows([], 'jsonl', 'own'), 'data-rows');
  });

  test('as Parquet hold any JSON, in any number of row groups', () => {
    const cell = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.integer(),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.boolean(),
      fc.array(fc.string(), { maxLength: 3 }),
      fc.record({ a: fc.integer(), b: fc.array(fc.string(), { maxLength: 2 }) }),
      fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.parse(JSON.stringify(value)) as unknown),
      fc.constant(null),
    );
    const columns = fc.tuple(
      ...['a', 'b', 'messages'].map((name) => fc.tuple(fc.constant(name), fc.array(cell, { maxLength: 1 }))),
    );
    fc.assert(
      fc.property(fc.array(columns, { minLength: 1, maxLength: 6 }), (rows) => {
        const objects = rows.map((row) =>
          Object.fromEntries(row.map(([name, value]) => [name, value[0] ?? null])),
        );
        const found = [...parquet.rows(bytesOf(writeParquet(objects)), 'x.parquet')].map((row) => ({
          ...row.read(),
        }));
        expect(stripped(found)).toEqual(stripped(objects));
      }),
      { numRuns: 300 },
    );
    const many = Array.from({ length: 25_000 }, (_, n) => ({ prompt: `p${n}`, n }));
    const found = [...parquet.rows(bytesOf(writeParquet(many)), 'x.parquet')].map((row) => ({
      ...row.read(),
    }));
    expect(found).toEqual(many);
  });

  test.runIf(PYTHON)('as Parquet are read by pyarrow', () => {
    const path = join(mkdtempSync(join(tmpdir(), 'graft-parquet-')), 'x.parquet');
    writeFileSync(path, bytesOf([...writeRows(read(ROWS['messages']), 'parquet', 'own')]));
    const code =
      'import sys, json, pyarrow.parquet as p; print(json.dumps(p.read_table(sys.argv[1]).to_pylist()))';
    const { stdout, stderr } = spawnSync(PYTHON!, ['-c', code, path], { encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toMatchObject([
      { messages: [{ role: 'system', content: 's', weight: null }, {}, { weight: 0 }, {}, {}] },
      { messages: [{ role: 'user' }, { content: '' }, { name: 'weather', tool_call_id: 'a' }, {}] },
    ]);
  });
});

/** Without fields that are null: a Parquet file does not tell a missing field from an empty one. −0 is 0 in JSON. */
function stripped(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_, inner: unknown) => (inner === null ? undefined : inner)));
}

describe('a column of parts', () => {
  const PARTS = ['test', 'train', undefined, 'validation', 'train', 'train'] as const;
  const OPTIONS = { maxLength: 9, overlong: 'drop', validation: 0.5, test: 0.25, seed: 3 } as const;
  const entriesOf = (examples: readonly Example[]): Entry[] =>
    examples.map(
      (example) =>
        ({
          ...{ file: 0, line: example.line, state: 'ok', length: 1, supervised: 1, example },
          row: { kind: 'tokens', line: example.line, ids: [1], labels: [1] },
        }) as unknown as Entry,
    );
  const written = (examples: readonly Example[], format: FileFormat, by?: string) => {
    const entries = entriesOf(examples);
    const name = partColumnFor(by, columnNames(entries))!;
    const parts = { name, partOf: (row: number): Part | undefined => PARTS[row] };
    const { examples: read } = readExamples(bytesOf([...writeRows(examples, format, 'own', parts)]), {
      fileName: `x.${format}`,
      keepsColumns: true,
    });
    return { name, read };
  };
  const partsOf = (examples: readonly Example[], how: object): (Part | undefined)[] =>
    divideEntries(entriesOf(examples), [], { ...OPTIONS, ...how }).all.map(({ part }) => part);
  const rows = (more: object = {}): readonly Example[] =>
    read(PARTS.map((_, at) => ({ prompt: `p${at}`, completion: 'c', ...more })));

  test.each(FILE_FORMATS)(
    'divides the rows of a %s file as they were, those left out too',
    async (format) => {
      const { name, read: back } = written(rows(), format);
      expect(name).toBe('split');
      const given = partsGivenIn(entriesOf(back), columnNames(entriesOf(back)));
      expect(given).toEqual({ fair: { parts: 'split' }, skip: [[3]] });
      expect(partsOf(back, given!)).toEqual(PARTS);
      // Written once more, after a row was moved by hand, it says where the row is now.
      const moved = written(
        back.map((one, at) => (at === 0 ? { ...one, columns: { split: 'train' } } : one)),
        format,
        'split',
      );
      expect(moved.read.map(({ columns }) => columns?.['split'] ?? '')).toEqual(
        PARTS.map((part) => part ?? ''),
      );
      const unnamed = await graftError(() => partsOf(back, { fair: { parts: 'split' } }), 'data-column');
      expect(unnamed.what).toContain('The row at line 3 names no part in the column split');
    },
  );

  test.each(FILE_FORMATS)('overwrites no column of the rows in a %s file', (format) => {
    const { name, read: back } = written(rows({ split: 'halves' }), format);
    expect(name).toBe('graft_split');
    expect(back.map(({ columns }) => columns?.['split'])).toEqual(PARTS.map(() => 'halves'));
    const given = partsGivenIn(entriesOf(back), columnNames(entriesOf(back)));
    expect(given?.fair).toEqual({ parts: 'graft_split' });
    expect(partColumnFor(undefined, ['split', 'graft_split'])).toBeUndefined();
  });

  test('is known by its values: other texts, and rows of one part, give none', () => {
    const of = (values: readonly string[]) =>
      partsGivenIn(entriesOf(read(values.map((split) => ({ prompt: 'p', completion: 'c', split })))), [
        'split',
      ])?.fair;
    expect(of(['Train', 'dev', 'test'])).toEqual({ parts: 'split' });
    expect(of(['train', 'north'])).toBeUndefined();
    expect(of(['test', 'test'])).toBeUndefined();
    expect(of(['train', 'train'])).toBeUndefined();
    expect(of(['train', '', ''])).toBeUndefined();
  });
});
