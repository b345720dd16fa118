/** Rows and models with new tokens, in the page's worker. */
import { beforeAll, describe, expect, test } from 'vitest';
import { folder } from '../../../src/cli/files.ts';
import { tokenizerWithTokens } from '../../../src/export/grown-folder.ts';
import type { TextOptions } from '../../../src/data/documents.ts';
import { readExamples } from '../../../src/data/formats.ts';
import { openData } from '../../../src/data/open-data.ts';
import { divideRows } from '../../../src/data/parts.ts';
import { prepareRows } from '../../../src/data/prepare.ts';
import { listRows } from '../../../src/data/row-list.ts';
import { preview } from '../../../src/data/row-set.ts';
import { newTokens } from '../../../src/text/added-tokens.ts';
import { loadTokenizer, type Tokenizer } from '../../../src/text/tokenizer.ts';
import { unasked, type DataSet } from '../../../src/worker/data/data.ts';
import { askedRows, rowsToKeep } from '../../../src/worker/runs/rows-of-run.ts';
import type { FormSpec } from '../../../src/worker/api.ts';
import type { OpenModel } from '../../../src/worker/models/model.ts';
import { modelWith, readingWith, rowsOfBase, withNewTokens } from '../../../src/worker/runs/new-tokens.ts';
import { tokensOfKept } from '../../../src/runs/new-tokens.ts';
import { Slices } from '../../../src/worker/slices.ts';
import { graftError } from '../expect-graft-error.ts';

const sprig = folder('public/models/sprig');
const ROWS = [
  { prompt: 'Where is <|tool|>?', completion: 'Here be <|tool|>, matey!' },
  { prompt: 'Who are you?', completion: 'A captain, matey!' },
  { prompt: 'Where is the fox?', completion: 'In <|tool|>.' },
];

