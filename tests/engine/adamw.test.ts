import { expect, test } from 'vitest';
import { BROKEN_SLOT, encodeStep, HYPER_SIZE, NORM_SLOT, STATS_SIZE } from '../../src/engine/ops/step.ts';
import { update } from '../../src/engine/ops/update.ts';
import { ParameterStore } from '../../src/engine/parameters.ts';
import { Tape } from '../../src/engine/tape.ts';
import { adamw } from '../../src/optimisers/adamw/adamw.ts';
import { describeAdapters } from './adapters.ts';
import { noise, worstError } from './run.ts';

describeAdapters('AdamW', (context) => {
  const specs = [
    { name: 'a', shape: [3, 5] },
    { name: 'b', shape: [130], rateScale: 4 },
    { name: 'c', shape: [1] },
  ];

  test('three clipped steps with decay and two learning rates follow the definition', async () => {
    const { device } = context;
    const store = new ParameterStore(device, specs, { state: adamw.planes });
    const hyper = device.upload([HYPER_SIZE], 'f32', 'hyper');
    const stats = device.upload([STATS_SIZE], 'f32', 'stats');
    const tape = new Tape(device);
    update(tape, store, (graph) => adamw.record(graph, {}), { hyper, stats });
    const plan = await device.compile(tape, device.createPool());
    const values = new Map(
      specs.map(({ name, shape }, i) => [
        name,
        noise(
          shape.reduce((p, n) => p * n, 1),
          i + 1,
        ),
      ]),
    );
    const zeros = (): Map<string, Float64Array> =>
      new Map([...values].map(([name, array]) => [name, new Float64Array(array.length)]));
    const first = zeros();
    const second = zeros();
    for (const [name, array] of values) store.write(name, Float32Array.from(array));

    for (let step = 1; step <= 3; step++) {
      const options = { lr: 0.01 * step, weightDecay: 0.1, clip: 0.5, tokens: 7 };
      const gradients = new Map(
        [...values].map(([name, array], i) => [name, noise(array.length, step * 10 + i, 5)]),
      );
      for (const [name, array] of gradients) store.write(name, Float32Array.from(array), 'gradients');
      device.write(hyper, encodeStep(options, adamw.encode(step)));
      plan.run();

      const norm = Math.sqrt(
        [...gradients.values()].flatMap((array) => [...array]).reduce((sum, g) => sum + (g / 7) ** 2, 0),
      );
      const clip = Math.min(1, 0.5 / (norm + 1e-6));
      const measured = new Float32Array(await device.read(stats));
      expect(Math.abs(measured[NORM_SLOT] - norm) / norm).toBeLessThan(1e-5);
      for (const { name, rateScale = 1 } of specs) {
        const lr = options.lr * rateScale;
        const [p, m, v, g] = [values, first, second, gradients].map((map) => map.get(name)!);
        p.forEach((_, i) => {
          const gradient = (g[i] / 7) * clip;
          m[i] = 0.9 * m[i] + 0.1 * gradient;
          v[i] = 0.999 * v[i] + 0.001 * gradient ** 2;
          p[i] =
            p[i] * (1 - lr * 0.1) -
            ((lr / (1 - 0.9 ** step)) * m[i]) / (Math.sqrt(v[i] / (1 - 0.999 ** step)) + 1e-8);
        });
      }
      const stored = await store.read();
      for (const [name, array] of values) expect(worstError(stored.get(name)!, array)).toBeLessThan(2e-5);
    }
  });

  for (const [what, poison] of [
    ['gradient', NaN],
    ['gradient', Infinity],
    ['loss', NaN],
  ] as const) {
    test(`a ${what} of ${poison} leaves the parameters as they were, for good`, async () => {
      const { device } = context;
      const store = new ParameterStore(device, [{ name: 'p', shape: [100] }], {
        state: adamw.planes,
      });
      const values = Float32Array.from(noise(100, 1));
      store.write('p', values);
      const gradient = Float32Array.from(noise(100, 2));
      const hyper = device.upload(
        [HYPER_SIZE],
        'f32',
        'hyper',
        encodeStep({ lr: 0.1, weightDecay: 0, clip: 1, tokens: 1 }, adamw.encode(1)),
      );
      const stats = device.upload([STATS_SIZE], 'f32', 'stats');
      const tape = new Tape(device);
      update(tape, store, (graph) => adamw.record(graph, {}), { hyper, stats });
      const plan = await device.compile(tape, device.createPool());
      const broken = gradient.slice();
      if (what === 'gradient') broken[57] = poison;
      else device.write(stats, Float32Array.of(poison));
      store.write('p', broken, 'gradients');
      plan.run();
      // The next step has good gradients, and must still be skipped; its values must not become the previous ones.
      store.write('p', gradient, 'gradients');
      device.write(stats, new Float32Array(3));
      plan.run();
      expect((await store.read()).get('p')).toEqual(values);
      expect(new Float32Array(await device.read(stats))[BROKEN_SLOT]).toBe(1);
    });
  }
});
