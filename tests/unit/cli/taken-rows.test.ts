/** Rows that are made as they are taken are the rows, the parts and the report of a file whose rows are all made. */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { folder } from '../../../src/cli/files.ts';
import { openRows, type SplitRows } from '../../../src/cli/open-rows.ts';
import type { Output } from '../../../src/cli/output.ts';
import type { AskedRows } from '../../../src/cli/row-flags.ts';
import { SpillFile } from '../../../src/cli/spill-file.ts';
import { CertainRows } from '../../../src/data/certain-rows.ts';
import { BYTES_OF_ASCII } from '../../../src/data/outline.ts';
import type { DataOptions } from '../../../src/data/options.ts';
import type { PreparedRow } from '../../../src/data/prepare.ts';
import { isHeld, itemOf, type List } from '../../../src/lists.ts';
import { rowsFor } from '../../../src/runs/asked-rows.ts';
import type { PromptRow } from '../../../src/train/policy/prompts.ts';
import type { Mixture } from '../../../src/data/mixture.ts';
import { RowOrder } from '../../../src/train/order.ts';
import { loadTokenizer, type Tokenizer } from '../../../src/text/tokenizer.ts';
import type { ExampleContent } from '../../../src/text/trainable.ts';
import { memorySource } from '../../../src/weights/bytes.ts';
import { graftError } from '../expect-graft-error.ts';
import { sharedWithin } from '../shared-sections.ts';

const SILENT: Output = {
  line: () => undefined,
  progress: () => undefined,
  result: () => undefined,
  clear: () => undefined,
};
const SPRIG = folder('public/models/sprig');
const NONE = { rows: 0, bytes: 0, spill: () => new SpillFile() };
/** Files in sections of fewer bytes than most rows have. */
const SHARED = { ...NONE, share: sharedWithin(53) };

let sprig: Tokenizer;
beforeAll(async () => {
  sprig = await loadTokenizer(SPRIG);
});

/** The tokenizer of the bundled model with another chat template. */
const withTemplate = (template: string): Promise<Tokenizer> =>
  loadTokenizer({
    name: 'model',
    open: async (name) =>
      name === 'chat_template.jinja'
        ? memorySource(name, new TextEncoder().encode(template))
        : SPRIG.open(name),
  });

async function write(name: string, content: string | Uint8Array): Promise<string> {
  const place = await mkdtemp(join(tmpdir(), 'graft-rows-'));
  onTestFinished(() => rm(place, { recursive: true, force: true }));
  const path = join(place, name);
  await writeFile(path, content);
  return path;
}

const all = <Row>({ length, at }: List<Row>): (Row | undefined)[] =>
  Array.from({ length }, (_, index) => at(index));

/** What both ways have to agree on. */
const seen = ({ train, validation, test, report: { files, tasks: _, ...told } }: SplitRows): object => ({
  parts: [train, validation, test].map((rows) => all({ length: rows.length, at: (i) => rows.at(i) })),
  told,
  files: files.map(({ report, sample: _, ...file }) => ({
    ...file,
    rows: report.rows,
    ...{ dropped: report.dropped, unsupervised: report.unsupervised, failed: report.failed },
  })),
});

const SPLIT = { overlong: 'truncate-end', validation: 0.2, test: 0.2, seed: 3 } as const;

interface Asked extends Partial<DataOptions> {
  /** Whether answers are sampled to the rows. */
  readonly samples?: boolean;
  /** Files of test rows and of more rows. */
  readonly heldOut?: string;
  readonly more?: readonly string[];
  readonly tokenizer?: Tokenizer;
}