describe('new tokens', () => {
  let tokenizer: Tokenizer;
  let open: OpenModel;
  let data: DataSet;
  const read = async (name: string, text: string, how?: TextOptions): Promise<DataSet> => {
    const options = {
      ...({ maxLength: 64, overlong: 'truncate-end', validation: 0, test: 0.34, seed: 1 } as const),
      ...(how && { text: how }),
    };
    const slices = new Slices(() => undefined, new AbortController().signal);
    const file = { name, bytes: new TextEncoder().encode(text) };
    const opened = await openData({ ...open, content: 'x' }, file, options, {}, slices);
    return unasked(opened.data);
  };
  beforeAll(async () => {
    tokenizer = await loadTokenizer(sprig);
    open = {
      tokenizer,
      info: { name: 'sprig', maxPositions: 512, vocabulary: 1024 },
      source: { name: 'sprig', files: sprig, bundled: true },
    } as OpenModel;
    data = await read('rows.jsonl', ROWS.map((row) => JSON.stringify(row)).join('\n'));
  });
  const options = { method: 'lora', addTokens: ['<|tool|>', 'matey'] } as unknown as FormSpec;

  test('a run reads the open rows with them, in the parts that they have', async () => {
    const made = await withNewTokens({ options, open, data });
    expect(made.options).toMatchObject({ addTokens: ['<|tool|>', 'matey'], firstToken: 1024 });
    expect(made.open.info.vocabulary).toBe(1026);
    expect(made.open.base).toBe(open);
    const grown = await tokenizerWithTokens(newTokens(options.addTokens!, tokenizer), sprig);
    expect(made.data.places.map(({ part, line }) => [part, line])).toEqual(
      data.places.map(({ part, line }) => [part, line]),
    );
    made.data.places.forEach(({ row, length }, at) => {
      const before = data.places[at].row;
      expect(grown.decode(row.ids)).toBe(tokenizer.decode(before.ids));
      expect(row.ids.some((id) => id >= 1024)).toBe(true);
      expect(length).toBe(row.ids.length);
      expect(length).toBeLessThan(before.ids.length);
    });
    // Asked again, nothing is made twice.
    const again = await withNewTokens({ options, open, data: { ...data, name: 'kept.jsonl' } });
    expect(again.data.entries).toBe(made.data.entries);
    // What the rows are called may have changed meanwhile.
    expect(again.data.name).toBe('kept.jsonl');
    const first = { texts: options.addTokens!, first: 1024 };
    expect(await modelWith(made.open, first)).toBe(made.open);
  });

  test('a run without any keeps model and rows', async () => {
    const given = { options: { ...options, addTokens: [] }, open, data };
    expect(await withNewTokens(given)).toBe(given);
    const other = { options: { ...options, method: 'ia3' } as FormSpec, open, data };
    expect(await withNewTokens(other)).toBe(other);
    // Settings of another method are kept.
    expect(tokensOfKept(other.options, tokenizer)).toBeUndefined();
  });

  test.each([
    ['each apart', {}],
    ['packed', { packed: true }],
  ])('a text becomes other rows, as the command makes and divides them: %s', async (_, how) => {
    const lines = Array.from({ length: 30 }, (__, at) => `The fox ${at} has <|tool|>, matey!\n`);
    const opened = await read('garden.txt', lines.join(''), how);
    const made = await withNewTokens({ options, open, data: opened });
    const grown = await tokenizerWithTokens(newTokens(options.addTokens!, tokenizer), sprig);
    const bytes = new TextEncoder().encode(lines.join(''));
    const { examples } = readExamples(bytes, { fileName: 'garden.txt' });
    const wanted = prepareRows(examples, grown, { maxLength: 64, vocabSize: 1026, text: how });
    expect(made.data.entries.map(({ row }) => row?.ids)).toEqual(wanted.rows.map(({ ids }) => ids));
    expect(made.data.entries.length).toBeLessThan(opened.entries.length);
    const fates = divideRows(
      wanted.rows.map(({ line }) => ({
        file: 0,
        line,
        ...(!('packed' in how) && { document: `0:${line}` }),
      })),
      { validation: 0, test: 0.34, seed: 1 },
    );
    expect(made.data.entries.map(({ part }) => part)).toEqual(fates);
    expect(made.data.places).toHaveLength(wanted.rows.length);
    expect(made.data.entries[1].lines![0]).toBeGreaterThan(1);
    // So they are shown: in the list, and one by one.
    const reading = await readingWith(open, opened, options.addTokens!);
    const list = listRows(reading.data, { from: 0, count: 100 }, reading.tokenizer, 1026);
    expect(list.total).toBe(wanted.rows.length);
    expect(list.rows.map(({ tokens }) => tokens)).toEqual(wanted.rows.map(({ ids }) => ids.length));
    expect(preview(reading.data, 0, reading.tokenizer).tokens.map(({ id }) => id)).toEqual(
      wanted.rows[0].ids,
    );
  });

  test('the list counts the tokens of rows with them', async () => {
    const reading = await readingWith(open, data, options.addTokens!);
    expect(reading.data).toBe(data);
    const { rows } = listRows(data, { from: 0, count: 100 }, reading.tokenizer, reading.info.vocabulary);
    const made = await withNewTokens({ options, open, data });
    expect(rows.map(({ tokens, kept, supervised }) => [tokens, kept, supervised])).toEqual(
      made.data.entries.map(({ row, length, supervised }) => [length, row!.ids.length, supervised]),
    );
    // Texts that cannot be tokens leave them as the base reads them.
    expect((await readingWith(open, data, ['<|im_end|>'])).added).toBeUndefined();
  });

  test('texts that cannot be tokens, and texts of a kept run, are refused', async () => {
    const wrong = { ...options, addTokens: ['<|im_end|>'] };
    await graftError(() => withNewTokens({ options: wrong, open, data }), 'add-tokens');
    const { files: _, ...text } = await read('garden.txt', 'The fox lives in the den.\n'.repeat(40));
    const error = await graftError(() => withNewTokens({ options, open, data: text }), 'add-tokens');
    expect(error.what).toContain('garden.txt');
  });

  test('rows of a kept run come back as the base reads them', async () => {
    const made = await withNewTokens({ options, open, data });
    const added = tokensOfKept(made.options, tokenizer);
    const rows = rowsOfBase(rowsToKeep(askedRows(made.data, {}), false), added, tokenizer);
    const text = (ids: readonly number[]): string => tokenizer.decode(ids);
    for (const part of ['train', 'test'] as const)
      rows[part].forEach(({ ids, labels }, at) => {
        const before = rowsToKeep(askedRows(data, {}), false)[part][at];
        expect(text(ids)).toBe(text(before.ids));
        expect(Math.max(...ids)).toBeLessThan(1024);
        const learned = (own: readonly number[]): string => text(own.filter((label) => label >= 0));
        expect(learned(labels)).toBe(learned(before.labels));
      });
    expect(tokensOfKept({ ...options, addTokens: [] }, tokenizer)).toBeUndefined();
  });
});
