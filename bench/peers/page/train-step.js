// One training step of a small causal transformer of the Llama type: forward, loss, gradients of every weight, AdamW. f32.
import { jaxTrainStep } from './contestants/jax-train-step.js';
import { graftTrainStep } from '../../train-step.ts';
import { openGpu } from './contestants/graft.js';
import { interleave, numbers } from './measure.js';

/** Symbols as in the whole tree: L layers, C channels, H heads, F width of the MLP, V vocabulary, B rows, T tokens of a row. */
export const CONFIG = {
  L: 2,
  C: 64,
  H: 4,
  F: 256,
  V: 256,
  B: 4,
  T: 64,
  lr: 1e-3,
  beta1: 0.9,
  beta2: 0.999,
  eps: 1e-8,
  weightDecay: 0.01,
  normEps: 1e-5,
  ropeTheta: 10000,
};

export async function trainStep(options) {
  const results = await measureSteps(
    {
      'jax-js': () => jaxTrainStep(CONFIG, 'webgpu'),
      graft: async () => graftTrainStep(CONFIG, numbers, await openGpu()),
    },
    options,
  );
  const { vendor, architecture, description } = (await navigator.gpu.requestAdapter()).info;
  return { adapter: { vendor, architecture, description }, config: CONFIG, results };
}

/** Times the steps of each library in turn. @param makers by name */
export async function measureSteps(makers, { warmUps, runs }) {
  const contestants = [];
  const losses = {};
  const firstMs = {};
  for (const [name, make] of Object.entries(makers)) {
    const step = await make();
    losses[name] = [];
    const run = async () => {
      losses[name].push(await step());
    };
    const start = performance.now();
    await run();
    firstMs[name] = performance.now() - start;
    contestants.push({ name, run });
  }
  const times = await interleave(contestants, { warmUps, runs });
  const summary = Object.entries(times).map(([name, time]) => [
    name,
    { ...time, firstMs: firstMs[name], firstLoss: losses[name][0], lastLoss: losses[name].at(-1) },
  ]);
  return Object.fromEntries(summary);
}