/** Reads a file both ways, and the second way in sections too. */
async function bothWays(
  path: string,
  { maxLength = 48, tokenizer = sprig, heldOut, more = [], samples = false, ...asked }: Asked = {},
): Promise<{ made: SplitRows; taken: SplitRows; shared: SplitRows }> {
  const rows: AskedRows = {
    ...{ file: path, more },
    ...(heldOut !== undefined && { test: heldOut }),
    options: { ...SPLIT, ...asked },
  };
  const limits = { maxLength, vocabSize: tokenizer.vocabSize, now: new Date(0) };
  const how = { mayTake: true, samples, keepsColumns: samples };
  const opened = await openRows(rows, tokenizer, limits, SILENT, how);
  const asks = (some: SplitRows['train']): SplitRows['train'] =>
    samples ? rowsFor('grpo', some as PreparedRow[], opened.placed) : some;
  const made = {
    ...opened,
    train: asks(opened.train),
    validation: asks(opened.validation),
    test: asks(opened.test),
  };
  const taken = await openRows(rows, tokenizer, limits, SILENT, { ...how, held: NONE });
  const shared = await openRows(rows, tokenizer, limits, SILENT, { ...how, held: SHARED });
  expect([made, taken, shared].map(({ train }) => isHeld(train))).toEqual([true, false, false]);
  return { made, taken, shared };
}

async function expectSame(path: string, asked?: Asked): Promise<SplitRows> {
  const { made, taken, shared } = await bothWays(path, asked);
  expect(seen(taken)).toEqual(seen(made));
  expect(seen(shared)).toEqual(seen(made));
  return taken;
}

const jsonl = (rows: readonly unknown[], end = '\n'): string =>
  rows.map((row) => (typeof row === 'string' ? row : JSON.stringify(row)) + end).join('');
const answers = (count: number): { prompt: string; completion: string }[] =>
  Array.from({ length: count }, (_, i) => ({ prompt: `What is ${i}?`, completion: `It is ${i}.` }));

