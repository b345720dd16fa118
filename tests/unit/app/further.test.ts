/** Rows and settings of a further run on feedback. */
import { describe, expect, test } from 'vitest';
import { hasFeedback, withFeedback } from '../../../src/app/use/feedback/rows.ts';
import { furtherOptions, usualSteps } from '../../../src/app/use/feedback/settings.ts';
import type { AdapterInfo, DataFile, DataOptions, ModelInfo } from '../../../src/worker/api.ts';

const fileOf = (name: string): DataFile => ({ name, bytes: new Uint8Array() });
const OPTIONS: DataOptions = { maxLength: 96, overlong: 'truncate-end', validation: 0.1, test: 0, seed: 42 };
const FEEDBACK = fileOf('feedback.jsonl');

describe('rows', () => {
  test('the rows of a project become a task next to the feedback, split as they were', () => {
    const source = { name: 'tickets.csv', file: fileOf('tickets.csv'), heldOut: fileOf('test.csv') };
    const next = withFeedback({ source, options: OPTIONS }, FEEDBACK, 0.25, { tasks: [] });
    expect(next.source).toMatchObject({ name: 'tickets.csv and feedback', more: [FEEDBACK] });
    expect(next.source.heldOut).toBe(source.heldOut);
    expect(next.options).toEqual({
      ...OPTIONS,
      mixture: {
        tasks: [
          { name: 'tickets', file: 0, share: 0.25 },
          { name: 'feedback', file: 2, share: 0.75, whole: true },
        ],
        mix: 'given',
      },
    });
    expect([hasFeedback({ options: OPTIONS }), hasFeedback(next)]).toEqual([false, true]);
  });

  test('several tasks keep their shares among each other', () => {
    const source = { name: 'two', file: fileOf('a.jsonl'), more: [fileOf('b.jsonl')] };
    const mixture = {
      tasks: [
        { name: 'feedback', file: 0 },
        { name: 'b', file: 2 },
      ],
      mix: 'proportional' as const,
    };
    const tasks = [0.75, 0.25].map((share, file) => ({
      ...{ name: `${file}`, file, share },
      rows: { train: 1, validation: 0, test: 0 },
    }));
    const next = withFeedback({ source, options: { ...OPTIONS, mixture } }, FEEDBACK, 0.4, { tasks });
    expect(next.options.mixture).toMatchObject({
      mix: 'given',
      tasks: [
        { name: 'feedback', file: 0, share: 0.4 * 0.75 },
        { name: 'b', file: 2, share: 0.4 * 0.25 },
        { name: 'feedback 2', file: 3, share: 0.6, whole: true },
      ],
    });
  });
});

describe('settings', () => {
  const situation = {
    name: 'feedback 1',
    from: { id: 'a', name: 'voice 1' } as AdapterInfo,
    model: { parameters: 1e6, targets: ['q_proj'] } as unknown as ModelInfo,
    data: OPTIONS,
    rows: { train: 100, validation: 10, test: 10 },
    good: 4,
    bad: 2,
  };

  test('a short run continues from the adapter, on trial', () => {
    const options = furtherOptions({ learns: 'sft', replay: 0.5 }, { ...situation, bad: 0 });
    expect(options).toMatchObject({
      ...{ name: 'feedback 1', start: { id: 'a', name: 'voice 1' }, trial: true },
      ...{ lr: 4e-3, batch: 8, maxLength: 96, sampleEvery: 0, patience: 0 },
    });
    expect(options.evalEvery).toBe(options.steps);
    expect(furtherOptions({ learns: 'sft', replay: 0.5, steps: 5 }, situation).steps).toBe(5);
  });

  test('a run measures nothing on the way if it has no validation rows', () => {
    const rows = { ...situation.rows, validation: 0 };
    expect(furtherOptions({ learns: 'sft', replay: 0.5 }, { ...situation, rows }).evalEvery).toBe(0);
  });

  test('judged answers are learnt by KTO, and the rarer label weighs more', () => {
    const options = furtherOptions({ learns: 'kto', replay: 0.5 }, situation);
    expect(options.objective).toBe('kto');
    // A third of the half that is feedback is undesirable: one in six.
    expect((options as { undesirableWeight?: number }).undesirableWeight).toBe(5);
    const { lr } = furtherOptions({ learns: 'sft', replay: 0.5 }, situation);
    expect(options.lr).toBeLessThan(lr);
  });

  test.each([
    [1, 8, 0.5, 16],
    [20, 8, 0.5, 60],
    [10, 8, 0.75, 60],
    [1000, 8, 0.5, 120],
  ])('%d rows in steps of %d, replay %d: %d steps', (rows, batch, replay, steps) => {
    expect(usualSteps(rows, batch, replay)).toBe(steps);
  });
});
