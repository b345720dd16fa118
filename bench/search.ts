/**
 * Exact search over many chunks: a loop in JavaScript, and the CPU engine. Medians of runs in turn, each with the choice of the best ten.
 *
 *   node --import tsx --loader ./bin/wgsl-loader.mjs bench/search.ts [chunks] [size] [threads]
 */
import { availableParallelism } from 'node:os';
import { median } from '../src/averages.ts';
import { openProcessor } from '../src/cli/cpu.ts';
import { Random } from '../src/random.ts';
import { searchVectors } from '../src/retrieval/cosine.ts';
import { DeviceVectors } from '../src/retrieval/device-vectors.ts';

const RUNS = 21;

const [chunks = 100_000, size = 384, threads = availableParallelism()] = process.argv.slice(2).map(Number);
const random = new Random(1);
const unit = (count: number): Float32Array => {
  const vectors = new Float32Array(count * size);
  for (let start = 0; start < vectors.length; start += size) {
    const row = vectors.subarray(start, start + size).map(() => random.float() - 0.5);
    const length = Math.hypot(...row);
    vectors.set(
      row.map((value) => value / length),
      start,
    );
  }
  return vectors;
};
const vectors = unit(chunks);
const device = await openProcessor({ threads });
const began = performance.now();
const engine = await DeviceVectors.open(device, vectors, size);
const opened = performance.now() - began;

const contestants = {
  'loop in JavaScript': (question: Float32Array) => searchVectors(vectors, question, 10),
  [`CPU engine, ${threads} threads`]: (question: Float32Array) => engine.search(question, 10),
};
const times = new Map<string, number[]>(Object.keys(contestants).map((name) => [name, []]));
for (let run = 0; run < RUNS; run++) {
  const question = unit(1);
  for (const [name, search] of Object.entries(contestants)) {
    const start = performance.now();
    await search(question);
    times.get(name)!.push(performance.now() - start);
  }
}
console.log(`${chunks} chunks of ${size}; copied to the engine in ${opened.toFixed(0)} ms; ${RUNS} runs`);
for (const [name, all] of times)
  console.log(`${name}: median ${median(all).toFixed(1)} ms, least ${Math.min(...all).toFixed(1)} ms`);
device.close();