describe('rows that are made as they are taken', () => {
  const chats = Array.from({ length: 20 }, (_, i) => ({
    messages: [
      ...(i % 3 === 0 ? [{ role: 'system', content: 'Be brief.' }] : []),
      { role: 'user', content: `Question ${i}` },
      { role: 'assistant', content: `Answer ${i}`, ...(i % 5 === 1 && { weight: 0 }) },
      { role: 'user', content: 'And then?' },
      { role: 'assistant', content: i % 4 === 0 ? ' ' : 'Nothing.' },
    ],
  }));
  const odd = [
    ...answers(12),
    'not JSON',
    '',
    '   ',
    '{"prompt": "half a row", "compl',
    { other: 'fields' },
    { prompt: 'no answer' },
    { prompt: 'blank answer', completion: ' ' },
    { prompt: 'é'.repeat(30), completion: '🙂 中文' },
    '{"prompt": "\\u4e2d\\u6587 caf\\u00e9", "completion": "\\ud83d\\ude42"}',
    { prompt: 'long '.repeat(60), completion: 'lost' },
    { prompt: 'short', completion: 'long '.repeat(60) },
    { instruction: 'Add', input: '1 and 2', output: '3' },
    { text: 'A text that is learned from its beginning to its end.' },
    { text: 'word '.repeat(80) },
    { ids: [5, 6, 7, 8], labels: [-100, -100, 7, 8] },
    { ids: [5, 6], labels: [-100, -100] },
    { ids: [5, 999_999], labels: [5, 999_999] },
    ...chats,
    ...answers(5),
    { prompt: ' What is 2? ', completion: 'It is 2.\n' },
  ];

  test.each([
    ['short answers', jsonl(answers(40))],
    ['conversations', jsonl(chats)],
    ['odd rows of every format', jsonl(odd)],
    ['ends of lines as Windows has them', jsonl(odd, '\r\n')],
    ['a byte order mark', `\ufeff${jsonl(odd)}`],
    ['a last line without its end', jsonl(answers(30)).trimEnd()],
    ['a last line that is cut off', jsonl(answers(30)).slice(0, -9)],
    [
      'a line that is too long',
      `${jsonl(answers(9))}{"text":"${'x'.repeat(17 * 2 ** 20)}"}\n${jsonl(answers(9))}`,
    ],
  ])('are the same: %s', async (_, content) => {
    const taken = await expectSame(await write('rows.jsonl', content));
    expect(taken.train.length).toBeGreaterThan(0);
  });

  test('leave out a line that is not UTF-8, with its reason', async () => {
    const content = new TextEncoder().encode(jsonl(answers(20)));
    content[60] = 0xff;
    const { report: told } = await expectSame(await write('rows.jsonl', content));
    expect(told.files[0].problems).toHaveLength(1);
    expect(told.files[0].problems[0].reason).toContain('not valid UTF-8');
  });

  test.each([
    { overlong: 'drop' },
    { overlong: 'truncate-prompt' },
    { dropCopies: true },
    { skip: [[1, 3, 14, 9999]] },
    { validation: 0, test: 0 },
    { maxLength: 16 },
    { maxLength: 400 },
    { seed: 11, dropCopies: true, overlong: 'drop', maxLength: 30 },
  ] satisfies Asked[])('are the same with %j', async (asked) => {
    await expectSame(await write('rows.jsonl', jsonl(odd)), asked);
  });

  test('are the same with a template for the columns', async () => {
    const rows = odd.map((row, i) => ({ a: `é${i} ${JSON.stringify(row)}`, b: `${i % 7}` }));
    await expectSame(await write('rows.jsonl', jsonl(rows)), {
      mapping: { prompt: '“{{a}}” {{a}} →', answer: '{{b}}' },
    });
  });

  test('are the same with a file of test rows and a table of more rows', async () => {
    const test = await write(
      'test.jsonl',
      jsonl(answers(7).map((row, i) => ({ ...row, prompt: `Test ${i % 5}` }))),
    );
    const more = await write('more.csv', 'prompt,completion\nWhat is 3?,It is 3.\nmore,rows\n');
    const { report: told } = await expectSame(await write('rows.jsonl', jsonl(odd)), {
      heldOut: test,
      more: [more],
    });
    expect(told.repeated).toBeGreaterThan(2);
  });

  test.each([
    [
      'refuses some texts',
      "{% for m in messages %}{% if '7' in m.content %}{{ raise_exception('no sevens') }}{% endif %}{{ m.role + ': ' + m.content + '<|im_end|>' }}{% endfor %}",
    ],
    [
      'refuses some roles',
      "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}{% endif %}{{ m.role + ': ' + m.content + '<|im_end|>' }}{% endfor %}",
    ],
    [
      'trims',
      "{% for m in messages %}{{ m['role'] ~ ':' ~ m['content'] | trim ~ '<|im_end|>' }}{% endfor %}",
    ],
    ['marks no end', '{% for m in messages %}{{ m.role + m.content }}{% endfor %}'],
    [
      'drops what it is asked',
      "{% for m in messages %}{% if m.role == 'assistant' %}{{ m.content + '<|im_end|>' }}{% endif %}{% endfor %}",
    ],
  ])('are the same with a chat template that %s', async (_, template) => {
    const tokenizer = await withTemplate(template);
    await expectSame(await write('rows.jsonl', jsonl(odd)), { tokenizer });
  });

  const template = (end: string): string =>
    `{% for m in messages %}{{ m.role ~ ':' ~ m.content | trim ~ '${end}' }}{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}`;
  const turns = (...contents: readonly string[]): object[] =>
    contents.map((content, i) => ({ role: i % 2 === 0 ? 'user' : 'assistant', content }));
  const comparisons = (count: number): object[] =>
    Array.from({ length: count }, (_, i) => ({ prompt: `Q ${i}`, chosen: `good ${i}`, rejected: 'bad' }));
  const pairs = [
    ...comparisons(14),
    { prompt: 'Q 1', chosen: 'bad', rejected: 'good 1' },
    { prompt: 'Q 2', chosen: 'good 2', rejected: 'bad ' },
    { prompt: 'alike', chosen: 'a nail', rejected: 'an ail' },
    { prompt: 'same', chosen: 'yes', rejected: 'yes' },
    { prompt: 'end', chosen: 'yes', rejected: 'yes ' },
    { prompt: 'break', chosen: 'yes', rejected: 'yes\n' },
    { prompt: 'begin', chosen: ' yes', rejected: 'yes' },
    { prompt: 'blank', chosen: 'yes', rejected: ' ' },
    { prompt: 'x'.repeat(90), chosen: 'lost', rejected: 'lost as well' },
    { prompt: 'alike until cut', chosen: `${'y'.repeat(90)}1`, rejected: `${'y'.repeat(90)}2` },
    { prompt: 'cut', chosen: 'one '.repeat(40), rejected: 'two '.repeat(50) },
    { prompt: 'one is cut', chosen: 'one', rejected: 'two '.repeat(50) },
    { prompt: 'é'.repeat(9), chosen: '🙂 中文', rejected: '中文' },
    { chosen: turns('Hi', 'Hello', 'Bye', 'Good bye'), rejected: turns('Hi', 'Hello', 'Bye', 'No') },
    { chosen: turns('Hi', 'Yes', 'And', 'So'), rejected: turns('Hi', 'No') },
    { prompt: turns('Tell me'), chosen: 'the truth', rejected: 'a lie' },
    { prompt_ids: [5, 6], chosen_ids: [7, 8], rejected_ids: [9] },
    'not JSON',
    { prompt: 'no answer' },
    ...comparisons(4),
  ];
  const votes = [
    ...answers(14).map((row, i) => ({ ...row, label: i % 3 > 0 })),
    { prompt: 'blank', completion: ' ', label: false },
    { prompt: 'long '.repeat(40), completion: 'lost', label: true },
    { prompt: 'short', completion: 'long '.repeat(40), label: 'no' },
    { prompt: 'no label', completion: 'it says', label: 'perhaps' },
    { prompt_ids: [5, 6], completion_ids: [7, 8], desirable: true },
    ...answers(3).map((row) => ({ ...row, label: false })),
  ];

  test.each(['pairs', 'votes'] as const)('are the same: %s', async (what) => {
    const path = await write('rows.jsonl', jsonl({ pairs, votes }[what]));
    const { report: told } = await expectSame(path);
    expect(told.preferences).toMatchObject(
      what === 'pairs' ? { pairs: 19 } : { desirable: expect.any(Number) as number },
    );
    for (const overlong of ['drop', 'truncate-prompt'] as const)
      await expectSame(path, { overlong, maxLength: 24, dropCopies: true });
    for (const end of ['<|im_end|>', '']) {
      const tokenizer = await withTemplate(template(end));
      for (const maxLength of [20, 64]) await expectSame(path, { tokenizer, maxLength });
    }
  });

  const csv = (rows: readonly { readonly prompt: string; readonly completion: string }[]): string =>
    `prompt,completion\n${rows
      .map((row) => [row.prompt, row.completion].map((cell) => `"${cell.replaceAll('"', '""')}"`).join(','))
      .join('\n')}\n`;
  const cells = [
    ...answers(15),
    { prompt: 'two\nlines, and "quotes"', completion: 'é 🙂 中文' },
    { prompt: 'a\r\nb', completion: 'long '.repeat(60) },
    { prompt: 'blank', completion: ' ' },
    { prompt: 'x'.repeat(300), completion: 'lost' },
    { prompt: ' What is 2? ', completion: 'It is 2.\n' },
    ...answers(6),
  ];
  const utf16 = (text: string): Uint8Array => new Uint8Array(Buffer.from(`\ufeff${text}`, 'utf16le'));

  test.each([
    ['rows.csv', csv(cells)],
    ['rows.csv', `${csv(cells)}one,two,three\n"never closed,x\n${csv(answers(3))}`],
    ['rows.csv', csv(answers(20)).replaceAll('\n', '\r')],
    ['rows.csv', `\ufeff${csv(cells).replaceAll('\n', '\r\n').trimEnd()}`],
    [
      'rows.tsv',
      answers(20).reduce((text, row) => `${text}${row.prompt}\t${row.completion}é\n`, 'prompt\tcompletion\n'),
    ],
    ['rows.csv', utf16(csv(cells))],
    ['rows.json', JSON.stringify(odd.filter((row) => typeof row !== 'string'))],
    ['rows.json', JSON.stringify({ other: [1], data: cells }, null, 2)],
    ['rows.jsonl', utf16(jsonl(cells))],
  ])('are the same of another kind of file: %s', async (name, content) => {
    const taken = await expectSame(await write(name, content));
    expect(taken.train.length).toBeGreaterThan(5);
  });

  test.each(['prompts-zstd', 'nested', 'types', 'questions'])('are the same of Parquet: %s', async (name) => {
    const file = readFileSync(new URL(`../../fixtures/parquet/${name}.parquet`, import.meta.url));
    const mapping = {
      questions: { prompt: '{{question}}', answer: '{{answer}}' },
      types: { text: 'é {{text}}' },
    };
    const path = await write('rows.parquet', file);
    const asked = {
      ...{ validation: 0, test: 0 },
      ...(name in mapping && { mapping: mapping[name as keyof typeof mapping] }),
    };
    const rows = await expectSame(path, asked);
    expect(rows.train.length).toBeGreaterThan(0);
  });

  test('pairs that contradict each other are found among all', async () => {
    const opposites = comparisons(3).map((row) => {
      const { chosen, rejected, ...prompt } = row as Record<string, string>;
      return { ...prompt, chosen: rejected, rejected: chosen };
    });
    const path = await write('rows.jsonl', jsonl([...comparisons(150), ...opposites]));
    const { taken, made } = await bothWays(path, { validation: 0, test: 0 });
    const { looked, lengths, ...counts } = taken.report.preferences!;
    expect(looked).toBe(128);
    expect(lengths).toBeDefined();
    expect(counts).toMatchObject({ pairs: 153, flipped: [150, 151, 152] });
    expect(made.report.preferences).toMatchObject(counts);
  });

  test('prompts that answers are sampled to have their texts and columns', async () => {
    const prompts = Array.from({ length: 30 }, (_, i) => ({
      prompt: `Count to ${i % 28}${' and back'.repeat(i === 9 ? 40 : 0)}`,
      level: i,
    }));
    const chats = prompts.map(({ prompt, level }) => ({
      prompt: [{ role: 'user', content: prompt }],
      level,
    }));
    for (const [rows, asked] of [
      [prompts, {}],
      [prompts, { overlong: 'drop' }],
      [chats, {}],
      [answers(30).map((row, i) => ({ ...row, level: i })), {}],
    ] as const) {
      const path = await write('rows.jsonl', jsonl(rows));
      const { train } = await expectSame(path, { samples: true, ...asked });
      expect((itemOf(train, 3) as PromptRow).asked?.columns).toEqual({
        level: expect.any(Number) as number,
      });
    }
  });

  test('answers of two kinds in a file are all made, so that the wrong kind is refused by its row', async () => {
    const path = await write('rows.jsonl', jsonl([...answers(5), ...comparisons(5)]));
    const rows = { file: path, more: [], options: { validation: 0, test: 0, seed: 1, overlong: 'drop' } };
    const limits = { maxLength: 48, vocabSize: sprig.vocabSize, now: new Date(0) };
    const { train } = await openRows(rows as unknown as AskedRows, sprig, limits, SILENT, {
      ...{ mayTake: true, held: NONE },
    });
    expect(isHeld(train)).toBe(true);
  });

  test('say what of them is wrong by the lines of the file', async () => {
    const { report: told } = await expectSame(await write('rows.jsonl', jsonl(odd)));
    const [{ problems, problemCount }] = told.files;
    expect(problemCount).toBe(problems.length);
    expect(problems.map(({ line }) => line)).toEqual([13, 16, 17, 18, 19, 29, 46]);
  });

  test('a file that is written to while a run reads it ends the run', async () => {
    const path = await write('rows.jsonl', jsonl(answers(40)));
    const { taken } = await bothWays(path);
    await writeFile(path, jsonl(answers(41).slice(1)));
    await graftError(() => taken.train.at(0), 'data-changed');
  });

  describe('of a mixture', () => {
    const other = Array.from({ length: 26 }, (_, i) => ({ prompt: `Sum ${i}?`, completion: `${2 * i}.` }));
    const mixed = async (
      mixture: Partial<Mixture>,
      asked?: Asked,
    ): Promise<{ made: SplitRows; taken: SplitRows }> => {
      const more = [await write('sums.jsonl', jsonl([...other, other[4]]))];
      const tasks = [
        { name: 'rows', file: 0 },
        { name: 'sums', file: 2 },
      ];
      return bothWays(await write('rows.jsonl', jsonl(odd)), {
        ...{ more, mixture: { tasks, mix: 'temperature', temperature: 3, ...mixture } },
        ...asked,
      });
    };

    test.each<[string, Partial<Mixture>, Asked]>([
      ['by a temperature', {}, {}],
      ['with a cap', { mix: 'equal', cap: 7 }, { dropCopies: true, skip: [[3], [], [5]] }],
      [
        'with a task that is trained on as a whole',
        {
          mix: 'given',
          tasks: [
            { name: 'rows', file: 0, share: 3 },
            { name: 'sums', file: 2, share: 1, whole: true },
          ],
        },
        {},
      ],
    ])('have the tasks, the shares and the order of made rows, %s', async (_, mixture, asked) => {
      const { made, taken } = await mixed(mixture, asked);
      expect(seen(taken)).toEqual(seen(made));
      expect(taken.report.tasks).toEqual(made.report.tasks);
      expect(taken.report.tasks.map(({ name }) => name).sort()).toEqual(['rows', 'sums']);
      expect(taken.report.capped).toBe(made.report.capped);
      const options = { seed: 2, shuffle: true, batch: 3, accumulate: 2 };
      const [one, same] = [new RowOrder(taken.train, options), new RowOrder(made.train, options)];
      for (const step of [0, 1, 5, 200]) expect(one.rowsOf(step)).toEqual(same.rowsOf(step));
    });

    test('have test rows of their own for the first task', async () => {
      const heldOut = await write('test.jsonl', jsonl(answers(9)));
      const { made, taken } = await mixed({}, { heldOut });
      expect(seen(taken)).toEqual(seen(made));
      expect(taken.report.tasks).toEqual(made.report.tasks);
    });
  });

  describe('split by columns', () => {
    const topics = ['river', 'lake', 'sea'];
    const rows = Array.from({ length: 90 }, (_, i) => ({
      ...{ prompt: `What is ${i % 80}?`, completion: ['yes', 'no', 'maybe'][i % 3] },
      ...(i % 10 !== 0 && { topic: topics[(i * i) % 3] }),
      ...(i % 4 !== 0 && { source: Math.floor(i / 7) }),
      part: i % 5 === 0 ? 'test' : i % 7 === 0 ? 'dev' : 'Train',
    }));

    test.each([
      { stratify: 'topic' },
      { group: 'source' },
      { stratify: 'topic', group: 'source' },
      { stratify: 'label' },
      { parts: 'part' },
    ])('are the parts of made rows: %o', async (fair) => {
      await expectSame(await write('rows.jsonl', jsonl([...rows, '{"broken'])), { fair });
      const more = [await write('more.jsonl', jsonl(rows.slice(0, 20)))];
      await expectSame(await write('rows.jsonl', jsonl(rows)), { fair, more });
    });

    test.each([
      [{ stratify: 'nowhere' }, 'data-column'],
      [{ group: 'nowhere' }, 'data-column'],
      [{ stratify: 'prompt number' }, 'split'],
      [{ parts: 'prompt number' }, 'data-column'],
    ])('refuse %o as made rows do', async (fair, code) => {
      const named = rows.map((row, i) => ({ ...row, 'prompt number': `n${i}` }));
      const path = await write('rows.jsonl', jsonl(named));
      await graftError(() => bothWays(path, { fair }), code);
      const asked = { file: path, more: [], options: { ...SPLIT, fair } };
      const limits = { maxLength: 48, vocabSize: sprig.vocabSize, now: new Date(0) };
      const how = { mayTake: true, held: NONE };
      await graftError(() => openRows(asked, sprig, limits, SILENT, how), code);
    });
  });

  test('random rows around the limit are the same', async () => {
    const text = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 40 }),
      fc.string({ unit: 'binary', maxLength: 20 }),
      fc
        .array(fc.constantFrom('the', 'sea,', 'is', 'calm.', 'Sprig', '7'), { maxLength: 40 })
        .map((w) => w.join(' ')),
      fc.constantFrom(
        ' ',
        'a',
        'word word',
        '<|im_end|>',
        '<|im_',
        '<|im_start|>assistant\n',
        '\n',
        'é',
        '🙂🙂🙂',
      ),
    );
    const row = fc.oneof(
      fc.record({ prompt: text, completion: text }),
      fc.record({ text }),
      fc.record({
        messages: fc.array(
          fc.record({ role: fc.constantFrom('system', 'user', 'assistant'), content: text }),
          {
            maxLength: 5,
          },
        ),
      }),
    );
    const path = await write('rows.jsonl', '');
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { minLength: 8, maxLength: 30 }),
        fc.integer({ min: 8, max: 60 }),
        fc.constantFrom('truncate-end', 'truncate-prompt', 'drop'),
        async (rows, maxLength, overlong) => {
          await writeFile(path, jsonl([...answers(3), ...rows]));
          await expectSame(path, { maxLength, overlong, validation: 0.1, test: 0.1 });
        },
      ),
      { numRuns: 60 },
    );
  });
});

