/** Data files. */
import { readFileSync } from 'node:fs';
import { readExamples, type ReadOptions } from '../../../src/data/formats.ts';
import { below, mutateBytes, mutateJson, mutateText, pick, utf8 } from './mutate.ts';
import type { Target } from './target.ts';

const ROOT = new URL('../../../', import.meta.url);
export const textOf = (path: string): string => readFileSync(new URL(path, ROOT), 'utf8');

const SAMPLES = ['voice', 'detail', 'orders-json'].map((name) =>
  textOf(`public/samples/${name}/train.jsonl`).split('\n').slice(0, 4),
);
const ROWS: readonly object[] = [
  ...SAMPLES.flat().map((line) => JSON.parse(line) as object),
  {
    messages: [
      { role: 'system', content: 's' },
      { role: 'user', content: 'a' },
      { role: 'assistant', content: 'b' },
    ],
  },
  {
    conversations: [
      { from: 'human', value: 'a' },
      { from: 'gpt', value: 'b' },
    ],
  },
  { instruction: 'a', input: 'b', output: 'c' },
  { instruction: 'a', instances: [{ input: 'x', output: 'y' }] },
  { prompt: 'a', completion: 'b' },
  { text: 'a b c' },
  { ids: [1, 2, 3], labels: [-100, 2, 3] },
];
const PARQUET = ['none', 'snappy', 'gzip', 'zstd', 'v2']
  .map((kind) => `prompts-${kind}`)
  .concat('types', 'nested')
  .map((name) => new Uint8Array(readFileSync(new URL(`tests/fixtures/parquet/${name}.parquet`, ROOT))));
const MAPPINGS = [
  undefined,
  undefined,
  { prompt: '{{prompt}}', answer: '{{completion}}' },
  { text: '{{text}} {{a.0.b}}' },
];
const JSON_PIECES = [
  '{',
  '}',
  '[',
  ']',
  '"',
  '\\',
  '\\u12',
  ':',
  ',',
  '\n',
  '\r',
  'null',
  'NaN',
  '1e999',
  '\0',
  '"a":',
  '[['.repeat(80),
  '\\"'.repeat(50),
  '\uFEFF',
];
const CELL_PIECES = [
  ',',
  '\t',
  ';',
  '"',
  '""',
  '\n',
  '\r',
  '\r\n',
  ' ',
  '|',
  'prompt',
  'label',
  '\0',
  ',,,,',
  '"\n"',
  '\uFEFF',
  'é',
];

/** Files that can be read with any options, each in its own kind. */
function dataTarget(
  ending: string,
  count: number,
  make: Target['make'],
  options: readonly Partial<ReadOptions>[],
): Target {
  return {
    name: ending.toUpperCase(),
    count,
    make,
    run(input) {
      const [fileName] = Object.keys(input);
      const bytes = input[fileName];
      const chosen = options[bytes.length % options.length];
      readExamples(bytes, { fileName, ...chosen });
    },
  };
}

const withMappings = MAPPINGS.map((mapping) => ({ mapping }));
const lines = (random: Parameters<Target['make']>[0]): string =>
  Array.from({ length: 1 + below(random, 3) }, () =>
    JSON.stringify(below(random, 3) ? mutateJson(random, pick(random, ROWS)) : pick(random, ROWS)),
  ).join('\n');

function tableOf(random: Parameters<Target['make']>[0], delimiter: string): Uint8Array<ArrayBuffer> {
  const cell = (): string =>
    pick(random, ['a', 'one two', '"x, y"', '"a ""b"""', '', '3', 'é\n', '"two\nlines"']);
  const row = (): string => Array.from({ length: 2 + below(random, 2) }, cell).join(delimiter);
  const header = pick(random, [['prompt', 'completion'], ['text', 'label'], ['a', 'b', 'c'], ['text']]).join(
    delimiter,
  );
  const text = [header, row(), row(), row()].join(pick(random, ['\n', '\r\n', '\r']));
  const changed = mutateText(random, text, CELL_PIECES);
  return below(random, 4) ? utf8(changed) : mutateBytes(random, utf8(changed));
}

const TABLE_OPTIONS = [
  {},
  {},
  { header: true },
  { header: false },
  { delimiter: ';' },
  { mapping: { prompt: '{{text}}', answer: '{{label}}' } },
];

export const dataTargets: readonly Target[] = [
  dataTarget(
    'jsonl',
    160_000,
    (random) => {
      const text = lines(random);
      return {
        'a.jsonl': below(random, 3)
          ? utf8(mutateText(random, text, JSON_PIECES))
          : mutateBytes(random, utf8(text)),
      };
    },
    withMappings,
  ),
  dataTarget(
    'json',
    100_000,
    (random) => {
      const rows = lines(random).split('\n').join(',\n');
      const frame = pick(random, [
        `[${rows}]`,
        `{"data": [${rows}], "rows": [${rows}]}`,
        `{"version": 1, "train": [${rows}]}`,
      ]);
      return {
        'a.json': below(random, 3)
          ? utf8(mutateText(random, frame, JSON_PIECES))
          : mutateBytes(random, utf8(frame)),
      };
    },
    withMappings,
  ),
  dataTarget(
    'csv',
    120_000,
    (random) => ({ 'a.csv': tableOf(random, pick(random, [',', ';'])) }),
    TABLE_OPTIONS,
  ),
  dataTarget('tsv', 60_000, (random) => ({ 'a.tsv': tableOf(random, '\t') }), TABLE_OPTIONS),
  dataTarget(
    'parquet',
    100_000,
    (random) => ({ 'a.parquet': mutateBytes(random, pick(random, PARQUET)) }),
    withMappings,
  ),
  dataTarget(
    'txt',
    20_000,
    (random) => ({ 'a.txt': mutateBytes(random, utf8(mutateText(random, lines(random), CELL_PIECES))) }),
    [{}],
  ),
];
