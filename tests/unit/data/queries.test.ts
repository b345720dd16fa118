/** Rows of queries with their texts: every accepted form, the error of each bad one, and the token rows of an encoder. */
import { describe, expect, test } from 'vitest';
import { folder } from '../../../src/cli/files.ts';
import { readExamples, type ReadResult } from '../../../src/data/formats.ts';
import { prepareRows, type PrepareOptions } from '../../../src/data/prepare.ts';
import { textIds } from '../../../src/text/text-ids.ts';
import { loadTokenizer } from '../../../src/text/tokenizer.ts';
import { referencePath } from '../../engine/reference-file.ts';

const read = (content: string, fileName = 'x.jsonl'): ReadResult => readExamples(content, { fileName });
const Q = { query: 'Where?', positive: 'Here.' };

describe('rows of queries', () => {
  test.each([
    ['no negative', Q, []],
    ['null', { ...Q, negative: null }, []],
    ['one text', { ...Q, negative: 'There.' }, ['There.']],
    ['a list', { ...Q, negative: ['There.', 'Nowhere.'] }, ['There.', 'Nowhere.']],
    ['an empty list, and other columns', { ...Q, negative: [], id: 7 }, []],
  ])('are read with %s', (_, row, negatives) => {
    const { examples, problems, format } = read(JSON.stringify(row));
    expect(problems).toEqual([]);
    expect(format).toBe('queries');
    expect(examples).toEqual([{ kind: 'query', ...Q, negatives, line: 1 }]);
  });

  test('are read from a table, in which a cell may be empty', () => {
    const { examples, problems } = read('query,positive,negative\nWhere?,Here.,\nWho?,Me.,You.\n', 'x.csv');
    expect(problems).toEqual([]);
    expect(examples.map((example) => example.kind === 'query' && example.negatives)).toEqual([[], ['You.']]);
  });

  test.each([
    ['an empty query', { ...Q, query: ' ' }, 'query is empty'],
    ['an empty text', { ...Q, positive: '' }, 'positive is empty'],
    ['a number', { ...Q, positive: 3 }, 'positive is 3, but a text is needed'],
    ['an empty negative', { ...Q, negative: ['There.', ''] }, 'negative[1] is empty'],
    ['its own text as a negative', { ...Q, negative: ['Here.'] }, 'positive is among its own negatives'],
  ])('are refused with %s', (_, row, reason) => {
    const { examples, problems } = read(JSON.stringify(row));
    expect(examples).toEqual([]);
    expect(problems[0].reason).toContain(reason);
  });
});

describe('token rows of queries', () => {
  const made = async (row: object, options: Partial<PrepareOptions> = {}) => {
    const tokenizer = await loadTokenizer(folder(referencePath('encoders', 'mean')));
    const { examples } = read(JSON.stringify(row));
    return { tokenizer, ...prepareRows(examples, tokenizer, { maxLength: 12, encodes: true, ...options }) };
  };

  test('have each text with its special tokens, and no label', async () => {
    const texts = ['The garden', 'is dry', 'in summer'];
    const { tokenizer, rows } = await made({ query: texts[0], positive: texts[1], negative: texts[2] });
    const ids = texts.map((text) => textIds(tokenizer, text, 12).ids);
    expect(rows).toEqual([
      {
        ids: ids.flat(),
        labels: ids.flat().map(() => -100),
        starts: [ids[0].length, ids[0].length + ids[1].length],
        texts: true,
        line: 1,
      },
    ]);
  });

  test('cut each text by itself and keep its last token, or are dropped', async () => {
    const row = { query: 'Short', positive: 'one two three four five six seven eight nine ten eleven' };
    const { rows, report } = await made(row);
    const [{ ids, starts }] = rows;
    expect(ids.length - starts![0]).toBe(12);
    expect(ids.at(-1)).toBe(3);
    expect(report.cut).toEqual([1]);
    const dropped = await made(row, { overlong: 'drop' });
    expect(dropped.rows).toEqual([]);
    expect(dropped.report.dropped).toEqual([1]);
  });

  test('are refused for a model that writes', async () => {
    const { rows, report } = await made(Q, { encodes: false });
    expect(rows).toEqual([]);
    expect(report.failed[0].reason).toContain('graft train --objective contrastive');
  });
});
