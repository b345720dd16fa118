/** Why a run cannot be resumed on the open model. */
import { expect, test } from 'vitest';
import type { StoredRun } from '../../../src/storage/records.ts';
import { otherModel } from '../../../src/worker/runs/other-model.ts';
import type { OpenModel } from '../../../src/worker/models/model.ts';

const RUN = { baseModel: 'small', bundled: false, precision: 'f16' } as StoredRun;
const open = (precision: 'f32' | 'f16'): OpenModel => ({ info: { precision } }) as OpenModel;

test('a model that is missing, or another one of this name', () => {
  for (const error of [otherModel(RUN), otherModel(RUN, open('f16'))]) {
    expect(error.what).toBe(
      'This run trains an adapter of small, and that model is not the open one, or not as it was then.',
    );
    expect(error.remedy).toMatch(/^Add the folder of small again/);
  }
  expect(otherModel({ ...RUN, bundled: true }).remedy).toBe('Open the bundled model first.');
});

test('another precision, and other types of the base weights', () => {
  const held = { ...RUN, baseWeights: { matrices: 'nf4', embeddings: 'q8_0' } };
  const { what, remedy } = otherModel(held, open('f32'));
  expect(what).toBe(
    'This run trains an adapter of small with its base weights in nf4, embeddings q8_0, and it was started in f16, but this device calculates in f32.',
  );
  expect(remedy).toMatch(/^Resume it on a device like the one/);
});

test('a run from before precision was stored does not mention it', () => {
  const { precision: _, ...old } = RUN;
  expect(otherModel(old, open('f32')).what).toMatch(/not as it was then/);
});
