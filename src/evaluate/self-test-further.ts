/** Cases of the self-test beyond one step of small heads: heads of usual sizes over several tiles, sampling, long positions, and training. */
import type { Device } from '../engine/device.ts';
import { copy } from '../engine/ops/add.ts';
import { rope } from '../engine/ops/rope.ts';
import { Tape } from '../engine/tape.ts';
import type { JsonObject } from '../json.ts';
import { Generator } from '../model/generator.ts';
import { LanguageModel } from '../model/language-model.ts';
import { randomFiles } from '../model/random-files.ts';
import { Random } from '../random.ts';
import { defaultSpec } from '../settings/spec.ts';
import type { StepEvent } from '../train/events.ts';
import { Trainer } from '../train/trainer.ts';
import {
  adapterOver,
  F16,
  F32,
  LLAMA,
  rows,
  fromMinusOneToOne,
  testAdapter,
  type SelfTestCase,
  type TestValues,
} from './self-test-case.ts';

/** Sizes of heads that most models have. */
const HEAD_SIZES = [64, 128];
/** Rows over more than two tiles of attention, which have 32 queries. */
const TILES = [70, 45];

/** Two heads of a size that share their keys. */
function withHeads(size: number): JsonObject {
  return {
    ...LLAMA,
    hidden_size: 2 * size,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    num_key_value_heads: 1,
  };
}

/** Adapters of models with usual heads: in single precision, and in half precision on a device that has it. The other device stays in f32. */
export const HEADS: readonly { readonly single: SelfTestCase; readonly half: SelfTestCase }[] =
  HEAD_SIZES.map((size) => ({
    single: {
      name: `heads of ${size}`,
      tolerance: F32,
      run: (device) => adapterOver(device, { config: withHeads(size) }, TILES),
    },
    half: {
      name: `heads of ${size} in half precision`,
      tolerance: F16,
      run: (device) =>
        adapterOver(device, { config: withHeads(size), precision: device.processor ? 'f32' : 'f16' }, TILES),
    },
  }));

const SAMPLED_TOKENS = 6;

/** Tokens that are drawn. A draw would have to fall within the difference of two sums to give another token. */
export const SAMPLED: SelfTestCase = {
  name: 'sampled tokens',
  tolerance: 0,
  async run(device): Promise<TestValues> {
    const model = await LanguageModel.load(device, randomFiles('self-test', LLAMA), { precision: 'f32' });
    const [, { ids }] = rows();
    const generator = new Generator(model, 1, ids.length + SAMPLED_TOKENS);
    const drawn: number[] = [];
    try {
      await generator.generate([ids], {
        maxNewTokens: SAMPLED_TOKENS,
        sampling: { temperature: 0.8, topK: 50, topP: 0.95, minP: 0, repetitionPenalty: 1.1 },
        seed: 3,
        stopIds: [],
        onToken: (_, id) => void drawn.push(id),
      });
      return new Map([['tokens', drawn]]);
    } finally {
      generator.destroy();
      await model.destroy();
    }
  },
};

/** Up to the length of a long document. */
const POSITIONS = [0, 1, 710, 1024, 4095, 8000];
const ROTARY = 64;

export const LONG_POSITIONS: SelfTestCase = {
  name: 'long positions',
  tolerance: F32,
  async run(device): Promise<TestValues> {
    const random = new Random(11);
    const shape = [POSITIONS.length, ROTARY];
    const x = device.upload(
      shape,
      'f32',
      'x',
      Float32Array.from({ length: POSITIONS.length * ROTARY }, () => fromMinusOneToOne(random)),
    );
    const positions = device.upload([POSITIONS.length], 'u32', 'positions', Uint32Array.from(POSITIONS));
    const inverseFrequencies = device.upload(
      [ROTARY / 2],
      'f32',
      'frequencies',
      Float32Array.from({ length: ROTARY / 2 }, (_, i) => 10_000 ** ((-2 * i) / ROTARY)),
    );
    const tape = new Tape(device);
    const turned = tape.pinned(shape, 'f32', 'turned');
    copy(tape, rope(tape, x, positions, { heads: 1, headSize: ROTARY, inverseFrequencies }), turned);
    const pool = device.createPool();
    const plan = await device.compile(tape, pool);
    try {
      plan.run();
      return new Map([['turned', new Float32Array(await plan.read(turned))]]);
    } finally {
      plan.destroy();
      pool.destroy();
      for (const tensor of [x, positions, inverseFrequencies]) device.free(tensor);
    }
  },
};

/** Updates that show in the loss of the step after them. */
const STEPS = 4;

/** Losses and gradient norms, not values: AdamW's first update is a sign, and that of a gradient near zero may differ. */
export const THREE_STEPS: SelfTestCase = {
  name: 'training',
  tolerance: F32,
  run: (device: Device): Promise<TestValues> =>
    testAdapter(device, {}, async (model, adapter) => {
      const events: StepEvent[] = [];
      const trainer = await Trainer.create({
        trainable: { model, adapter, store: adapter.store },
        options: { ...defaultSpec(), batch: 2, steps: STEPS, warmup: 0, lr: 1e-3, shuffle: false },
        rows: rows(),
        onEvent: (event) => event.type === 'step' && events.push(event),
      });
      try {
        await trainer.run();
        return new Map([
          ['losses', events.map(({ loss }) => loss)],
          ['gradient norms', events.map(({ gradNorm }) => gradNorm)],
        ]);
      } finally {
        await trainer.destroy();
      }
    }),
};
