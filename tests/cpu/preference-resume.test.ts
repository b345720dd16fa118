/** Runs that learn from preferences resume from a saved state with the bits of an uninterrupted run (DPO: tests/engine/objectives.test.ts). */
import { readFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { adapterModules, initialTensors } from '../../src/adapters/registry.ts';
import { readExamples } from '../../src/data/formats.ts';
import { prepareRows, type PreparedRow } from '../../src/data/prepare.ts';
import type { List } from '../../src/lists.ts';
import { loadTokenizer } from '../../src/text/tokenizer.ts';
import { readState, writeState } from '../../src/train/state-files.ts';
import { memoryFiles } from '../../src/weights/bytes.ts';
import { describeDevice } from '../engine/adapters.ts';
import { curve, expectSame, trainersOnSprig, type Run } from '../engine/trainer-run.ts';
import { sprigFolder } from '../engine/sprig.ts';
import { specOf } from '../../src/settings/spec.ts';

interface Pair {
  readonly prompt: readonly object[];
  readonly chosen: readonly object[];
  readonly rejected: readonly object[];
}

const PAIRS = readFileSync(new URL('../reference/peft/pairs.jsonl', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Pair);
/** Each answer for itself, every third pair with the rejected one. */
const JUDGED = PAIRS.map(({ prompt, chosen, rejected }, at) =>
  at % 3 === 2 ? { prompt, completion: rejected, label: false } : { prompt, completion: chosen, label: true },
);

describeDevice('A run that learns from preferences', (context) => {
  const { given, open } = trainersOnSprig(context);
  let pairs: PreparedRow[];
  let judged: PreparedRow[];
  beforeAll(async () => {
    const tokenizer = await loadTokenizer(sprigFolder());
    const rowsOf = (rows: readonly object[]): PreparedRow[] => {
      const text = rows.map((row) => JSON.stringify(row)).join('\n');
      const { examples, problems } = readExamples(text, { fileName: 'rows.jsonl' });
      expect(problems).toEqual([]);
      return prepareRows(examples, tokenizer, { maxLength: 96 }).rows;
    };
    pairs = rowsOf(PAIRS);
    judged = rowsOf(JUDGED);
  });

  /** The same rows, none of them at hand. */
  const taken = (rows: readonly PreparedRow[]): List<PreparedRow> => ({
    length: rows.length,
    at: (index) => rows.at(index),
  });

  test.each([
    ['dpo', 'base'],
    ['dpo', 'start'],
    ['kto', 'base'],
  ])(
    'has the steps of one whose rows are at hand if they are made as they are taken: %s (%s)',
    async (objective, reference) => {
      const options = specOf({
        ...{ objective, steps: 4, batch: 3, lr: 2e-3, rank: 4, maxLength: 96, seed: 5, evalEvery: 2 },
        ...{ targets: ['q_proj', 'v_proj', 'down_proj'], reference },
      });
      const all = objective === 'kto' ? judged : pairs;
      const [rows, validation] = [all.slice(0, -3), all.slice(-3)];
      const made = await open(options, { rows, validation });
      await made.trainer.run();
      const lists = { rows: taken(rows), validation: taken(validation) };
      const whole = await open(options, lists);
      await whole.trainer.run();
      const begun = await open(options, lists);
      expect(await begun.trainer.run(2)).toBe('paused');
      const files = writeState({ state: await begun.trainer.state(), fingerprint: objective });
      const { state } = await readState(memoryFiles(files, 'state'));
      const run = await open(options, { ...lists, state });
      await run.trainer.run();
      expect([...curve(begun.steps), ...curve(run.steps)]).toEqual(curve(whole.steps));
      expectSame(await run.adapter.read(), await whole.adapter.read());
      // The reference is asked in other groups of rows, which can differ in the last bits.
      expect(whole.steps.length).toBe(made.steps.length);
      for (const [at, { loss }] of made.steps.entries()) expect(whole.steps[at].loss).toBeCloseTo(loss, 5);
      // If the base model is the reference, only validation rows are asked in advance: the others are not at hand.
      const asked = begun.events.flatMap((event) => (event.type === 'reference' ? [event.total] : []));
      const before = [validation.length + (reference === 'base' ? 0 : rows.length)];
      expect([...new Set(asked)]).toEqual(before);
    },
  );

  test.each([
    ['kto', { reference: 'base', desirableWeight: 0.5 }],
    ['kto', { reference: 'start', optimiser: 'lion' }],
    ['orpo', {}],
    ['simpo', { labelSmoothing: 0.1, packing: true }],
  ])('continues with %s %o from its state bit for bit', async (objective, changes) => {
    const options = specOf({
      ...{ objective, steps: 6, batch: 2, accumulate: 2, lr: 2e-3, rank: 4, maxLength: 96, seed: 5 },
      ...{ shuffle: true, dropout: 0.1, warmup: 1, evalEvery: 2, targets: ['q_proj', 'v_proj', 'down_proj'] },
      ...changes,
    });
    // An adapter that already says something, so that the model with and without it are two references.
    const modules = adapterModules(given.model.definition, options);
    const tensors = new Map(
      [...initialTensors(modules, 1)].map(([name, values]) => [
        name,
        values.map((value, at) => value + Math.sin(at) / 50),
      ]),
    );
    const all = objective === 'kto' ? judged : pairs;
    const setting = { rows: all.slice(0, -3), validation: all.slice(-3), tensors };

    const whole = await open(options, setting);
    expect(await whole.trainer.run()).toBe('done');
    const begun = await open(options, setting);
    // In the middle of an epoch, and between two validations.
    expect(await begun.trainer.run(3)).toBe('paused');
    const files = writeState({ state: await begun.trainer.state(), fingerprint: objective });
    const { state } = await readState(memoryFiles(files, 'state'));
    // From another start: everything comes from the state.
    const blank = new Map([...tensors].map(([name, values]) => [name, values.map(() => 0.5)]));
    const resumed = await open(options, { ...setting, tensors: blank, state });
    expect(await resumed.trainer.run()).toBe('done');

    expect([...curve(begun.steps), ...curve(resumed.steps)]).toEqual(curve(whole.steps));
    const told = ({ steps, evaluations }: Run): unknown[] => [
      steps.map(({ report }) => report),
      evaluations.map(({ step, loss, report, best }) => [step, loss, report, best]),
    ];
    const [steps, evaluations] = told(whole) as unknown[][];
    expect(told(resumed)).toEqual([steps.slice(3), evaluations.slice(1)]);
    expect(resumed.trainer.bestEvalLoss).toBe(whole.trainer.bestEvalLoss);
    expectSame(await resumed.adapter.read(), await whole.adapter.read());
    expectSame(await resumed.trainer.result(), await whole.trainer.result());
    // The reference is stored, never computed again from a trained model.
    expect(resumed.events.filter(({ type }) => type === 'reference')).toEqual([]);
  });
});
