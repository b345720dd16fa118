/** The memory panel on weights that one buffer cannot hold. */
import { describe, expect, test } from 'vitest';
import { fitsNote, misfits, muchNote, splitNote } from '../../../src/app/train/plan-words.ts';
import type { DeviceWords } from '../../../src/app/state/device.svelte.ts';
import type { RunMemory } from '../../../src/worker/api.ts';

const GPU: DeviceWords = { isProcessor: false, the: 'the GPU', this: 'this GPU', memory: 'GPU memory' };
const memory = (changes: Pick<RunMemory, 'split' | 'problems'>): RunMemory => changes as RunMemory;
const MIB = 2 ** 20;

describe('weights in shards', () => {
  test('are named with their number and size, and do not prevent a run', () => {
    const split = [{ label: 'model.embed_tokens.weight', pieces: 3, bytes: 128 * MIB }];
    const plan = memory({ split, problems: [] });
    expect(splitNote(plan, GPU)).toBe(
      '“model.embed_tokens.weight” is larger than this GPU allows for one buffer: it is split into 3 shards of at most 128 MiB.',
    );
    expect(misfits(plan, GPU)).toEqual([]);
    expect(splitNote(memory({ split: [...split, ...split], problems: [] }), GPU)).toContain(
      ', and 1 more like it.',
    );
  });

  test('are not mentioned if there are none', () => {
    expect(splitNote(memory({ split: [], problems: [] }), GPU)).toBeUndefined();
  });
});

test('a kernel with too many workgroups prevents a run, in its own words', () => {
  const problems = [{ limit: 'dispatch', label: 'attention_tile', bytes: 70_000, allowed: 65_535 }] as const;
  expect(misfits(memory({ split: [], problems }), GPU)).toEqual([
    '“attention_tile” works on too many rows: 70000 groups of them, but a GPU takes at most 65535.',
  ]);
});

test('a phone is said to close a page that takes more memory', () => {
  const phone = { ...GPU, phoneBytes: 1200 * MIB };
  expect(fitsNote(phone)).toMatch(/^; up to 1\.2 GiB fits: above that, a phone may close the page/);
  expect(fitsNote(GPU)).toBe('; no buffer is larger than this GPU allows.');
  const problems = [{ limit: 'memory', label: 'the run', bytes: 2048 * MIB, allowed: 1200 * MIB }] as const;
  expect(misfits(memory({ split: [], problems }), phone)).toEqual([
    '“the run” needs 2 GiB. Above 1.2 GiB, this phone may close the page in the middle of a run.',
  ]);
  expect(misfits(memory({ split: [], problems }), GPU)[0]).toMatch(/this GPU allows 1\.2 GiB for everything/);
});

describe('a run above 4 GiB', () => {
  const checkpointed = { peakBytes: 2000 * MIB };

  test('gets a warning, with what would make it smaller', () => {
    const large = { peakBytes: 4097 * MIB, problems: [] };
    expect(muchNote({ ...large, checkpointed }, 8, GPU)).toMatch(
      /^Many GPUs have less memory than this.* Turn activation checkpointing on, or choose a smaller batch size\.$/,
    );
    expect(muchNote({ ...large, checkpointed }, 1, GPU)).toMatch(/ Turn activation checkpointing on\.$/);
    expect(muchNote(large, 8, GPU)).toMatch(/ Choose a smaller batch size\.$/);
    expect(muchNote(large, 1, GPU)).toMatch(/slow the machine down\.$/);
  });

  test('gets none if it is smaller, or cannot start anyway', () => {
    expect(muchNote({ peakBytes: 4096 * MIB, problems: [], checkpointed }, 8, GPU)).toBeUndefined();
    const problems = [
      { limit: 'dispatch', label: 'attention_tile', bytes: 70_000, allowed: 65_535 },
    ] as const;
    expect(muchNote({ peakBytes: 4097 * MIB, problems }, 8, GPU)).toBeUndefined();
  });
});
