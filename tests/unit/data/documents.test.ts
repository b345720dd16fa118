/** Plain text as documents, and documents as rows: every token is learned once, whatever the rows are. */
import { beforeAll, describe, expect, it, test } from 'vitest';
import { withReplay } from '../../../src/cli/task-files.ts';
import { documentsOf, hasBorder, type TextOptions } from '../../../src/data/documents.ts';
import { divideRows } from '../../../src/data/parts.ts';
import { prepareRows, RowMaker, type PreparedRow } from '../../../src/data/prepare.ts';
import { readExamples } from '../../../src/data/formats.ts';
import { IGNORED } from '../../../src/text/trainable.ts';
import { loadTokenizer, type Tokenizer } from '../../../src/text/tokenizer.ts';
import { graftError } from '../expect-graft-error.ts';
import { sprigFolder } from '../../engine/sprig.ts';

const TEXT =
  'The goat eats grass.\nIt is white.\n\n\nMia lives in the green cottage.\n---\nThe rose is red.\n';

describe('the end of a document', () => {
  it.each([
    [undefined, [[1, TEXT]]],
    ['file', [[1, TEXT]]],
    [
      'blank',
      [
        [1, 'The goat eats grass.\nIt is white.'],
        [5, 'Mia lives in the green cottage.\n---\nThe rose is red.'],
      ],
    ],
    [
      '---',
      [
        [1, 'The goat eats grass.\nIt is white.\n\n\nMia lives in the green cottage.'],
        [7, 'The rose is red.\n'],
      ],
    ],
  ] as const)('%s', (rule, expected) => {
    expect(documentsOf(TEXT, rule).map(({ line, text }) => [line, text])).toEqual(expected);
  });

  it.each([
    [undefined, true],
    ['file', true],
    ['blank', true],
    ['---', true],
    ['***', false],
  ])('is found at a line such as %s, if there is one', (rule, expected) => {
    expect(hasBorder(TEXT, rule)).toBe(expected);
    const { unbordered } = readExamples(TEXT, { fileName: 'a.md', ...(rule && { documents: rule }) });
    expect(unbordered).toBe(expected ? undefined : true);
  });

  it('leaves nothing of an empty text', () => {
    expect(documentsOf(' \n\n', 'blank')).toEqual([]);
    expect(documentsOf(' \n\n', undefined)).toEqual([]);
  });
});

describe('rows of documents', () => {
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    tokenizer = await loadTokenizer(sprigFolder());
  });
  const MAX = 12;
  const rowsOf = (text: TextOptions): PreparedRow[] => {
    const { documents } = text;
    const { examples } = readExamples(TEXT, { fileName: 'a.md', ...(documents && { documents }) });
    return prepareRows(examples, tokenizer, { maxLength: MAX, text }).rows;
  };
  /** The supervised tokens, in order. */
  const learned = (rows: readonly PreparedRow[]): number[] =>
    rows.flatMap(({ labels }) => labels.filter((label) => label !== IGNORED));
  /** Each document with the end-of-text token behind it. */
  const wanted = (): number[][] =>
    documentsOf(TEXT, 'blank').map(({ text }) => [
      ...(tokenizer.startId === undefined ? [] : [tokenizer.startId]),
      ...tokenizer.encode(text),
      tokenizer.eosId!,
    ]);

  it.each([1, 4, 11])('apart, with an overlap of %d tokens', (overlap) => {
    const rows = rowsOf({ documents: 'blank', overlap });
    // The first token of a document is predicted by nothing.
    expect(learned(rows)).toEqual(wanted().flatMap((ids) => ids.slice(1)));
    for (const [at, row] of rows.entries()) {
      expect(row.ids.length).toBeLessThanOrEqual(MAX);
      const before = rows.at(at - 1);
      if (at === 0 || before?.line !== row.line) continue;
      expect(row.ids.slice(0, overlap)).toEqual(before.ids.slice(-overlap));
    }
  });

  it.each<[string, TextOptions]>([
    ['of one document each', { documents: 'blank' }],
    ['with an overlap', { documents: 'blank', overlap: 4 }],
    ['packed', { documents: 'blank', packed: true }],
  ])('come from the lines that their text stands on: %s', (_, text) => {
    const { examples } = readExamples(TEXT, { fileName: 'a.md', documents: text.documents });
    const maker = new RowMaker(tokenizer, { maxLength: MAX, text });
    for (const example of examples) maker.add(example);
    maker.finish();
    const lines = TEXT.split('\n');
    const bare = (text: string): string => text.replaceAll(/\s/g, '');
    for (const row of maker.rows) {
      const [first, last] = maker.linesOf(row)!;
      const text = bare(tokenizer.decode(row.ids, { skipSpecialTokens: true }));
      expect(bare(lines.slice(first - 1, last).join(''))).toContain(text);
      // No line too many on either side.
      for (const less of [lines.slice(first, last), lines.slice(first - 1, last - 1)])
        expect(bare(less.join(''))).not.toContain(text);
    }
    const ranges = maker.rows.map((row) => maker.linesOf(row)!);
    expect(ranges[0][0]).toBe(1);
    expect(ranges.at(-1)![1]).toBe(7);
  });

  it('packed, end to end with the end-of-text token between them', () => {
    const rows = rowsOf({ documents: 'blank', packed: true });
    expect(learned(rows)).toEqual(wanted().flat().slice(1));
    for (const { ids } of rows.slice(0, -1)) expect(ids).toHaveLength(MAX);
  });
});

test('ten documents or more are held out whole, fewer are divided by their rows', () => {
  const rows = (documents: number): { file: number; line: number; document: string }[] =>
    Array.from({ length: documents * 5 }, (_, at) => ({
      file: 0,
      line: 1 + Math.floor(at / 5),
      document: `0:${1 + Math.floor(at / 5)}`,
    }));
  const many = divideRows(rows(20), { validation: 0.1, test: 0.2, seed: 3 });
  const parts = Array.from({ length: 20 }, (_, at) => new Set(many.slice(at * 5, at * 5 + 5)));
  for (const fates of parts) expect(fates.size).toBe(1);
  expect(many.filter((fate) => fate === 'test')).toHaveLength(20);
  const one = divideRows(rows(1), { validation: 0.2, test: 0.2, seed: 3 });
  expect([...new Set(one)].sort()).toEqual(['test', 'train', 'validation']);
});

test('replay is one more task, with its share of all rows', async () => {
  const tasks = [{ name: 'new', path: 'new.jsonl' }];
  const replayed = withReplay(tasks, 'old.jsonl:0.25', () => false);
  expect(replayed).toEqual([
    { name: 'new', path: 'new.jsonl', share: 0.75 },
    { name: 'replay of old', path: 'old.jsonl', share: 0.25 },
  ]);
  await graftError(() => withReplay(tasks, 'old.jsonl', () => false), 'arguments');
  await graftError(() => withReplay(tasks, 'old.jsonl:1', () => false), 'arguments');
});