test('most rows are certain without their tokens, and those near the limit are not', () => {
  const certain = new CertainRows(sprig, { maxLength: 100, overlong: 'truncate-end' });
  const isCertain = (rows: CertainRows, example: ExampleContent): boolean =>
    rows.has(example, BYTES_OF_ASCII);
  const has = (prompt: string, completion: string): boolean =>
    isCertain(certain, { kind: 'completion', prompt, completion });
  expect(has('x'.repeat(20), 'y'.repeat(20))).toBe(true);
  expect(has('x'.repeat(20), 'y'.repeat(2000))).toBe(true);
  expect(has('x'.repeat(100), 'y')).toBe(false);
  const dropping = new CertainRows(sprig, { maxLength: 100, overlong: 'drop' });
  const asks = (rows: CertainRows, prompt: Extract<ExampleContent, { kind: 'prompt' }>['prompt']): boolean =>
    isCertain(rows, { kind: 'prompt', prompt });
  expect(asks(dropping, 'x'.repeat(20))).toBe(true);
  expect(asks(dropping, [{ role: 'user', content: 'x'.repeat(20) }])).toBe(true);
  expect(asks(dropping, 'x'.repeat(2000))).toBe(false);
  // The limit leaves its end.
  expect(asks(certain, 'x'.repeat(2000))).toBe(true);
  expect(isCertain(dropping, { kind: 'completion', prompt: 'x', completion: 'y'.repeat(2000) })).toBe(false);
  // Of words as they are written it is known how many tokens they have.
  const longer = new CertainRows(sprig, { maxLength: 200, overlong: 'truncate-end' });
  const asksLong = (times: number): boolean =>
    isCertain(longer, { kind: 'completion', prompt: 'the sea is calm and '.repeat(times), completion: 'y' });
  expect([12, 40].map(asksLong)).toEqual([true, false]);
});
