/** Columns: what their names suggest, and which are unused. */
import { readFileSync } from 'node:fs';
import { describe, expect, it, test } from 'vitest';
import { suggestMapping } from '../../../src/data/columns.ts';
import { readExamples } from '../../../src/data/formats.ts';
import { compileMapping } from '../../../src/data/mapping.ts';
import { inspectHead, optionsBeside } from '../../../src/data/sheet.ts';
import { describeShared, sharedPath } from '../../shared.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const jsonl = (...rows: object[]): string => rows.map((row) => JSON.stringify(row)).join('\n');

test.each([
  [
    ['instruction', 'input', 'output'],
    { prompt: '{{instruction}}', input: '{{input}}', answer: '{{output}}' },
  ],
  [
    ['id', 'name', 'instruction', 'instances.0.input', 'instances.0.output', 'is_classification'],
    { prompt: '{{instruction}}', input: '{{instances.0.input}}', answer: '{{instances.0.output}}' },
  ],
  [['context', 'question', 'answer'], { prompt: '{{question}}', input: '{{context}}', answer: '{{answer}}' }],
  [['text', 'category'], { prompt: '{{text}}', answer: '{{category}}' }],
  [['question', 'answer'], { prompt: '{{question}}', answer: '{{answer}}' }],
  [
    ['premise', 'hypothesis', 'label'],
    { prompt: '{{premise}}', input: '{{hypothesis}}', answer: '{{label}}' },
  ],
  [['query', 'passage', 'response'], { prompt: '{{query}}', input: '{{passage}}', answer: '{{response}}' }],
])('%j are likely %j', (columns, mapping) => {
  expect(suggestMapping(columns)).toEqual(mapping);
});

test('the input stands under the prompt, where a row has one', () => {
  const make = compileMapping({ prompt: '{{q}}', input: 'About {{c}}', answer: '{{a}}' });
  expect(make({ q: 'What?', c: 'cats', a: 'Fur' })).toMatchObject({ prompt: 'What?\nAbout cats' });
  for (const c of ['', ' ', null, undefined])
    expect(make({ q: 'What?', c, a: 'Fur' })).toMatchObject({ prompt: 'What?' });
});

describe('columns that are not used', () => {
  it('are reported for a mapping, those with text first', () => {
    const rows = jsonl(
      {
        id: 'seed_1',
        instruction: 'Relate.',
        instances: [{ input: 'Night : Day', output: 'Opposites.' }],
        flag: true,
      },
      { id: 'seed_2', instruction: 'Tell.', instances: [{ input: '', output: 'Told.' }], flag: false },
    );
    const mapping = { prompt: '{{instruction}}', answer: '{{instances.0.output}}' };
    expect(readExamples(rows, { fileName: 'x.jsonl', mapping }).unused).toEqual([
      { name: 'instances.0.input', rows: 1, text: true },
      { name: 'id', rows: 2, text: false },
      { name: 'flag', rows: 2, text: false },
    ]);
    const whole = { ...mapping, input: '{{instances}}' };
    expect(
      readExamples(rows, { fileName: 'x.jsonl', mapping: whole }).unused.map(({ name }) => name),
    ).toEqual(['id', 'flag']);
  });

  it('are reported for a known format', () => {
    const rows = jsonl(
      { prompt: 'Who?', completion: 'I', context: 'Long ago in a land', lang: 'en' },
      { text: 'A whole text', source: 'A book of texts' },
      { messages: [{ role: 'assistant', content: 'Hi' }], tools: [] },
    );
    expect(readExamples(rows, { fileName: 'x.jsonl' }).unused).toEqual([
      { name: 'context', rows: 1, text: true },
      { name: 'source', rows: 1, text: true },
      { name: 'lang', rows: 1, text: false },
    ]);
  });

  it('are reported for a table, up to a limit', () => {
    const table = 'prompt,completion,note\nWho?,I,a note of words\n';
    expect(readExamples(table, { fileName: 'x.csv' }).unused).toEqual([
      { name: 'note', rows: 1, text: true },
    ]);
    const wide = jsonl(
      Object.fromEntries([
        ['prompt', 'a'],
        ['completion', 'b'],
        ...Array.from({ length: 500 }, (_, i) => [`c${i}`, 'x']),
      ]),
    );
    expect(readExamples(wide, { fileName: 'x.jsonl' }).unused.length).toBeLessThanOrEqual(64);
  });

  it('are known before a mapping is chosen', () => {
    const sheet = inspectHead(bytes('nr,q,note,team\n1,Why so?,as a whole sentence,cards\n'), 'x.csv', {});
    expect(sheet?.texts).toEqual(['note']);
  });
});

test('a second file is read by the mapping of the first, unless it needs none', () => {
  const options = { mapping: { prompt: '{{text}}', answer: '{{category}}' } };
  expect(optionsBeside(bytes('text,category\na,b\n'), 't.csv', options)).toBe(options);
  expect(
    optionsBeside(bytes('{"prompt":"a","completion":"b"}\n'), 't.jsonl', options).mapping,
  ).toBeUndefined();
  // Neither: the error of reading it lists the columns.
  expect(optionsBeside(bytes('foo,bar\na,b\n'), 't.csv', options)).toBe(options);
});

describeShared('real files', () => {
  it.each([
    ['banking77_test.csv', 3080, 0],
    ['gsm8k_test.jsonl', 1319, 0],
    ['seed_tasks.jsonl', 175, 0],
  ])('%s is mapped by its names, and no text of it is lost', (name, count, lost) => {
    const file = readFileSync(sharedPath('datasets', name));
    const sheet = inspectHead(file, name, {});
    const { examples, unused } = readExamples(file, { fileName: name, mapping: sheet?.suggestion });
    expect(examples).toHaveLength(count);
    expect(unused.filter(({ text }) => text)).toHaveLength(lost);
  });

  it('seed_tasks keeps the pairs of the question', () => {
    const file = readFileSync(sharedPath('datasets', 'seed_tasks.jsonl'));
    const mapping = inspectHead(file, 'seed_tasks.jsonl', {})?.suggestion;
    const { examples } = readExamples(file, { fileName: 'seed_tasks.jsonl', mapping });
    expect(examples[1]).toMatchObject({
      prompt: 'What is the relation between the given pairs?\nNight : Day :: Right : Left',
    });
  });
});
