/** Shared prefixes are checked against rows in full before the first step of a run. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { LabelledTokens } from '../../src/model/batch.ts';
import { specOf, type RunSpec } from '../../src/settings/spec.ts';
import type { LayoutEvent } from '../../src/train/events.ts';
import { layoutWords } from '../../src/train/layout-words.ts';
import { describeDevice } from './adapters.ts';
import { noise } from './run.ts';
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

  describe.skipIf(context.webgpu)('on a device that computes something else', () => {
    /** Rows no longer see the prefix that they share. */
    const breakPrefixes = (): void => {
      const { device } = given.model;
      const compile = device.compile.bind(device);
      vi.spyOn(device, 'compile').mockImplementation(async (tape, pool) => {
        const plan = await compile(tape, pool);
        const write = plan.write.bind(plan);
        plan.write = (tensor, data) => {
          if (tensor.label === 'key ranges' && tensor.columns === 4) {
            const ranges = (data as Uint32Array).slice();
            for (let m = 0; m < ranges.length; m += 4) if (ranges[m + 3] > 0) ranges[m + 1] = ranges[m];
            write(tensor, ranges);
          } else write(tensor, data);
        };
        return plan;
      });
    };

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
