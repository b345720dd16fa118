/** Rows that a person changed: what the list, the split and the history make of them. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { openRows, type SplitRows } from '../../../src/cli/open-rows.ts';
import { createOutput } from '../../../src/cli/output.ts';
import { readRowChanges, writeRowChanges } from '../../../src/data/row-changes-file.ts';
import { divideOpen, openData } from '../../../src/data/open-data.ts';
import type { DataFile, DataOptions } from '../../../src/data/options.ts';
import { around, replaceIn, replacer, type Replacement } from '../../../src/data/replace.ts';
import { checkContent, rawContentOf } from '../../../src/data/raw-content.ts';
import { fieldsOf, withField, withoutTurn, withTurn } from '../../../src/data/edit-fields.ts';
import {
  changesAfter,
  diffOf,
  nextLine,
  stepsTo,
  type ChangedRow,
  type DataStep,
} from '../../../src/data/row-changes.ts';
import { findRows, listRows } from '../../../src/data/row-list.ts';
import type { Entry, RowSet } from '../../../src/data/row-set.ts';
import type { ExampleContent } from '../../../src/text/trainable.ts';
import type { OpenModel } from '../../../src/worker/models/model.ts';
import { Slices } from '../../../src/worker/slices.ts';
import { graftError } from '../expect-graft-error.ts';
import { openSprig } from '../worker/open-sprig.ts';

let model: OpenModel;
let data: RowSet;
beforeAll(async () => {
  model = await openSprig();
  ({ data } = await openData(model, rows, OPTIONS, undefined, slices()));
});

const OPTIONS: DataOptions = { maxLength: 64, overlong: 'drop', validation: 0.2, test: 0.2, seed: 1 };
const slices = (): Slices => new Slices(() => undefined, new AbortController().signal);
const file = (name: string, lines: readonly object[]): DataFile => ({
  name,
  bytes: new TextEncoder().encode(lines.map((line) => JSON.stringify(line)).join('\n')),
});
const QUEUES = ['cards', 'fees', 'cards', 'loans', 'cards', 'fees', 'cards', 'loans', 'cards', 'fees'];
const rows = file(
  'tickets.jsonl',
  QUEUES.map((completion, i) => ({
    prompt: `Ticket ${i} ${'!'.repeat(i % 3)}`,
    completion,
    day: `day ${i}`,
  })),
);

const completion = (prompt: string, answer: string): ExampleContent => ({
  kind: 'completion',
  prompt,
  completion: answer,
});
async function after(changed: readonly ChangedRow[], options = OPTIONS): Promise<RowSet> {
  const { name, files = [] } = data;
  const changes = changesAfter(new Map(), [{ rows: changed }]);
  return (await divideOpen(model, { name, files, options }, slices(), changes)).data;
}
const partsOf = ({ entries }: RowSet): Record<number, string> =>
  Object.fromEntries(entries.map(({ line, part, state }) => [line, part ?? state]));
const lines = ({ entries }: RowSet): number[] => entries.map(({ line }) => line);
const text = ({ example }: Entry): string => (example ? JSON.stringify(rawContentOf(example)) : '');

describe('changed rows', () => {
  test('read as they were written, in the part that they had', async () => {
    const now = await after([{ file: 0, line: 3, content: completion('Lost card', 'cards') }]);
    expect(partsOf(now)).toEqual(partsOf(data));
    expect(text(now.entries[2])).toBe('{"prompt":"Lost card","completion":"cards"}');
    expect(now.entries[2].example?.columns).toEqual({ day: 'day 2' });
    expect(now.entries[2].change).toBe('edited');
    expect(now.places.find(({ line }) => line === 3)?.row.ids).not.toEqual(data.entries[2].row?.ids);
  });

  test('leave the list when they are deleted, and no other row changes its part', async () => {
    const now = await after([2, 5].map((line) => ({ file: 0, line, deleted: true })));
    const { 2: _, 5: __, ...others } = partsOf(data);
    expect(partsOf(now)).toEqual(others);
    expect(now.places).toHaveLength(8);
  });

  test('move no other row when they become unusable', async () => {
    const now = await after([{ file: 0, line: 4, content: completion('word '.repeat(99), 'loans') }]);
    expect(partsOf(now)).toEqual({ ...partsOf(data), 4: 'dropped' });
  });

  test('are added after their neighbours, the latest first, with a part of their own', async () => {
    const [a, b, c] = ['one', 'two', 'three'].map((prompt) => completion(prompt, 'fees'));
    const now = await after([
      { file: 0, line: 11, after: 4, content: a, part: 'test' },
      { file: 0, line: 12, after: 4, content: b, part: 'train' },
      { file: 0, line: 13, after: 11, content: c, part: 'train' },
    ]);
    expect(lines(now)).toEqual([1, 2, 3, 4, 12, 11, 13, 5, 6, 7, 8, 9, 10]);
    expect(partsOf(now)).toEqual({ ...partsOf(data), 11: 'test', 12: 'train', 13: 'train' });
  });

  test('have the part that a person chose, and another seed does not change it', async () => {
    const train = data.entries.find(({ part }) => part === 'train')!.line;
    const moved = { file: 0, line: train, part: 'test' as const };
    expect(partsOf(await after([moved]))).toEqual({ ...partsOf(data), [train]: 'test' });
    expect(partsOf(await after([moved], { ...OPTIONS, seed: 5 }))[train]).toBe('test');
  });

  test('become copies of other rows, and stop being copies', async () => {
    const same = await after([{ file: 0, line: 3, content: completion('Ticket 0 ', 'cards') }]);
    expect([...same.repeated]).toEqual([[2, 0]]);
    const dropped = await after([{ file: 0, line: 3, content: completion('Ticket 0 ', 'cards') }], {
      ...OPTIONS,
      dropCopies: true,
    });
    expect(Object.values(partsOf(dropped)).filter((part) => part === 'copy')).toHaveLength(1);
  });

  test('keep the parts of a split by label, also when a label changes', async () => {
    const fair = { ...OPTIONS, fair: { stratify: 'label' } };
    const before = await after([], fair);
    const now = await after([{ file: 0, line: 3, content: completion('Ticket 2', 'loans') }], fair);
    expect(partsOf(now)).toEqual(partsOf(before));
    await graftError(() => after([], { ...OPTIONS, fair: { group: 'nothing' } }), 'data-column');
    await graftError(() => after([], { ...OPTIONS, fair: { stratify: 'day' } }), 'split');
  });

  test('are counted by what became of them', () => {
    const written = completion('x', 'y');
    const before = changesAfter(new Map(), [{ rows: [{ file: 0, line: 1, content: written }] }]);
    expect(
      diffOf(
        [
          { file: 0, line: 1, content: written, part: 'test' },
          { file: 0, line: 2, content: written },
          { file: 0, line: 3, deleted: true },
          { file: 0, line: 11, after: 3, content: written },
        ],
        before,
      ),
    ).toEqual({ edited: 1, added: 1, deleted: 1, moved: 1 });
  });

  test('get a number that no row of the file and no earlier step has', () => {
    const undone: DataStep = {
      ...{ number: 2, parent: 1, created: 0, done: '' },
      rows: [{ file: 0, line: 14, after: 1 }],
    };
    const read = data.files![0]!;
    expect(nextLine(read, [], 0)).toBe(11);
    expect(nextLine(read, [undone], 0)).toBe(15);
  });
});

describe('changes as a file', () => {
  const changed: readonly ChangedRow[] = [
    { file: 0, line: 3, content: completion('Lost card', 'cards') },
    { file: 0, line: 5, deleted: true },
    { file: 0, line: 11, after: 4, content: completion('New', 'fees'), part: 'test' },
  ];
  const write = async (name: string, content: string | Uint8Array): Promise<string> => {
    const folder = await mkdtemp(join(tmpdir(), 'graft-changes-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, name), content);
    return join(folder, name);
  };
  const byCommand = async (text: string): Promise<SplitRows> => {
    const [path, changes] = [
      await write(rows.name, rows.bytes as Uint8Array),
      await write('changes.json', text),
    ];
    const { maxLength, ...options } = OPTIONS;
    const limits = { maxLength, vocabSize: model.info.vocabulary, now: new Date(0) };
    return openRows({ file: path, changes, more: [], options }, model.tokenizer, limits, createOutput());
  };

  test('give the command the very rows of the page, each in its part', async () => {
    const { places } = await after(changed);
    const text = writeRowChanges(changesAfter(new Map(), [{ rows: changed }]));
    const read = await byCommand(text);
    for (const part of ['train', 'validation', 'test'] as const)
      expect([...Array(read[part].length).keys()].map((at) => read[part].at(at))).toEqual(
        places.filter((place) => place.part === part).map(({ row }) => row),
      );
  });

  test('are refused when they name a row that is not there, or hold none', async () => {
    const other = await graftError(
      () =>
        byCommand(
          writeRowChanges(changesAfter(new Map(), [{ rows: [{ file: 0, line: 99, deleted: true }] }])),
        ),
      'row-changes',
    );
    expect(other.what).toMatch(/changes line 99 of file 1, and no row starts there\.$/);
    await graftError(() => readRowChanges('{"format": "graft-row-changes"}', 'c.json'), 'row-changes');
    const empty = { file: 0, line: 1, content: { kind: 'completion', prompt: 'a', completion: '' } };
    const text = JSON.stringify({ format: 'graft-row-changes', rows: [empty] });
    await graftError(() => readRowChanges(text, 'c.json'), 'row-changes');
  });
});

describe('versions', () => {
  const step = (number: number, parent: number): DataStep => ({ number, parent, created: 0, done: '' });

  test('are reached by the steps of their own branch', () => {
    const steps = new Map([step(2, 1), step(3, 2), step(4, 2)].map((one) => [one.number, one]));
    expect(stepsTo(steps, 4).map(({ number }) => number)).toEqual([2, 4]);
    expect(stepsTo(steps, 1)).toEqual([]);
  });

  test('are refused by name when a step of theirs is missing or leads in a circle', async () => {
    const missing = await graftError(() => stepsTo(new Map([[3, step(3, 2)]]), 3), 'data-version');
    expect(missing.what).toBe('Version 3 of these rows is not kept any more.');
    const circle = new Map([step(2, 3), step(3, 2)].map((one) => [one.number, one]));
    await graftError(() => stepsTo(circle, 3), 'data-version');
  });
});

describe('the list', () => {
  const find = (query: Parameters<typeof findRows>[1]): number[] =>
    findRows(data, query, model.tokenizer, undefined).map((at) => data.entries[at].line);

  test('is sorted by length, by part and by any column, both ways', () => {
    const byTokens = find({ sort: { by: 'tokens', down: true } }).map(
      (line) => data.entries[line - 1].length,
    );
    expect(byTokens).toEqual(data.entries.map(({ length }) => length).sort((a, b) => b - a));
    expect(find({ sort: { by: { column: 'Answer' }, down: false } })).toEqual([
      ...[1, 3, 5, 7, 9],
      ...[2, 6, 10],
      ...[4, 8],
    ]);
    expect(find({ sort: { by: { column: 'day' }, down: true } })[0]).toBe(10);
    const parts = find({ sort: { by: 'part', down: false } }).map((line) => data.entries[line - 1].part);
    expect(parts).toEqual([...Array<string>(6).fill('train'), 'validation', 'validation', 'test', 'test']);
  });

  test('is filtered by label, by length and by a text in one column', () => {
    expect(find({ label: 'loans' })).toEqual([4, 8]);
    expect(find({ column: { name: 'day', text: 'DAY 7' } })).toEqual([8]);
    const longest = Math.max(...data.entries.map(({ length }) => length));
    expect(find({ least: longest })).toEqual(
      data.entries.filter(({ length }) => length === longest).map(({ line }) => line),
    );
    expect(find({ most: longest - 1 })).toHaveLength(10 - find({ least: longest }).length);
  });

  test('shows only changed rows, and marks them', async () => {
    const now = await after([{ file: 0, line: 3, content: completion('Lost card', 'cards') }]);
    const { total, rows: listed } = listRows(now, { changed: true, from: 0, count: 5 }, model.tokenizer);
    expect([total, listed[0].line, listed[0].change]).toEqual([1, 3, 'edited']);
  });
});

describe('texts of a row', () => {
  const turns: ExampleContent = {
    kind: 'messages',
    messages: [
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: 'Hello', supervised: false },
      { role: 'user', content: 'Bye' },
      { role: 'assistant', content: 'See you' },
    ],
  };

  test('are written turn by turn, with role and what is learned from', () => {
    expect(fieldsOf(turns).map(({ id, answers }) => [id, answers])).toEqual([
      ['turn 1', false],
      ['turn 2', false],
      ['turn 3', false],
      ['turn 4', true],
    ]);
    const learned = withField(turns, 'turn 2', { role: 'assistant', text: 'Hey', learned: true });
    expect(learned).toMatchObject({ messages: [{}, { role: 'assistant', content: 'Hey' }, {}, {}] });
    expect(fieldsOf(learned)[1].learned).toBe(true);
    expect(fieldsOf(withTurn(turns)).at(-1)?.role).toBe('user');
    expect(fieldsOf(withoutTurn(turns, 'turn 2')).map((field) => field.text)).toEqual([
      'Hi',
      'Bye',
      'See you',
    ]);
  });

  test('keep the calls of tools, and what their answers belong to', () => {
    const call = { type: 'function' as const, id: 'c', function: { name: 'now', arguments: {} } };
    const talk: ExampleContent = {
      kind: 'messages',
      tools: [{ type: 'function', function: { name: 'now' } }],
      messages: [
        { role: 'user', content: 'When?' },
        { role: 'assistant', content: '', tool_calls: [call] },
        { role: 'tool', content: 'noon', tool_call_id: 'c' },
        { role: 'assistant', content: 'At noon.' },
      ],
    };
    const told = withField(talk, 'turn 3', { role: 'tool', text: 'one' });
    const unlearned = withField(told, 'turn 2', { role: 'assistant', text: '', learned: false });
    checkContent(unlearned);
    expect(rawContentOf(withoutTurn(withTurn(unlearned), 'turn 5'))).toEqual({
      tools: talk.tools,
      messages: [
        { role: 'user', content: 'When?' },
        { role: 'assistant', content: '', tool_calls: [call], weight: 0 },
        { role: 'tool', content: 'one', tool_call_id: 'c' },
        { role: 'assistant', content: 'At noon.' },
      ],
    });
  });

  test('hold the prompt of a pair once and both answers', async () => {
    const pair: ExampleContent = {
      kind: 'pair',
      chosen: { kind: 'completion', prompt: 'Q', completion: 'good' },
      rejected: { kind: 'completion', prompt: 'Q', completion: 'bad' },
    };
    expect(fieldsOf(pair).map(({ id }) => id)).toEqual(['prompt', 'chosen', 'rejected']);
    expect(rawContentOf(withField(pair, 'prompt', 'R'))).toEqual({
      ...{ prompt: 'R', chosen: 'good', rejected: 'bad' },
    });
    const same = await graftError(() => checkContent(withField(pair, 'rejected', 'good')), 'edit-row');
    expect(same.what).toMatch(/^The row cannot be kept like this: chosen and rejected are the same/);
  });

  test.each<[string, ExampleContent, string]>([
    ['an empty answer', completion('Q', ' '), 'like this: the answer is empty'],
    ['half a character in a turn', withField(turns, 'turn 2', '\ud83d'), 'like this: turn 2 has half'],
    ['no answer to learn from', withoutTurn(turns, 'turn 4'), 'no answer'],
    ['half a character', completion('\ud83d', 'yes'), 'half a character'],
    ['ready tokens', { kind: 'tokens', ids: [1], labels: [1] }, 'cannot be edited'],
  ])('are refused with %s', async (_, content, reason) => {
    expect((await graftError(() => checkContent(content), 'edit-row')).what).toContain(reason);
  });
});

describe('find and replace', () => {
  const replacement = (change: Partial<Replacement>): Replacement => ({
    ...{ find: 'a', replace: 'b', matchCase: true, pattern: false, where: 'everywhere', ...change },
  });
  const replace = (content: ExampleContent, change: Partial<Replacement>): unknown => {
    const wanted = replacement(change);
    return replaceIn(content, replacer(wanted), wanted.where);
  };

  test('changes texts as they stand, or by a pattern with groups', () => {
    expect(replace(completion('1.50 or 1x50', '$1'), { find: '1.50', replace: '$1' })).toMatchObject({
      content: { prompt: '$1 or 1x50', completion: '$1' },
      places: 1,
    });
    expect(
      replace(completion('2024-05', 'May'), { find: '(\\d+)-(\\d+)', replace: '$2/$1', pattern: true }),
    ).toMatchObject({ content: { prompt: '05/2024' } });
  });

  test('changes only prompts or only answers if asked, and capitals alike', () => {
    expect(
      replace(completion('Card', 'card'), { find: 'CARD', matchCase: false, where: 'answers' }),
    ).toMatchObject({
      content: { prompt: 'Card', completion: 'b' },
      first: ['card', 'b'],
    });
    expect(replace(completion('Card', 'card'), { find: 'CARD' })).toBeUndefined();
  });

  test('refuses what is no pattern, or is found everywhere', async () => {
    for (const find of ['(', 'x*'])
      await graftError(() => replacer(replacement({ find, pattern: true })), 'replace-pattern');
  });

  test('shows the texts around the first difference', () => {
    expect(around(`${'x'.repeat(50)}a${'y'.repeat(50)}`, `${'x'.repeat(50)}b${'y'.repeat(50)}`)).toEqual([
      `…${'x'.repeat(40)}a${'y'.repeat(39)}…`,
      `…${'x'.repeat(40)}b${'y'.repeat(39)}…`,
    ]);
  });
});
