/** Rows of a file that is too large to hold are the same as those that are held, for everything that asks for them. */
import { beforeAll, expect, test, vi } from 'vitest';
import { distributionOf } from '../../../src/data/distribution.ts';
import { checkOpenRows } from '../../../src/data/findings/open-rows.ts';
import { dealFolds, rowsOfFold } from '../../../src/data/folds.ts';
import { LargeRows } from '../../../src/data/large-rows.ts';
import { openData } from '../../../src/data/open-data.ts';
import type { DataFile, DataOptions, OtherFiles } from '../../../src/data/options.ts';
import { placeKey, type ChangedRow } from '../../../src/data/row-changes.ts';
import { labelsOf } from '../../../src/data/row-columns.ts';
import { listRows, type RowQuery } from '../../../src/data/row-list.ts';
import { preview, rowsOf, type RowSet } from '../../../src/data/row-set.ts';
import type { DataSummary } from '../../../src/data/summary.ts';
import { canBeTokenizedAgain, tokenizeAgain } from '../../../src/data/tokenize-again.ts';
import { pairsOf, promptPairsOf } from '../../../src/evaluate/loss-part.ts';
import { itemsOf } from '../../../src/lists.ts';
import { testPartOf } from '../../../src/worker/edits/looks.ts';
import type { OpenModel } from '../../../src/worker/models/model.ts';
import { askedRows } from '../../../src/worker/runs/rows-of-run.ts';
import { Slices } from '../../../src/worker/slices.ts';
import { openSprig } from '../worker/open-sprig.ts';

let model: OpenModel;
beforeAll(async () => {
  model = await openSprig();
});

const slices = (): Slices => new Slices(() => undefined, new AbortController().signal);
const OPTIONS: DataOptions = { maxLength: 40, overlong: 'truncate-end', validation: 0.2, test: 0.2, seed: 5 };
const NUMBERS = Array.from({ length: 24 }, (_, at) => at);
const fileOf = (name: string, lines: readonly (object | string)[]): DataFile => ({
  name,
  bytes: new TextEncoder().encode(
    lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'),
  ),
});

const KINDS = {
  labels: fileOf('labels.jsonl', [
    ...NUMBERS.map((at) => ({
      prompt: `Is ${at % 20} even?`,
      completion: at % 2 ? 'no' : 'yes',
      source: `s${at % 4}`,
    })),
    'not JSON',
    { prompt: 'x '.repeat(60), completion: 'cut off' },
    {
      prompt: 'Call me at ann@example.org',
      completion: 'No, thank you: it is late and I am on my way home.',
    },
  ]),
  chats: fileOf(
    'chats.jsonl',
    NUMBERS.map((at) => ({
      messages: [
        ...(at % 3 === 0 ? [{ role: 'system', content: 'Be brief.' }] : []),
        { role: 'user', content: `Say the number ${at}, please` },
        { role: 'assistant', content: `It is ${at}. Ünïcode 🌱` },
        ...(at % 5 === 0 ? [{ role: 'user', content: 'Again' }] : []),
      ],
    })),
  ),
  pairs: fileOf(
    'pairs.jsonl',
    NUMBERS.map((at) => ({
      prompt: `Which is larger, ${at % 21} or 7?`,
      chosen: at === 3 ? 'same' : `${Math.max(at, 7)}`,
      rejected: at === 3 ? ' same ' : 'I do not know, ask me later',
    })),
  ),
  votes: fileOf(
    'votes.jsonl',
    NUMBERS.map((at) => ({ prompt: `Joke ${at}`, completion: `Ha ${at}`, label: at % 3 === 0 })),
  ),
  prompts: fileOf(
    'prompts.jsonl',
    NUMBERS.map((at) => ({ prompt: `Write about ${at}` })),
  ),
  table: fileOf('table.csv', [
    'prompt,completion',
    ...NUMBERS.map((at) => `"Name ${at}, twice",${at} ${at}`),
  ]),
} as const;

type Opened = { readonly data: RowSet; readonly summary: DataSummary };
const open = (
  file: DataFile,
  others: OtherFiles & { readonly changes?: ReadonlyMap<string, ChangedRow> } = {},
  options: DataOptions = OPTIONS,
): Promise<readonly [Opened, Opened]> =>
  Promise.all([
    openData(model, file, options, others, slices()),
    openData(model, file, options, others, slices(), undefined, { rows: 0, bytes: 0 }),
  ]);

const QUERIES: readonly Omit<RowQuery, 'from' | 'count'>[] = [
  {},
  { text: 'number 1' },
  { label: 'yes' },
  { part: 'test' },
  { state: 'repeated' },
  { state: 'cut' },
  { column: { name: 'source', text: 's2' } },
  { sort: { by: 'tokens', down: true } },
  { sort: { by: { column: 'Prompt' }, down: false } },
  { least: 10, most: 30 },
  { changed: true },
];

