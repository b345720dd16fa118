/** Shared prefixes are checked against rows in full before the first step of a run. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { evaluateLoss } from '../../src/evaluate/loss.ts';
import { pairLikelihoods } from '../../src/evaluate/pairs.ts';
import type { LabelledTokens } from '../../src/model/batch.ts';
import { LanguageModel } from '../../src/model/language-model.ts';
import { specOf, type RunSpec } from '../../src/settings/spec.ts';
import type { LayoutEvent } from '../../src/train/events.ts';
import { layoutWords } from '../../src/train/layout-words.ts';
import { describeDevice } from './adapters.ts';
import { noise, worstError } from './run.ts';
import { sprigFolder } from './sprig.ts';
import { curve, trainersOnSprig, type Run } from './trainer-run.ts';

const idsOf = (count: number, seed: number): number[] =>
  Array.from(noise(count, seed), (value) => 3 + (Math.floor(Math.abs(value) * 1e4) % 60));

/** Answers to questions under one instruction. */
const rows = Array.from({ length: 8 }, (_, line) => {
  const prompt = [...idsOf(20, 1), ...idsOf(3, 10 + line)];
  const answer = idsOf(4, 30 + line);
  return { ids: [...prompt, ...answer], labels: [...prompt.map(() => -100), ...answer], line };
});

/** Two answers to each prompt. */
const pairs = rows.map(({ ids, line }) => {
  const prompt = ids.slice(0, 23);
  const answers = [ids.slice(23), idsOf(5, 50 + line)];
  return {
    ids: answers.flatMap((answer) => [...prompt, ...answer]),
    labels: answers.flatMap((answer) => [...prompt.map(() => -100), ...answer]),
    starts: [ids.length],
    line,
  };
});

const layoutsOf = ({ events }: Run): LayoutEvent[] =>
  events.flatMap((event) => (event.type === 'layout' ? [event] : []));

describeDevice('the check of shared prefixes', (context) => {
  const { given, open } = trainersOnSprig(context);
  afterEach(() => vi.restoreAllMocks());
  const settings = {
    steps: 2,
    warmup: 0,
    batch: 4,
    targets: ['q_proj', 'v_proj'],
    sharePrefixes: 'auto' as const,
  };
  const openOn = (some: readonly LabelledTokens[], changes: Partial<RunSpec> = {}): Promise<Run> =>
    open({ ...settings, ...changes }, { rows: some as never, validation: some.slice(0, 4) as never });

  test('passes on this device, and says what repeats', async () => {
    const [event, ...others] = layoutsOf(await openOn(rows));
    expect(others).toEqual([]);
    expect(event).toMatchObject({ sharing: 'shared', tokens: 8 * 27 });
    expect(event.computed).toBeLessThan(0.6 * event.tokens);
    expect(layoutWords(event)).toMatch(/^\d\d% of the tokens of these rows repeat .* computed once\.$/);
  });

  test.skipIf(context.webgpu)('says nothing of rows that share too little', async () => {
    const different = rows.map((row, at) => ({ ...row, ids: [70 + at, ...row.ids.slice(1)] }));
    expect(layoutsOf(await openOn(different))).toEqual([]);
    expect(layoutsOf(await openOn(rows, { sharePrefixes: 'off' }))).toEqual([]);
  });

  test.skipIf(context.webgpu)('says that dropout is against sharing', async () => {
    const [event] = layoutsOf(await openOn(rows, specOf({ ...settings, dropout: 0.1 })));
    expect(event.sharing).toBe('dropout');
    expect(layoutWords(event)).toContain('dropout is different in each');
  });

  /** Changes the key ranges that plans get from here on. */
  const onRanges = (change: (ranges: Uint32Array<ArrayBuffer>, columns: number) => void): void => {
    const { device } = given.model;
    const compile = device.compile.bind(device);
    vi.spyOn(device, 'compile').mockImplementation(async (tape, pool) => {
      const plan = await compile(tape, pool);
      const write = plan.write.bind(plan);
      plan.write = (tensor, data) => {
        if (tensor.label === 'key ranges') change(data as Uint32Array<ArrayBuffer>, tensor.columns);
        write(tensor, data);
      };
      return plan;
    });
  };
  /** Rows no longer see the prefix that they share. */
  const breakPrefixes = (): void =>
    onRanges((ranges, columns) => {
      if (columns === 2) return;
      for (let m = 0; m < ranges.length; m += columns) if (ranges[m + 3] > 0) ranges[m + 1] = ranges[m];
    });

  describe.skipIf(context.webgpu)('evaluations', () => {
    const own = async (use: (model: LanguageModel) => Promise<void>): Promise<void> => {
      const model = await LanguageModel.load(context.device, sprigFolder(), { precision: 'f32' });
      await use(model);
      await model.destroy();
    };
    /** The loss and the likelihoods, each row and pair by itself. */
    const apart = async (model: LanguageModel): Promise<{ loss: number; likely: number[] }> => {
      let sum = 0;
      const likely: number[] = [];
      for (const row of rows) sum += (await evaluateLoss(model, [row])).loss;
      for (const row of pairs)
        for (const { chosen, rejected } of await pairLikelihoods(model, [row]))
          likely.push(chosen.logp, rejected.logp);
      return { loss: sum / rows.length, likely };
    };
    const together = async (model: LanguageModel): Promise<{ loss: number; likely: number[] }> => ({
      loss: (await evaluateLoss(model, rows)).loss,
      likely: (await pairLikelihoods(model, pairs)).flatMap(({ chosen, rejected }) => [
        chosen.logp,
        rejected.logp,
      ]),
    });
    const expectSame = (
      some: { loss: number; likely: number[] },
      others: { loss: number; likely: number[] },
    ): void => {
      expect(Math.abs(some.loss / others.loss - 1)).toBeLessThan(1e-5);
      expect(worstError(some.likely, others.likely)).toBeLessThan(1e-5);
    };

    test('share prefixes, with the loss and the likelihoods of rows in full', async () => {
      await own(async (model) => {
        const expected = await apart(model);
        const seen: number[] = [];
        onRanges((_, columns) => seen.push(columns));
        expectSame(await together(model), expected);
        // The rows share an instruction, and pairs a prompt as well.
        expect(new Set(seen)).toEqual(new Set([4, 6]));
      });
    });

    test('compute rows in full where sharing changes the numbers', async () => {
      const expected = await apart(given.model);
      await own(async (model) => {
        breakPrefixes();
        expectSame(await together(model), expected);
      });
    });
  });

  describe.skipIf(context.webgpu)('on a device that computes something else', () => {
    for (const [name, some, changes] of [
      ['rows', rows, {}],
      ['pairs', pairs, { ...specOf({ objective: 'dpo' }), batch: 2 }],
    ] as const) {
      test(`computes all ${name} in full instead, with the bits of a run without sharing`, async () => {
        const usual = { ...changes, ...settings };
        const full = await openOn(some, { ...usual, sharePrefixes: 'off' });
        await full.trainer.run();
        breakPrefixes();
        const checked = await openOn(some, usual);
        const [event] = layoutsOf(checked);
        expect(event.sharing).toBe('differs');
        expect(event.difference).toBeGreaterThan(1e-3);
        expect(layoutWords(event)).toMatch(/^Warning: .* All rows are computed in full\.$/);
        await checked.trainer.run();
        expect(curve(checked.steps)).toEqual(curve(full.steps));
        expect(checked.steps.every(({ computedTokens }) => computedTokens === undefined)).toBe(true);
      });
    }
  });
});
