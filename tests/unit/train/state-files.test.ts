import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readState, writeState, type SavedState } from '../../../src/train/state-files.ts';
import { memoryFiles } from '../../../src/weights/bytes.ts';
import { graftError, resultOrGraftError } from '../expect-graft-error.ts';

const arrays = (...values: number[]): Map<string, Float32Array<ArrayBuffer>> =>
  new Map([
    ['layer.a/b', Float32Array.from(values)],
    ['second', Float32Array.of(-0, 1e-45, 3.4e38)],
  ]);

const saved: SavedState = {
  fingerprint: 'abc',
  begun: '2026-11-26T10:39:26',
  state: {
    counters: { step: 3, steps: 10, seed: 42, bestEvalLoss: 1.25, evaluationsSinceBest: 1 },
    values: arrays(1, 2, 3),
    optimiser: new Map([
      ['first', arrays(4, 5, 6)],
      ['second', arrays(7, 8, 9)],
    ]),
    best: arrays(10, 11, 12),
  },
};

const read = (files: Record<string, Uint8Array<ArrayBuffer> | string>): Promise<SavedState> =>
  readState(memoryFiles(files, 'run'));

describe('state files', () => {
  it('give back what was written, bit for bit', async () => {
    expect(await read(writeState(saved))).toEqual(saved);
  });

  it('do without an evaluation', async () => {
    const { best: _, ...state } = saved.state;
    const plain = {
      ...saved,
      begun: undefined,
      state: { ...state, counters: { ...state.counters, bestEvalLoss: undefined } },
    };
    expect(await read(writeState(plain))).toEqual({ ...plain, state: { ...plain.state, best: undefined } });
  });

  it('say what is missing or wrong', async () => {
    const files = writeState(saved);
    await graftError(() => read({}), 'state-missing');
    await graftError(() => read({ 'state.json': files['state.json'] }), 'state-missing');
    await graftError(() => read({ 'state.safetensors': files['state.safetensors'] }), 'state-missing');
    await graftError(() => read({ ...files, 'state.json': '{}' }), 'state-format');
    await graftError(() => read({ ...files, 'state.json': '[' }), 'json-syntax');
    const text = new TextDecoder().decode(files['state.json']);
    for (const [from, to] of [
      ['"step": 3', '"step": -3'],
      ['"step": 3', '"step": 3.5'],
      ['"seed": 42', '"seed": "42"'],
      ['"fingerprint": "abc"', '"fingerprint": 1'],
      ['10:39:26', '10:39'],
      ['2026-11', '2026-13'],
    ]) {
      expect(text).toContain(from);
      await graftError(() => read({ ...files, 'state.json': text.replace(from, to) }), 'state-format');
    }
    const incomplete = writeState({ ...saved, state: { ...saved.state, values: new Map() } });
    const error = await graftError(() => read(incomplete), 'state-format');
    expect(error.what).toContain('values');
  });

  it('damaged anywhere, end in a GraftError or in something readable', async () => {
    const files = writeState(saved);
    let errors = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('state.json', 'state.safetensors'),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        fc.boolean(),
        async (name, at, change, cut) => {
          const bytes = files[name].slice();
          const place = at % bytes.length;
          bytes[place] ^= change;
          // The file's last character may be missing: it is a line end.
          const damaged = cut ? bytes.slice(0, Math.max(0, place - 2)) : bytes;
          if ((await resultOrGraftError(() => read({ ...files, [name]: damaged }))) === 'error') errors++;
          else expect(cut, `${name} cut at ${place} was read`).toBe(false);
        },
      ),
      { numRuns: 400 },
    );
    expect(errors).toBeGreaterThan(100);
  });
});
