/** Parquet files that pyarrow wrote, and damaged ones. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fileKind } from '../../../src/data/file-kind.ts';
import { ExampleReader, readExamples } from '../../../src/data/formats.ts';
import type { Bytes } from '../../../src/data/lines.ts';
import { parquet } from '../../../src/data/parquet.ts';
import { inspectHead } from '../../../src/data/sheet.ts';
import { headLength } from '../../../src/data/sheet-types.ts';
import { graftError, resultOrGraftError } from '../expect-graft-error.ts';

const file = (name: string): Uint8Array<ArrayBuffer> =>
  new Uint8Array(readFileSync(new URL(`../../fixtures/parquet/${name}`, import.meta.url)));
const expected = JSON.parse(new TextDecoder().decode(file('expected.json'))) as Record<string, object[]>;

const rowsOf = (bytes: Bytes): object[] =>
  [...parquet.rows(bytes, 'x.parquet')].map(({ read }) => ({ ...read() }));

describe('a Parquet file', () => {
  test.each([
    'prompts-none',
    'prompts-snappy',
    'prompts-gzip',
    'prompts-zstd',
    'prompts-v2',
    'types',
    'nested',
    'questions',
    'empty',
  ])('gives the rows of %s as pyarrow wrote them', (name) => {
    expect(rowsOf(file(`${name}.parquet`))).toEqual(expected[name]);
  });

  test('is read as examples of its columns, with the numbers of its rows', () => {
    const { examples, format, numbering, problemCount } = readExamples(file('prompts-snappy.parquet'), {
      fileName: 'x.parquet',
    });
    expect(examples).toHaveLength(40);
    expect(examples[17]).toMatchObject({ kind: 'completion', line: 18, completion: '34' });
    expect({ format, numbering, problemCount }).toEqual({
      format: 'completion',
      numbering: 'row',
      problemCount: 0,
    });
    const chats = readExamples(file('nested.parquet'), { fileName: 'x.parquet' });
    expect(chats.examples[1]).toMatchObject({
      kind: 'messages',
      messages: [{ role: 'system' }, { role: 'user' }, { content: 'Bye.' }],
    });
  });

  test('asks for a mapping where its columns have no known names, and takes one', () => {
    const reader = new ExampleReader(file('questions.parquet'), { fileName: 'x.parquet' });
    for (const _ of reader.read());
    expect(reader.unmapped?.code).toBe('data-columns');
    const { examples } = readExamples(file('questions.parquet'), {
      fileName: 'x.parquet',
      mapping: { prompt: '{{question}}', answer: '{{answer}}' },
    });
    expect(examples).toMatchObject([
      { prompt: 'Why?', completion: 'So.' },
      { prompt: 'How?', completion: 'Thus.' },
    ]);
  });

  test('shows its columns and first rows, for which its end is needed', () => {
    const bytes = file('questions.parquet');
    expect(headLength(bytes)).toBe(bytes.length);
    expect(inspectHead(bytes, 'x.parquet', {})).toMatchObject({
      columns: ['question', 'answer', 'id'],
      rows: [{ row: { question: 'Why?' } }, { row: { question: 'How?' } }],
      suggestion: { prompt: '{{question}}', answer: '{{answer}}' },
    });
  });

  test('is known by its first bytes, whatever its name', () => {
    expect(fileKind(file('questions.parquet'), 'rows.csv')).toBe('parquet');
    expect(readExamples(file('prompts-none.parquet'), { fileName: 'rows' }).examples).toHaveLength(40);
  });

  test('is unpacked a row group at a time', () => {
    const bytes = file('prompts-snappy.parquet');
    let reads = 0;
    const counted: Bytes = {
      length: bytes.length,
      subarray(start, end) {
        reads++;
        return bytes.subarray(start, end);
      },
    };
    const rows = parquet.rows(counted, 'x.parquet');
    for (let row = 0; row < 16; row++) rows.next();
    const first = reads;
    rows.next();
    expect(reads - first).toBe(2);
  });

  test('has the same rows if a row group is unpacked in several parts', () => {
    const rows = rowsOf(file('large-group.parquet')) as {
      id: number;
      label: string;
      prompt: string | null;
    }[];
    expect(rows).toHaveLength(70_000);
    for (const [at, { id, label, prompt }] of rows.entries())
      if (id !== at || label !== `label ${at % 3}` || prompt !== (at % 5 === 4 ? null : `p${at % 1000}`))
        throw new Error(`Row ${at} is ${JSON.stringify(rows[at])}`);
  });

  test.each(['brotli', 'lz4'])('names the compression %s, which is not read', async (codec) => {
    const error = await graftError(() => rowsOf(file(`prompts-${codec}.parquet`)), 'data-parquet-codec');
    expect(error.message).toMatch(/x\.parquet is compressed with (BROTLI|LZ4)/);
    expect(error.message).toContain('SNAPPY, GZIP, ZSTD and none are read');
  });

  test('is refused if a few bytes stand for more rows than are read', async () => {
    const error = await graftError(() => rowsOf(file('many.parquet')), 'data-parquet');
    expect(error.message).toContain('9000000 rows; at most 8388608 are read');
  });

  test('is refused if it is cut off, encrypted, or not Parquet', async () => {
    const bytes = file('prompts-snappy.parquet');
    const cut = await graftError(() => rowsOf(bytes.subarray(0, bytes.length - 5)), 'data-parquet');
    expect(cut.message).toContain('is truncated');
    const encrypted = bytes.slice();
    encrypted.set(new TextEncoder().encode('PARE'), bytes.length - 4);
    expect((await graftError(() => rowsOf(encrypted), 'data-parquet')).message).toContain('is encrypted');
    await graftError(() => rowsOf(new Uint8Array(0)), 'data-parquet');
    await graftError(
      () => readExamples(new TextEncoder().encode('{"a": 1}\n'), { fileName: 'x.parquet' }),
      'data-parquet',
    );
  });

  test('is refused at once if a run claims more values than its page has', async () => {
    // A run of 2³¹ − 1 equal values, at each place of the pages.
    const bytes = file('types.parquet');
    const outcomes = new Set<string>();
    for (let at = 4; at < 400; at++) {
      const changed = bytes.slice();
      changed.set([0xfe, 0xff, 0xff, 0xff, 0x0f], at);
      outcomes.add(await resultOrGraftError(() => rowsOf(changed)));
    }
    expect(outcomes).toContain('error');
  });

  test('gives rows or one clear error whatever bytes of it are changed', { timeout: 300_000 }, async () => {
    const sources = ['types', 'nested', 'prompts-zstd', 'prompts-gzip', 'prompts-snappy', 'prompts-v2'].map(
      (name) => file(`${name}.parquet`),
    );
    const outcomes = { result: 0, error: 0 };
    await fc.assert(
      fc.asyncProperty(
        fc.nat(sources.length - 1),
        fc.array(fc.tuple(fc.integer({ min: 4, max: 2 ** 20 }), fc.nat(255)), {
          minLength: 1,
          maxLength: 4,
        }),
        async (at, changes) => {
          const bytes = sources[at].slice();
          for (const [place, value] of changes) bytes[place % bytes.length] = value;
          outcomes[await resultOrGraftError(() => readExamples(bytes, { fileName: 'x.parquet' }))]++;
        },
      ),
      { numRuns: 3000, seed: 7 },
    );
    expect(outcomes.result).toBeGreaterThan(0);
    expect(outcomes.error).toBeGreaterThan(0);
  });
});
