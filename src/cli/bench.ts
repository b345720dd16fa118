/** `graft bench`: what this machine does. */
import { cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  attentionShapes,
  benchmarkAttention,
  benchmarkDecoding,
  benchmarkMatmul,
  benchmarkTraining,
  matmulShapes,
  type AttentionResult,
  type MatmulResult,
} from '../evaluate/benchmark.ts';
import { Flags, type FlagSpecs } from './flags.ts';
import { formatBytes, type Output } from './output.ts';
import { modelFlags, openSession } from './session.ts';

const SPRIG = fileURLToPath(new URL('../../public/models/sprig', import.meta.url));

export const benchFlags = {
  model: { value: 'PATH', help: 'the model to train and decode with (default: the bundled one)' },
  json: { help: 'one JSON object on standard output' },
  precision: modelFlags.precision,
  'base-weights': modelFlags['base-weights'],
  'embedding-weights': modelFlags['embedding-weights'],
  device: modelFlags.device,
  help: modelFlags.help,
} as const satisfies FlagSpecs;

const ROWS = 8;
const LENGTH = 64;

export async function benchCommand(args: readonly string[], output: Output): Promise<void> {
  const flags = new Flags(benchFlags, args);
  const model = flags.text('model') ?? join(SPRIG);
  const rest = (['precision', 'base-weights', 'embedding-weights', 'device'] as const).flatMap((name) =>
    flags.text(name) === undefined ? [] : [`--${name}`, flags.required(name)],
  );
  const session = await openSession(new Flags(modelFlags, ['--model', model, ...rest]), output, {
    precision: 'f32',
  });
  const { device } = session;

  const products: MatmulResult[] = [];
  for (const shape of matmulShapes) {
    output.progress(`Matmul ${shape.join(' ')}`);
    products.push(await benchmarkMatmul(device, shape));
  }
  const attentions: AttentionResult[] = [];
  for (const shape of attentionShapes) {
    output.progress(`Attention ${shape.join(' ')}`);
    attentions.push(await benchmarkAttention(device, shape));
  }
  output.progress('Training step');
  const training = await benchmarkTraining(session.model, ROWS, LENGTH);
  output.progress('Decoding');
  const decoding = await benchmarkDecoding(session.model);

  const result = {
    adapter: device.adapter.description || device.adapter.vendor,
    driver: `${device.adapter.vendor} ${device.adapter.architecture}`,
    processor: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    precision: session.model.dtype,
    model: session.files.name.split('/').at(-1),
    tuning: device.tuning,
    matmul: products,
    attention: attentions,
    training,
    decoding,
  };
  if (flags.on('json')) {
    process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
    return;
  }
  const lines = [
    `Adapter    ${result.adapter} (${result.driver}), ${result.cores} cores of ${result.processor}`,
    ...products.map(
      ({ layout, M, N, K, gflops }) =>
        `Matmul     ${layout} ${`${M}×${N}×${K}`.padEnd(15)} ${gflops.toFixed(2)} GFLOP/s`,
    ),
    ...attentions.map(
      ({ tokens, heads, kvHeads, headSize, forwardSeconds, bothSeconds }) =>
        `Attention  ${tokens} tokens, ${heads} heads (${kvHeads}) of ${headSize}: forward ${milliseconds(forwardSeconds)}, with reverse ${milliseconds(bothSeconds)}`,
    ),
    `Training   ${result.model}, ${result.precision}, ${ROWS} rows of ${LENGTH}: ${training.tokensPerSecond.toFixed(0)} tokens/s, ${milliseconds(training.secondsPerStep)} a step`,
    `           ${training.dispatches} dispatches, ${training.submits} submits; first step ${training.firstStepRatio.toFixed(2)} times a warm one, compiled in ${training.compileSeconds.toFixed(1)} s`,
    `           ${formatBytes(training.gpuBytes)} of GPU memory, ${(training.gpuBytes / training.minimumBytes).toFixed(3)} times the least possible`,
    `Decoding   ${decoding.decodeTokensPerSecond.toFixed(1)} tokens/s, prompt ${decoding.prefillTokensPerSecond.toFixed(0)} tokens/s`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

function milliseconds(seconds: number): string {
  return `${(seconds * 1000).toFixed(1)} ms`;
}
