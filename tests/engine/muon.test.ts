/** Muon against its formula in float64, by tests/reference/optimisers/muon.py. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { encodeStep, HYPER_SIZE, STATS_SIZE } from '../../src/engine/ops/step.ts';
import { update } from '../../src/engine/ops/update.ts';
import { ParameterStore, type ParameterSpec } from '../../src/engine/parameters.ts';
import type { Plan } from '../../src/engine/plan.ts';
import { Tape } from '../../src/engine/tape.ts';
import type { Tensor } from '../../src/engine/tensor.ts';
import { muon } from '../../src/optimisers/muon/muon.ts';
import { stateOf } from '../../src/optimisers/optimiser.ts';
import { describeAdapters } from './adapters.ts';
import { worstError } from './run.ts';

type Arrays = Record<string, number[]>;
interface Numbers {
  lr: number;
  weightDecay: number;
  momentum: number;
  shapes: Record<string, number[]>;
  start: Arrays;
  gradients: Arrays[];
  ends: Record<'original' | 'match_rms_adamw', Arrays>;
}
const numbers = JSON.parse(
  readFileSync(join(import.meta.dirname, '../reference/optimisers/muon.json'), 'utf8'),
) as Numbers;
const { lr, weightDecay, momentum, shapes, start, gradients, ends } = numbers;
const MATRICES = ['wide', 'tall', 'square'];

describeAdapters('Muon', (context) => {
  const prepare = async (
    specs: readonly ParameterSpec[],
    adjustLr: string,
  ): Promise<{ store: ParameterStore; plan: Plan; hyper: Tensor }> => {
    const { device } = context;
    const store = new ParameterStore(device, specs, { state: stateOf(muon) });
    const hyper = device.upload([HYPER_SIZE], 'f32', 'hyper');
    const stats = device.upload([STATS_SIZE], 'f32', 'stats');
    const tape = new Tape(device);
    update(tape, store, (graph) => muon.record(graph, { adjustLr }), { hyper, stats });
    return { store, hyper, plan: await device.compile(tape, device.createPool()) };
  };
  const step = (index: number): Float32Array<ArrayBuffer> =>
    encodeStep({ clip: 0, tokens: 1, lr, weightDecay }, muon.encode(index + 1, { momentum }));
  const specsOf = (): ParameterSpec[] => Object.entries(shapes).map(([name, shape]) => ({ name, shape }));

  test.each(['original', 'match_rms_adamw'] as const)(
    'ten steps with the scale %s end where its formula does, and where AdamW does for vectors',
    async (adjust) => {
      const { store, plan, hyper } = await prepare(specsOf(), adjust);
      for (const [name, values] of Object.entries(start)) store.write(name, Float32Array.from(values));
      for (const [index, given] of gradients.entries()) {
        for (const [name, values] of Object.entries(given))
          store.write(name, Float32Array.from(values), 'gradients');
        context.device.write(hyper, step(index));
        plan.run();
      }
      const values = await store.read();
      for (const [name, expected] of Object.entries(ends[adjust]))
        expect(worstError(values.get(name)!, expected), name).toBeLessThan(1e-5);
    },
  );

  test('a matrix that is padded with zeros moves as without padding, and the padding stays zero', async () => {
    const [rows, columns] = shapes['tall'];
    const padded = columns + 1;
    const wide = (values: readonly number[]): Float32Array<ArrayBuffer> =>
      Float32Array.from({ length: rows * padded }, (_, i) =>
        i % padded < columns ? values[Math.floor(i / padded) * columns + (i % padded)] : 0,
      );
    const spec = { name: 'tall', shape: [rows, padded], used: [rows, columns] };
    const { store, plan, hyper } = await prepare([spec], 'original');
    store.write('tall', wide(start['tall']));
    for (const [index, given] of gradients.entries()) {
      store.write('tall', wide(given['tall']), 'gradients');
      context.device.write(hyper, step(index));
      plan.run();
    }
    expect(worstError((await store.read()).get('tall')!, wide(ends.original['tall']))).toBeLessThan(1e-5);
    const values = (await store.read()).get('tall')!;
    expect(values.filter((_, i) => i % padded === columns)).toEqual(new Float32Array(rows));
  });

  test('a step that is not finite changes neither values nor momentum, and a step of zeros only decays', async () => {
    const { store, plan, hyper } = await prepare([{ name: 'wide', shape: shapes['wide'] }], 'original');
    const values = Float32Array.from(start['wide']);
    store.write('wide', values);
    context.device.write(hyper, step(0));
    plan.run();
    const decayed = values.map((value) => value * (1 - lr * weightDecay));
    expect(worstError((await store.read()).get('wide')!, decayed)).toBeLessThan(1e-6);
    const before = (await store.read()).get('wide')!;
    store.write(
      'wide',
      Float32Array.from(values, (_, i) => (i === 3 ? Infinity : 1)),
      'gradients',
    );
    plan.run();
    expect((await store.read()).get('wide')).toEqual(before);
    expect((await store.read('first')).get('wide')).toEqual(new Float32Array(values.length));
  });

  test('keeps one plane of state for matrices, and both of AdamW’s for tables and vectors', async () => {
    const table = { name: 'table', shape: [4, 4], table: true };
    const { store } = await prepare([...specsOf(), table], 'original');
    const kept = [...(await store.read('second')).keys()].sort();
    expect(kept).toEqual(['one', 'row', 'table', 'vector']);
    expect([...(await store.read('first')).keys()].sort()).toEqual([...MATRICES, ...kept].sort());
  });
});
