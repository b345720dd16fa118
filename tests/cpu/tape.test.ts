/** What the tape does with gradients that several tensors share. */
import { expect, test } from 'vitest';
import { add } from '../../src/engine/ops/add.ts';
import { describeDevice } from '../engine/adapters.ts';
import { backwardFrom, constant, noise, runTape, watch } from '../engine/run.ts';

describeDevice('The tape', (context) => {
  test('adds nothing to a gradient that another tensor still needs', async () => {
    const { device } = context;
    const [a, b, dy] = [1, 2, 3].map((seed) => constant(device, [2, 4], noise(8, seed)));
    const [da, db] = await runTape(device, (tape) => {
      const gradients = watch(tape, a, b);
      // y = (a + b) + a: one gradient serves the inner sum and a, before a gets its second part.
      const y = add(tape, add(tape, a, b), a);
      backwardFrom(tape, y, dy);
      return gradients();
    });
    const expected = Float64Array.from(noise(8, 3), Math.fround);
    expect(da).toEqual(expected.map((value) => 2 * value));
    expect(db).toEqual(expected);
  });
});