/** All that the page and a run ask of rows, as plain objects. */
async function askedOf({ data, summary }: Opened): Promise<Record<string, unknown>> {
  const { tokenizer, info } = model;
  const { findings, rows: found } = await checkOpenRows(
    data,
    { tokenizer, vocabulary: info.vocabulary },
    slices(),
  );
  const part = (name: 'train' | 'validation' | 'test'): unknown => [...itemsOf(rowsOf(data, name))];
  const { preferences, ...others } = summary;
  return {
    summary: others,
    preferences: preferences && { ...preferences, looked: undefined },
    lists: QUERIES.map((query) => listRows(data, { ...query, from: 0, count: 500 }, tokenizer)),
    previews: data.entries.map(({ reason }, at) =>
      reason === undefined ? preview(data, at, tokenizer) : at,
    ),
    distribution: distributionOf(data, labelsOf(data.places) !== undefined),
    findings,
    found,
    ...{ train: part('train'), validation: part('validation'), test: part('test') },
    prompts: [...itemsOf(askedRows(data, { objective: 'grpo' }).train)],
    questions: [...itemsOf(data.questions)],
    pairs: [...itemsOf(pairsOf(data, 'train', true))].map(({ example, question }) => ({ example, question })),
    promptPairs: promptPairsOf(data, true).map(({ question }) => question),
  };
}

const isLarge = ({ data }: Opened): boolean => data.entries.some(({ large }) => large !== undefined);

async function expectSame([held, large]: readonly [Opened, Opened]): Promise<void> {
  expect([isLarge(held), isLarge(large)]).toEqual([false, true]);
  const [wanted, got] = [await askedOf(held), await askedOf(large)];
  for (const name of Object.keys(wanted)) expect({ [name]: got[name] }).toEqual({ [name]: wanted[name] });
}

test.each(Object.entries(KINDS))(
  '%s are the same for lists, findings, statistics, training and measuring',
  async (_, file) => {
    await expectSame(await open(file));
  },
);

test('are the same after changes by hand', async () => {
  for (const file of [KINDS.labels, KINDS.pairs]) {
    const changes = new Map(
      [
        { file: 0, line: 3, content: { kind: 'completion' as const, prompt: 'New', completion: 'yes' } },
        { file: 0, line: 5, deleted: true as const },
        { file: 0, line: 6, part: 'test' as const },
        {
          ...{ file: 0, line: 400, after: 7, part: 'train' as const },
          content: { kind: 'completion' as const, prompt: 'Added', completion: 'no' },
        },
      ].map((row) => [placeKey(row), row] as const),
    );
    await expectSame(await open(file, { changes }));
  }
});

test('are the same next to held ones, of other files and in mixtures, and where copies are left out', async () => {
  const more = [KINDS.votes];
  const mixture = {
    tasks: [
      { name: 'labels', file: 0 },
      { name: 'votes', file: 2 },
    ],
    mix: 'equal' as const,
    cap: 12,
  };
  const options = { ...OPTIONS, dropCopies: true, mixture, skip: [[2, 4]] };
  await expectSame(await open(KINDS.labels, { more }, options));
  const [held, large] = await open(KINDS.labels, { more, heldOut: KINDS.chats }, OPTIONS);
  await expectSame([held, large]);
});

test('name the test part by its rows, and are not read for that', async () => {
  const [, { data }] = await open(KINDS.labels);
  const read = vi.spyOn(LargeRows.prototype, 'exampleOf');
  const name = await testPartOf(data);
  expect(read).not.toHaveBeenCalled();
  read.mockRestore();
  const without = async (part: 'train' | 'test'): Promise<string | undefined> => {
    const { line } = data.entries.find((entry) => entry.part === part)!;
    const [, other] = await open(KINDS.labels, {}, { ...OPTIONS, skip: [[line]] });
    return testPartOf(other.data);
  };
  expect(await without('train')).toBe(name);
  expect(await without('test')).not.toBe(name);
});

test('are split by the values of columns and dealt to folds as held ones are', async () => {
  await expectSame(
    await open(KINDS.labels, {}, { ...OPTIONS, fair: { stratify: 'label', group: 'source' } }),
  );
  const [held, large] = await open(KINDS.labels, {}, OPTIONS);
  const folds = [held, large].map(({ data }) => {
    const dealt = dealFolds(data, 3);
    const fold = rowsOfFold(data, dealt, 1, undefined);
    return [dealt.of, [...itemsOf(rowsOf(fold, 'test'))], [...itemsOf(fold.questions)]];
  });
  expect(folds[1]).toEqual(folds[0]);
});

test('are made again by another tokenizer', async () => {
  const [held, large] = await open(KINDS.chats);
  const again = await Promise.all(
    [held, large].map(({ data }) => {
      expect(canBeTokenizedAgain(data)).toBe(true);
      return tokenizeAgain(data, model.tokenizer, model.info.vocabulary, () => Promise.resolve());
    }),
  );
  const [one, other] = again.map((data) => [...itemsOf(rowsOf(data, 'train'))]);
  expect(other).toEqual(one);
});
