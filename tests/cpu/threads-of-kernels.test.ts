/** Every kernel except products and attention (threads.test.ts): the number of threads must not affect the result, in either build. */
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { openProcessor, type CpuChoices } from '../../src/cli/cpu.ts';
import type { CpuDevice } from '../../src/engine/cpu/device.ts';
import { activate, gated } from '../../src/engine/ops/activation.ts';
import { attentionMap } from '../../src/engine/ops/attention_map.ts';
import { columnSumInto } from '../../src/engine/ops/column_sum.ts';
import { depthwiseConv, linkFollowing } from '../../src/engine/ops/depthwise_conv.ts';
import { dropoutInto } from '../../src/engine/ops/dropout.ts';
import { embedding, linkOccurrences } from '../../src/engine/ops/embedding.ts';
import { expertLinear } from '../../src/engine/ops/expert_linear.ts';
import { gatherRows, NO_ROW } from '../../src/engine/ops/gather_rows.ts';
import { layerNorm } from '../../src/engine/ops/layer_norm.ts';
import { policyLoss, POLICY_SUMS } from '../../src/engine/ops/policy_loss.ts';
import { rmsNorm } from '../../src/engine/ops/rms_norm.ts';
import { rope } from '../../src/engine/ops/rope.ts';
import { route } from '../../src/engine/ops/routing.ts';
import { rowNormInto } from '../../src/engine/ops/row_norm.ts';
import { encodeSettings, sample, samplingTensors } from '../../src/engine/ops/sampling.ts';
import { scaleColumns } from '../../src/engine/ops/scale_columns.ts';
import { scaleRows } from '../../src/engine/ops/scale_rows.ts';
import { scatterRows } from '../../src/engine/ops/scatter_rows.ts';
import { sequenceSums } from '../../src/engine/ops/sequence_sums.ts';
import { splitColumns } from '../../src/engine/ops/split_columns.ts';
import { encodeStep, HYPER_SIZE, OWN_SLOT, STATS_SIZE } from '../../src/engine/ops/step.ts';
import { update } from '../../src/engine/ops/update.ts';
import { weightedRows } from '../../src/engine/ops/weighted_rows.ts';
import { weightedSum } from '../../src/engine/ops/weighted_sum.ts';
import { ParameterStore } from '../../src/engine/parameters.ts';
import { createQuantised, QUANTISED_TYPES, writeQuantised } from '../../src/engine/quantised.ts';
import type { Tape } from '../../src/engine/tape.ts';
import type { DType, Tensor } from '../../src/engine/tensor.ts';
import { stateOf, type Optimiser } from '../../src/optimisers/optimiser.ts';
import { OPTIMISERS } from '../../src/optimisers/registry.ts';
import { someBlocks } from '../engine/blocks.ts';
import { backwardFrom, constant, noise, runTape, watch } from '../engine/run.ts';

/** Large enough for several grains of each kernel, with a rest of two. */
const M = 301;
const C = 114;

type Define = (device: CpuDevice, tape: Tape) => Tensor[];

function numbers(
  device: CpuDevice,
  shape: number[],
  seed: number,
  dtype: DType = 'f32',
  grad = false,
): Tensor {
  const size = shape.reduce((product, side) => product * side, 1);
  return constant(device, shape, noise(size, seed), dtype, grad);
}

function integers(device: CpuDevice, shape: number[], of: (i: number) => number): Tensor {
  const size = shape.reduce((product, side) => product * side, 1);
  return constant(
    device,
    shape,
    Array.from({ length: size }, (_, i) => of(i)),
    'u32',
  );
}

/** The result of an operation on x [M, C], and the gradients of x and of everything else that is trained. */
function throughout(
  device: CpuDevice,
  tape: Tape,
  parameters: readonly Tensor[],
  define: (x: Tensor) => Tensor,
): Tensor[] {
  const x = numbers(device, [M, C], 1);
  const gradients = watch(tape, x);
  const y = define(x);
  backwardFrom(tape, y, numbers(device, [M, y.columns], 2));
  return [y, ...gradients(), ...parameters.map((parameter) => parameter.gradient!)];
}

