/** Optimisers against torch and a published implementation: tests/reference/optimisers/make.py made the numbers. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { encodeStep, HYPER_SIZE, NORM_SLOT, STATS_SIZE } from '../../src/engine/ops/step.ts';
import { update } from '../../src/engine/ops/update.ts';
import { ParameterStore } from '../../src/engine/parameters.ts';
import { Tape } from '../../src/engine/tape.ts';
import { optimiserOf } from '../../src/optimisers/registry.ts';
import { describeAdapters } from './adapters.ts';
import { worstError } from './run.ts';

interface Numbers extends Record<'sgd' | 'nadamw' | 'lion' | 'start', number[]> {
  lr: number;
  weightDecay: number;
  momentum: number;
  gradients: number[][];
}
const numbers = JSON.parse(
  readFileSync(join(import.meta.dirname, '../reference/optimisers/numbers.json'), 'utf8'),
) as Numbers;

describeAdapters('Optimisers', (context) => {
  test.each(['sgd', 'nadamw', 'lion'] as const)(
    '20 steps of %s end where the published one does',
    async (name) => {
      const { device } = context;
      const { lr, weightDecay, momentum, start, gradients } = numbers;
      const optimiser = optimiserOf(name);
      const store = new ParameterStore(device, [{ name: 'p', shape: [start.length] }], {
        state: optimiser.planes,
      });
      const hyper = device.upload([HYPER_SIZE], 'f32', 'hyper');
      const stats = device.upload([STATS_SIZE], 'f32', 'stats');
      const tape = new Tape(device);
      update(tape, store, (graph) => optimiser.record(graph, {}), { hyper, stats });
      const plan = await device.compile(tape, device.createPool());
      store.write('p', Float32Array.from(start));
      for (const [index, gradient] of gradients.entries()) {
        store.write('p', Float32Array.from(gradient), 'gradients');
        const own = optimiser.encode(index + 1, { momentum });
        device.write(hyper, encodeStep({ clip: 0, tokens: 1, lr, weightDecay }, own));
        plan.run();
      }
      const values = (await store.read()).get('p')!;
      expect(values).not.toEqual(Float32Array.from(start));
      expect(worstError(values, numbers[name])).toBeLessThan(1e-6);
    },
  );

  test.each([
    // The gradient [3, 4], a sum over two tokens, has the norm 2.5.
    [0, 1],
    [10, 1],
    [0.5, 0.2],
  ])('clipping at %s multiplies the gradient by %s, and never by more than one', async (clip, factor) => {
    const { device } = context;
    const optimiser = optimiserOf('sgd');
    const store = new ParameterStore(device, [{ name: 'p', shape: [4] }], { state: optimiser.planes });
    const hyper = device.upload([HYPER_SIZE], 'f32', 'hyper');
    const stats = device.upload([STATS_SIZE], 'f32', 'stats');
    const tape = new Tape(device);
    update(tape, store, (graph) => optimiser.record(graph, {}), { hyper, stats });
    const plan = await device.compile(tape, device.createPool());
    store.write('p', Float32Array.of(1, 2, 3, 4));
    store.write('p', Float32Array.of(3, 4, 0, 0), 'gradients');
    const step = { clip, tokens: 2, lr: 1, weightDecay: 0 };
    device.write(hyper, encodeStep(step, optimiser.encode(1, { momentum: 0 })));
    plan.run();
    const expected = [1 - 1.5 * factor, 2 - 2 * factor, 3, 4];
    expect(worstError((await store.read()).get('p')!, expected)).toBeLessThan(1e-6);
    expect(new Float32Array(await device.read(stats))[NORM_SLOT]).toBeCloseTo(2.5, 6);
  });

  test('a step that is not finite changes neither values nor momentum', async () => {
    const { device } = context;
    const optimiser = optimiserOf('lion');
    const store = new ParameterStore(device, [{ name: 'p', shape: [4] }], { state: optimiser.planes });
    const hyper = device.upload([HYPER_SIZE], 'f32', 'hyper');
    const stats = device.upload([STATS_SIZE], 'f32', 'stats');
    const tape = new Tape(device);
    update(tape, store, (graph) => optimiser.record(graph, {}), { hyper, stats });
    const plan = await device.compile(tape, device.createPool());
    const values = Float32Array.of(1, -2, 3, 4);
    store.write('p', values);
    store.write('p', Float32Array.of(1, NaN, 1, 1), 'gradients');
    const step = encodeStep({ clip: 1, tokens: 1, lr: 1, weightDecay: 0 }, optimiser.encode(1, {}));
    device.write(hyper, step);
    plan.run();
    expect((await store.read()).get('p')).toEqual(values);
    expect((await store.read('first')).get('p')).toEqual(new Float32Array(4));
  });
});
