/** What is said of runs and evaluations, on real runs of the bundled model that went well and badly. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { DEVICE, graft, temporaryFolder, type Ended } from '../engine/graft-command.ts';
import { RUN_CASES, type RunCase } from './run-cases.ts';

const fileOf = (path: string): string => fileURLToPath(new URL(`../../public/${path}`, import.meta.url));
const MODEL = ['--model', fileOf('models/sprig'), ...DEVICE];
const at = temporaryFolder();

function train({ name, rows, flags, after }: RunCase): Promise<Ended> {
  const data = ['--data', fileOf(`samples/${rows}`), ...flags.split(' ')];
  const start = after === undefined ? [] : ['--init-adapter', at(after)];
  return graft(['train', ...MODEL, ...data, ...start, '--out', at(name)]);
}

/** The line after the one on the loss: the verdict. */
const verdictIn = (err: string): string => {
  const lines = err.split(/[\r\n]+/);
  return lines[lines.findIndex((line) => /^(?:Loss|Reward) .* in [\d.]+ (?:s|min)/.test(line)) + 1];
};

const evaluate = (adapter: string, rows: string, ...flags: string[]): Promise<Ended> =>
  graft(['evaluate', ...MODEL, '--adapter', at(adapter), '--data', fileOf(`samples/${rows}`), ...flags]);

describe('The end of a run', () => {
  test.each(RUN_CASES)('$name', async (one) => {
    const { code, err } = await train(one);
    expect(code, err).toBe(0);
    expect(verdictIn(err)).toMatch(one.says);
    if (one.never) expect(err).not.toMatch(one.never);
  });

  test('a run that was never better than its start keeps it, to the bit', () => {
    const [start, kept] = ['first', 'first-spoiled'].map((name) =>
      readFileSync(at(name, 'adapter_model.safetensors')),
    );
    expect(kept.equals(start)).toBe(true);
  });
});

describe('The verdict of an evaluation', () => {
  const PAIRS = ['--val-fraction', '0.1', '--test-fraction', '0.1', '--rows', '20'];
  let text: Record<string, string>;
  /** Whether the adapter answers any row in other words than the base model. */
  let changed: Record<string, boolean>;
  beforeAll(async () => {
    text = {};
    changed = {};
    for (const name of ['dpo-wreck', 'dpo', 'dpo-slow']) {
      const { code, out, err } = await evaluate(
        name,
        'more/pairs.jsonl',
        ...PAIRS,
        '--out',
        at(`of-${name}`),
      );
      expect(code, err).toBe(0);
      text[name] = out;
      const lines = readFileSync(at(`of-${name}`, 'predictions.jsonl'), 'utf8')
        .trimEnd()
        .split('\n');
      const answers = lines.map((line) => JSON.parse(line) as { method: string; output: string });
      const [base, tuned] = ['base', 'adapter'].map((method) =>
        answers.flatMap((one) => (one.method === method ? [one.output] : [])),
      );
      changed[name] = base.some((answer, row) => answer.trim() !== tuned[row].trim());
    }
  });

  test('says that tuning did not help if it lost chosen answers, though every pair moved the right way', () => {
    expect(text['dpo-wreck']).toMatch(
      /^Tuning did not help: the perplexity of the chosen answers went from/m,
    );
    expect(text['dpo-wreck']).not.toMatch(/Tuning (?:may have )?helped/);
  });

  test('says for a preference that it helped only if answers changed', () => {
    for (const name of ['dpo', 'dpo-slow'])
      expect(text[name]).toMatch(
        changed[name] ? /^Tuning (?:may have )?helped/m : /^No answer changed: all 20/m,
      );
    expect(changed['dpo']).toBe(true);
  });

  test('measures the base with examples on pairs and votes, with every other method', async () => {
    for (const rows of ['more/pairs.jsonl', 'more/votes.jsonl']) {
      const { code, out, err } = await evaluate('dpo', rows, '--split', 'all', '--rows', '4', '--json');
      expect(code, err).toBe(0);
      const { methods } = JSON.parse(out) as { methods: { method: string; failed?: string }[] };
      expect(methods.filter(({ failed }) => failed !== undefined)).toEqual([]);
      expect(methods.map(({ method }) => method)).toContain('adapter');
    }
  });

  test('does not say that tuning helped if rows were learned at the price of everything else', async () => {
    const ask = (name: string): Promise<Ended> =>
      evaluate(name, 'orders-json/test.jsonl', '--split', 'all', '--rows', '20', '--forgetting');
    const [lost, kept] = [await ask('lora-plus'), await ask('lora')];
    expect(lost.out).toMatch(
      /^Not better on the whole: the perplexity of general text went from .* On these rows/m,
    );
    expect(lost.out).not.toMatch(/Tuning (?:may have )?helped/);
    expect(kept.out).toMatch(/^Tuning helped: the adapter gets/m);
  });
});
