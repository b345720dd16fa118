// f32 [side, side] · [side, side], B as it is (NN) and transposed (NT), by each library on WebGPU.
import { graftOn, openGpu } from './contestants/graft.js';
import { jaxOn } from './contestants/jax.js';
import { ort } from './contestants/ort.js';
import { tfjs } from './contestants/tfjs.js';
import { interleave, numbers } from './measure.js';

const LIBRARIES = { graft: graftOn(openGpu), 'jax-js': jaxOn('webgpu'), 'onnxruntime-web': ort, tfjs };
const PROBES = 50;

export async function matmul({ libraries, ...options }) {
  const contestants = Object.fromEntries(libraries.map((name) => [name, LIBRARIES[name]]));
  const results = await measureProducts(contestants, options);
  const { vendor, architecture, description } = (await navigator.gpu.requestAdapter()).info;
  return { adapter: { vendor, architecture, description }, side: options.side, results };
}

/** Checks and times the products of each library in turn. @param makers by name */
export async function measureProducts(makers, { side, warmUps, runs, layouts }) {
  const a = numbers(side * side, 1);
  const b = numbers(side * side, 2);
  const results = {};
  for (const layout of layouts) {
    const contestants = [];
    for (const [name, make] of Object.entries(makers)) {
      const { run, read } = await make({ side, a, b, layout });
      await run();
      const error = worstError(await read(), { side, a, b, layout });
      if (!(error < 1e-3)) throw new Error(`${name} ${layout} is wrong by ${error}`);
      contestants.push({ name, run });
    }
    const times = await interleave(contestants, { warmUps, runs });
    results[layout] = Object.fromEntries(
      Object.entries(times).map(([name, time]) => [
        name,
        { ...time, gflops: (2 * side ** 3) / time.median / 1e6 },
      ]),
    );
  }
  return results;
}

/** Compares some entries with sums in float64. */
function worstError(c, { side, a, b, layout }) {
  let worst = 0;
  for (let i = 0; i < PROBES; i++) {
    const m = (i * 7919) % side;
    const n = (i * 104729) % side;
    let sum = 0;
    for (let k = 0; k < side; k++) sum += a[m * side + k] * b[layout === 'NT' ? n * side + k : k * side + n];
    worst = Math.max(worst, Math.abs(sum - c[m * side + n]));
  }
  return worst;
}
