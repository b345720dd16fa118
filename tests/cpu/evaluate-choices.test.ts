/** `graft evaluate --choices`: answers chosen by likelihood, for every method that asks a model. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { openProcessor } from '../../src/cli/cpu.ts';
import { promptOf } from '../../src/evaluate/answer.ts';
import { LanguageModel } from '../../src/model/language-model.ts';
import { loadTokenizer } from '../../src/text/tokenizer.ts';
import { DEVICE_HERE, graftHere, temporaryFolder } from '../engine/graft-command.ts';
import { SPRIG, sprigFolder } from '../engine/sprig.ts';

const ADAPTER = fileURLToPath(new URL('../reference/peft/adapter', import.meta.url));
const at = temporaryFolder();
const LABELS = ['bird', 'fish', 'tree'];

interface Line {
  readonly input: string;
  readonly method: string;
  readonly output: string;
  readonly choices?: Readonly<Record<string, number>>;
}

beforeAll(() => {
  const rows = (count: number, of: string): string =>
    Array.from({ length: count }, (_, i) => {
      const completion = LABELS[i % 3];
      const options = [completion, 'a school'];
      return `${JSON.stringify({ prompt: `${of} ${i}: Is the owl awake?`, completion, options })}\n`;
    }).join('');
  writeFileSync(at('train.jsonl'), rows(9, 'Row'));
  writeFileSync(at('test.jsonl'), rows(6, 'Case'));
});

async function evaluate(name: string, choices: string, methods: string): Promise<Line[]> {
  const { code, out, err } = await graftHere([
    ...['evaluate', '--model', SPRIG, '--data', at('train.jsonl'), '--test-data', at('test.jsonl')],
    ...['--choices', choices, '--methods', methods, '--out', at(name), ...DEVICE_HERE],
    ...(methods.includes('adapter') ? ['--adapter', ADAPTER] : []),
  ]);
  expect(code, err).toBe(0);
  expect(out).toContain('chosen by likelihood');
  return readFileSync(at(name, 'predictions.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
}

test('gives each label the likelihood that it has after the prompt, and answers with the likeliest', async () => {
  const lines = await evaluate('labels', 'labels', 'nearest,base,2-shot,adapter');
  expect(lines.map(({ method }) => method)).toEqual(
    ['nearest', 'base', 'few-shot', 'adapter'].flatMap((method) => Array<string>(6).fill(method)),
  );
  const device = await openProcessor({ threads: 1 });
  const model = await LanguageModel.load(device, sprigFolder(), { precision: 'f32' });
  const tokenizer = await loadTokenizer(sprigFolder());
  for (const { input, method, output, choices } of lines) {
    if (method === 'nearest') {
      expect(choices).toBeUndefined();
      continue;
    }
    expect(Object.keys(choices!)).toEqual(LABELS);
    const best = Math.max(...Object.values(choices!));
    expect(choices![output]).toBe(best);
    if (method !== 'base') continue;
    const prompt = promptOf(tokenizer, input);
    const V = model.definition.shape.vocabulary;
    for (const label of LABELS) {
      const ids = tokenizer.encode(label);
      const logits = await model.logits([...prompt, ...ids]);
      const sum = ids.reduce((total, id, i) => {
        const row = logits.subarray((prompt.length - 1 + i) * V).subarray(0, V);
        return total + row[id] - Math.log(row.reduce((all, logit) => all + Math.exp(logit), 0));
      }, 0);
      expect(choices![label]).toBeCloseTo(sum, 3);
    }
  }
  // Each method has its own.
  expect(new Set(lines.map(({ choices }) => JSON.stringify(choices))).size).toBeGreaterThan(12);

  const report = JSON.parse(readFileSync(at('labels', 'report.json'), 'utf8')) as {
    readonly choices: object;
    readonly methods: readonly {
      readonly metrics: Readonly<Record<string, number>>;
      readonly choices?: Readonly<Record<'accuracy' | 'brier_score', number>> & {
        readonly reliability: readonly { readonly rows: number }[];
      };
    }[];
  };
  expect(report.choices).toEqual({ from: 'labels', texts: LABELS, ends: false });
  for (const { metrics, choices } of report.methods.slice(1)) {
    expect(choices!.accuracy).toBe(metrics.accuracy);
    expect(choices!.brier_score).toBeGreaterThan(0);
    expect(choices!.reliability.reduce((sum, { rows }) => sum + rows, 0)).toBe(6);
  }
  expect(Object.keys(report.methods[1].metrics)).toEqual(['accuracy', 'macro-f1', 'loss', 'perplexity']);
  const saved = await graftHere(['evaluate', '--open', at('labels', 'evaluation.json')]);
  expect(saved.out).toContain('chosen by likelihood');
  expect(readFileSync(at('labels', 'report.html'), 'utf8')).toContain('the likeliest of the 3 labels');
  await model.destroy();
});

test('reads the choices of each row from a column, and names the row that has none', async () => {
  const lines = await evaluate('column', 'options', 'base');
  expect(lines.map(({ choices }) => Object.keys(choices!))).toEqual(
    lines.map(() => [expect.stringMatching(/^(bird|fish|tree)$/), 'a school']),
  );
  const { code, err } = await graftHere([
    ...['evaluate', '--model', SPRIG, '--data', at('train.jsonl'), '--test-data', at('test.jsonl')],
    ...['--choices', 'answers', '--methods', 'base', ...DEVICE_HERE],
  ]);
  expect(code).toBe(1);
  expect(err).toMatch(/line \d+ has no column "answers"/);
});
