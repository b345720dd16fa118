/** Whether a run's states will fit, before its first step. */
import { describe, expect, test } from 'vitest';
import { checkRoom, savedStateBytes, type Room } from '../../../src/runs/room.ts';
import { writeState } from '../../../src/train/state-files.ts';
import { graftError } from '../expect-graft-error.ts';
import { defaultSpec } from '../../../src/settings/spec.ts';

const SHAPES = [[64, 16], [300]];
const LENGTH = 64 * 16 + 300;
const store = { specs: SHAPES.map((shape, i) => ({ name: `w${i}`, shape })) };
type Store = Parameters<typeof savedStateBytes>[0]['trainable']['store'];

test.each([
  ['adamw', {}, 3],
  ['a signed momentum', { optimiser: 'lion' }, 2],
])('a state of %s has the bytes that are written', (_, settings, planes) => {
  const options = { ...defaultSpec('full'), ...settings, evalEvery: 5 };
  const trainable = { store: store as unknown as Store };
  const bytes = (validation: number): number =>
    savedStateBytes({ trainable, options }, { train: { length: 8 }, validation: { length: validation } });
  expect(bytes(0)).toBe(4 * LENGTH * planes);
  // The best values are kept beside the last ones.
  expect(bytes(2)).toBe(4 * LENGTH * (planes + 1));

  const arrays = new Map(
    SHAPES.map((shape, i) => [`w${i}`, new Float32Array(shape.reduce((a, b) => a * b))]),
  );
  const names = ['first', 'second'].slice(0, planes - 1);
  const files = writeState({
    state: {
      counters: { step: 1, steps: 2, seed: 1, evaluationsSinceBest: 0 },
      values: arrays,
      optimiser: new Map(names.map((name) => [name, arrays])),
    },
    fingerprint: '',
  });
  const written = Object.values(files).reduce((sum, { length }) => sum + length, 0);
  expect(written - bytes(0)).toBeGreaterThan(0);
  expect(written - bytes(0)).toBeLessThan(2000);
});

test('pairs have the log-probabilities of the reference policy as well', () => {
  const options = { ...defaultSpec('full'), objective: 'dpo' };
  const rows = { train: { length: 8 }, validation: { length: 2 } };
  expect(savedStateBytes({ trainable: { store: store as unknown as Store }, options }, rows)).toBe(
    4 * (3 * LENGTH + 2 * 10),
  );
});

describe('a run', () => {
  const room = (given: Partial<Room>): Room => ({
    state: 2e9,
    free: 3e9,
    saved: 0,
    where: 'in out/run',
    remedy: (missing) => `Free ${missing} there.`,
    ...given,
  });

  test('needs room for its state and the one that replaces it, and says how much is missing', async () => {
    checkRoom(room({ free: 4e9 }));
    const error = await graftError(() => checkRoom(room({})), 'run-room');
    expect(error.what).toBe(
      'The run saves its state in out/run as it goes: 2.00 GB, and as much again while it is replaced. That needs 4.00 GB, and 3.00 GB are free.',
    );
    expect(error.remedy).toBe('Free 1.00 GB there.');
  });

  test('has some of it already if it was saved before', async () => {
    checkRoom(room({ saved: 1 }));
    checkRoom(room({ saved: 2, free: 0 }));
    const error = await graftError(() => checkRoom(room({ saved: 1, free: 1e9 })), 'run-room');
    expect(error.what).toMatch(/That needs 2\.00 GB more, and 1\.00 GB are free\.$/);
  });
});