const KERNELS: Record<string, Define> = {
  activation: (device, tape) => throughout(device, tape, [], (x) => activate(tape, x, 'gelu_tanh')),
  'activation by erf': (device, tape) => throughout(device, tape, [], (x) => activate(tape, x, 'gelu')),
  'attention map': (device, tape) => {
    const [heads, headSize] = [3, 20];
    const ranges = Array.from({ length: M }, (_, m) => [0, m + 1]).flat();
    const keyRanges = constant(device, [M, 2], ranges, 'u32');
    const [q, k] = [1, 2].map((seed) => numbers(device, [M, heads * headSize], seed));
    return [attentionMap(tape, { q, k, keyRanges, heads, kvHeads: heads, headSize, scale: 0.2 })];
  },
  gated: (device, tape) =>
    throughout(device, tape, [], (x) => gated(tape, x, numbers(device, [M, C], 3), 'silu')),
  rms_norm(device, tape) {
    const w = numbers(device, [C], 3, 'f32', true);
    return throughout(device, tape, [w], (x) => rmsNorm(tape, x, w, { eps: 1e-5, offset: 1 }));
  },
  layer_norm(device, tape) {
    const [w, b] = [3, 4].map((seed) => numbers(device, [C], seed, 'f32', true));
    return throughout(device, tape, [w, b], (x) => layerNorm(tape, x, { w, b, eps: 1e-5 }));
  },
  rope: (device, tape) =>
    throughout(device, tape, [], (x) =>
      rope(
        tape,
        x,
        integers(device, [M], (m) => 37 * m),
        {
          heads: 3,
          headSize: C / 3,
          rotary: 26,
          inverseFrequencies: constant(
            device,
            [13],
            Array.from({ length: 13 }, (_, i) => 10_000 ** (-i / 13)),
          ),
        },
      ),
    ),
  scale_columns(device, tape) {
    const [s, bias] = [3, 4].map((seed) => numbers(device, [C], seed, 'f32', true));
    const divisor = numbers(device, [C], 5);
    return throughout(device, tape, [s, bias], (x) =>
      scaleColumns(tape, x, s, { divisor, bias, residual: x }),
    );
  },
  depthwise_conv(device, tape) {
    const w = numbers(device, [C, 3], 3, 'f32', true);
    const before = Uint32Array.from({ length: 2 * M }, (_, i) => {
      const row = (i >> 1) - 1 - (i & 1);
      return row < 0 ? NO_ROW : row;
    });
    const previous = constant(device, [M, 2], before, 'u32');
    const following = constant(device, [M, 2, 2], linkFollowing(before, 2), 'u32');
    return throughout(device, tape, [w], (x) => depthwiseConv(tape, x, { w, previous, following }));
  },
  split_columns: (device, tape) =>
    throughout(device, tape, [], (x) => {
      const [left, right] = splitColumns(tape, x, [57, 57]);
      return gated(tape, left, right, 'silu');
    }),
  gather_rows: (device, tape) =>
    throughout(device, tape, [], (x) => {
      const mirrored = integers(device, [M], (m) => M - 1 - m);
      return gatherRows(tape, x, mirrored, mirrored);
    }),
  expert_linear(device, tape) {
    const [x, logits] = [numbers(device, [M, 32], 1), numbers(device, [M, 5], 2)];
    const gradients = watch(tape, x, logits);
    const up = numbers(device, [5, 24, 32], 3, 'f32', true);
    const down = numbers(device, [5, 32, 24], 4, 'f32', true);
    const routing = route(tape, logits, { kept: 2, normalised: false });
    const inner = expertLinear(tape, x, up, { routing, into: 'experts' });
    const weighted = scaleRows(tape, inner, routing);
    const y = expertLinear(tape, weighted, down, { routing, into: 'tokens', residual: x });
    backwardFrom(tape, y, numbers(device, [M, 32], 5));
    return [y, ...gradients(), up.gradient!, down.gradient!];
  },
  scatter_rows(device, tape) {
    const goal = numbers(device, [M + 9, C], 3, 'f16');
    scatterRows(
      tape,
      numbers(device, [M, C], 1),
      goal,
      integers(device, [M], (m) => (m % 5 === 0 ? 2 ** 31 : M - m)),
    );
    return [goal];
  },
  column_sum(device, tape) {
    const y = numbers(device, [C], 3);
    columnSumInto(tape, numbers(device, [M, C], 1), y);
    return [y];
  },
  row_norm(device, tape) {
    const y = tape.tensor([M], 'f32', 'lengths');
    rowNormInto(tape, numbers(device, [M, C], 1), y);
    return [y];
  },
  dropout(device, tape) {
    const y = numbers(device, [M, C], 3);
    const dropout = { probability: 0.3, seed: integers(device, [1], () => 5), salt: 7 };
    dropoutInto(tape, numbers(device, [M, C], 1), y, dropout, true);
    return [y];
  },
  scaled: (device, tape) => [
    weightedSum(
      tape,
      [0.3, 0.7].map((weight, i) => ({ loss: numbers(device, [M * C], i), weight })),
    ),
  ],
  embedding(device, tape) {
    const ids = Uint32Array.from({ length: M }, (_, m) => (m * m) % 61);
    const [idsOn, chain] = [
      constant(device, [M], ids, 'u32'),
      constant(device, [M, 2], linkOccurrences(ids), 'u32'),
    ];
    const trained = numbers(device, [61, C], 3, 'f32', true);
    const x = embedding(tape, idsOn, trained, { dtype: 'f32', scale: 1.5, chain });
    backwardFrom(tape, x, numbers(device, [M, C], 2));
    const others = QUANTISED_TYPES.map((type): Tensor => {
      const w = createQuantised(device, [61, 256], type, type);
      writeQuantised(device, w, 0, someBlocks(type, 61 * 256, 9));
      return w;
    });
    others.push(numbers(device, [61, C], 4, 'f16'));
    return [x, trained.gradient!, ...others.map((w) => embedding(tape, idsOn, w, { dtype: 'f32' }))];
  },
  sequence_sums(device, tape) {
    const x = numbers(device, [M], 1);
    const gradients = watch(tape, x);
    // Seven rows to a sequence, and some of none.
    const y = sequenceSums(
      tape,
      x,
      integers(device, [40, 2], (i) => 7 * (i >> 1) + (i & 1) * 7),
    );
    backwardFrom(tape, y, numbers(device, [40], 2));
    return [y, ...gradients()];
  },
  policy_loss(device, tape) {
    const logps = numbers(device, [M], 1);
    const gradients = watch(tape, logps);
    const ranges = integers(device, [40, 2], (i) => 7 * (i >> 1) + (i & 1) * 7);
    const total = device.upload([OWN_SLOT + POLICY_SUMS], 'f32', 'total');
    const [old, reference] = [2, 3].map((seed) => numbers(device, [M], seed));
    const [advantages, weights] = [4, 5].map((seed) => numbers(device, [40], seed));
    const tensors = { logps, old, reference, ranges, advantages, weights, total };
    const loss = policyLoss(tape, tensors, { epsilon: 0.2, epsilonHigh: 0.2, beta: 0.1, correctKl: true });
    tape.backward(loss);
    return [loss, ...gradients()];
  },
  weighted_rows(device, tape) {
    const x = numbers(device, [M], 1);
    const gradients = watch(tape, x);
    const total = numbers(device, [STATS_SIZE + 1], 3);
    const loss = weightedRows(tape, { x, weights: numbers(device, [M], 2), total }, [0, STATS_SIZE]);
    tape.backward(loss, 0.5);
    return [total, ...gradients()];
  },
  sampling(device, tape) {
    const [S, V] = [5, 5000];
    const { settings, seen, picked } = samplingTensors(tape, S, V);
    const ids = tape.pinned([S], 'u32', 'ids');
    const inputs = {
      settings: device.upload(
        settings.shape,
        'u32',
        'settings',
        encodeSettings(
          Array.from({ length: S }, (_, row) => ({
            temperature: 0.9 + row / 10,
            topK: 900,
            topP: 0.9,
            minP: 0.01,
            repetitionPenalty: 1.1,
            candidates: 9 + row,
          })),
        ),
      ),
      draws: constant(device, [S], [0, 0.2, 0.5, 0.8, 0.999]),
      seen: integers(device, [...seen.shape], (i) => i * 2654435761),
    };
    sample(tape, numbers(device, [S, V], 1), V, ids, { ...inputs, picked });
    return [ids, picked, inputs.seen];
  },
  ...Object.fromEntries(
    OPTIMISERS.map((optimiser: Optimiser): [string, Define] => [
      optimiser.name,
      (device, tape) => {
        const specs = [
          { name: 'p', shape: [M, C] },
          { name: 'v', shape: [M * C] },
        ];
        const store = new ParameterStore(device, specs, { state: stateOf(optimiser) });
        for (const { name } of specs) {
          store.write(name, Float32Array.from(noise(M * C, 1)));
          for (const [i, plane] of ['gradients', ...optimiser.planes].entries())
            if (store.keeps(name, plane))
              store.write(name, Float32Array.from(noise(M * C, 2 + i), Math.abs), plane);
        }
        const own = optimiser.encode(3, { momentum: 0.9 });
        const step = encodeStep({ clip: 1, tokens: 5, lr: 0.1, weightDecay: 0.01 }, own);
        const stats = device.upload([STATS_SIZE], 'f32', 'stats');
        update(tape, store, (graph) => optimiser.record(graph, {}), {
          hyper: device.upload([HYPER_SIZE], 'f32', 'hyper', step),
          stats,
        });
        const changed = store
          .ranges()
          .map(({ values, previous, state }) => [values, previous, ...state.values()]);
        return [stats, ...changed.flat()];
      },
    ]),
  ),
};

/** The results of each kernel with this many threads, as hashes of their bits. */
async function results(choices: CpuChoices): Promise<Record<string, string[]>> {
  const device = await openProcessor(choices);
  const all: Record<string, string[]> = {};
  try {
    for (const [name, define] of Object.entries(KERNELS)) {
      const outputs = await runTape(device, (tape) => define(device, tape));
      all[name] = outputs.map((values) => {
        if (values.every((value) => value === 0)) throw new Error(`${name} leaves nothing`);
        return createHash('sha256').update(values).digest('hex');
      });
    }
  } finally {
    device.close();
  }
  return all;
}

describe('Kernels of the CPU engine', () => {
  test.each(['relaxed', 'simd'] as const)('1, 2, 3 and 8 threads give the same bits (%s)', async (build) => {
    const alone = await results({ threads: 1, build });
    for (const threads of [2, 3, 8]) expect(await results({ threads, build })).toEqual(alone);
  });
});
