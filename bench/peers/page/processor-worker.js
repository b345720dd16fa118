// Graft's CPU engine with one thread and with two, beside jax-js's wasm backend; and its side of the decoding contest.
import { benchmarkTraining } from '../../../src/evaluate/training-benchmark.ts';
import { LanguageModel } from '../../../src/model/language-model.ts';
import { randomFiles } from '../../../src/model/random-files.ts';
import { SMOLLM2_135M } from '../../../src/worker/curated/configs.ts';
import { openProcessor } from '../../../src/worker/device/processor.ts';
import { graftTrainStep } from '../../train-step.ts';
import { answer, openModel } from './answering.js';
import { graftOn } from './contestants/graft.js';
import { jaxOn } from './contestants/jax.js';
import { jaxTrainStep } from './contestants/jax-train-step.js';
import { measureProducts } from './matmul.js';
import { numbers } from './measure.js';
import { CONFIG, measureSteps } from './train-step.js';

const devices = new Map();
const withThreads = (count) => async () => {
  if (!devices.has(count)) devices.set(count, await openProcessor(count));
  return devices.get(count);
};

const contests = {
  /** LoRA on the shape of SmolLM2-135M, as `graft bench` measures it headless. */
  'train-model': async ({ batches, runs }) => {
    const model = await LanguageModel.load(await withThreads(2)(), randomFiles('SmolLM2-135M', SMOLLM2_135M));
    const results = {};
    for (const [rows, length] of batches)
      results[`${rows}x${length}`] = await benchmarkTraining(model, { rows, length, runs });
    return { results };
  },
  'open-model': openModel,
  answer,
  matmul: async (options) => ({
    side: options.side,
    results: await measureProducts(
      {
        graft: graftOn(withThreads(2)),
        'graft, 1 thread': graftOn(withThreads(1)),
        'jax-js wasm': jaxOn('wasm'),
      },
      options,
    ),
  }),
  'train-step': async (options) => ({
    config: CONFIG,
    results: await measureSteps(
      {
        'jax-js wasm': () => jaxTrainStep(CONFIG, 'wasm'),
        graft: async () => graftTrainStep(CONFIG, numbers, await withThreads(2)()),
        'graft, 1 thread': async () => graftTrainStep(CONFIG, numbers, await withThreads(1)()),
      },
      options,
    ),
  }),
};

onmessage = async ({ data: { what, options } }) => {
  try {
    postMessage(await contests[what](options));
  } catch (error) {
    postMessage({ error: String(error?.stack ?? error) });
  }
};
