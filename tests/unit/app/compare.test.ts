/** The table of runs side by side: measured values, and a dash with its reason if there is none. */
import { expect, test } from 'vitest';
import { compareRuns, type ComparedRuns } from '../../../src/app/train/compare.ts';
import { pageValues } from '../../../src/settings/table.ts';

const run = (changes: Partial<ComparedRuns> & { readonly method: string }): ComparedRuns => {
  const { method, ...others } = changes;
  const steps = [0.3, 0.1, 0.2].map((seconds, i) => ({ step: i + 1, steps: 3, loss: 3 - i, seconds }));
  return {
    options: { ...pageValues({ method, name: method }), name: method },
    baseModel: 'sprig',
    baseWeights: { matrices: 'stored', embeddings: 'stored' },
    dataName: 'voice',
    steps,
    evals: [{ step: 3, loss: 1 }],
    ...others,
  } as unknown as ComparedRuns;
};

test('kinds of adapters side by side', () => {
  const rows = compareRuns([
    run({
      method: 'prompt',
      parameters: 2560,
      takenBytes: 24 * 2 ** 20,
      forgetting: { before: 2, after: 2.5 },
    }),
    run({ method: 'norms', steps: [] }),
  ]);
  const cells = (name: string): readonly string[] | undefined => rows.find((row) => row.name === name)?.cells;
  expect(cells('What learned')).toEqual(['Prompt tuning', 'Norms and biases']);
  expect(cells('Parameters kept')).toEqual(['2,560', '– nothing kept']);
  expect(cells('Memory at its peak')?.[1]).toBe('– not measured');
  expect(cells('Time of a step, median')).toEqual(['0.200 s', '– no steps']);
  expect(cells('Loss on general text')).toEqual(['2.00 → 2.50', '– not measured']);
});
