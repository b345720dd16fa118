/** Runs of encoders are known by the name of their objective. */
import { expect, test } from 'vitest';
import { isOfEncoder } from '../../../src/app/train/of-encoder.ts';
import type { Objective } from '../../../src/objectives/objective.ts';
import { OBJECTIVES } from '../../../src/objectives/registry.ts';

test('a run tunes an encoder if its objective does', () => {
  const all: readonly Objective[] = OBJECTIVES;
  expect(all.filter(isOfEncoderByName)).toEqual(all.filter(({ encodes }) => encodes));
  expect(isOfEncoder({})).toBe(false);
});

const isOfEncoderByName = ({ name }: Objective): boolean => isOfEncoder({ objective: name });
