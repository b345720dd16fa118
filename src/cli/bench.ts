/** `graft bench`: how fast this machine computes. */
import { existsSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import {
  attentionShapes,
  benchmarkAttention,
  benchmarkDecoding,
  benchmarkMatmul,
  matmulShapes,
  type AttentionResult,
  type MatmulResult,
} from '../evaluate/benchmark.ts';
import { benchmarkTraining, type TrainingResult } from '../evaluate/training-benchmark.ts';
import { GpuDevice } from '../engine/webgpu/device.ts';
import { memoryOf } from './open-device.ts';
import { GraftError } from '../errors.ts';
import { randomFiles } from '../model/random-files.ts';
import type { FileSet } from '../weights/bytes.ts';
import { BENCH_MODELS } from './bench-models.ts';
import { benchReport, type BenchResult } from './bench-report.ts';
import { modelOf } from './files.ts';
import { Flags, type FlagSpecs } from './flags.ts';
import type { Output } from './output.ts';
import { modelFlags, openSession } from './session.ts';

const SPRIG = fileURLToPath(new URL('../../public/models/sprig', import.meta.url));

const PARTS = ['matmul', 'attention', 'training', 'decoding'] as const;

export const benchFlags = {
  model: {
    value: 'MODEL',
    help: `the model to train and decode with: a folder, a GGUF file, or ${Object.keys(BENCH_MODELS).join(', ')} for random weights of that shape (default: the bundled one)`,
  },
  only: { value: 'PARTS', help: `some of ${PARTS.join(',')} (default: all)` },
  batches: {
    value: 'LIST',
    help: 'training steps as rows × tokens (default: 8x64 for the bundled model, else 1x256,4x256)',
  },
  runs: { value: 'N', help: 'how many measurements the median is taken of (default: 5)' },
  profile: { help: 'the time of each kernel, in a training step and in a decoded token' },
  json: { help: 'one JSON object on standard output' },
  precision: modelFlags.precision,
  'base-weights': modelFlags['base-weights'],
  'embedding-weights': modelFlags['embedding-weights'],
  device: modelFlags.device,
  threads: modelFlags.threads,
  kernels: modelFlags.kernels,
  help: modelFlags.help,
} as const satisfies FlagSpecs;

interface Batch {
  readonly rows: number;
  readonly length: number;
}

export async function benchCommand(args: readonly string[], output: Output): Promise<void> {
  const flags = new Flags(benchFlags, args);
  const runs = flags.integer('runs', 1) ?? 5;
  const profile = flags.on('profile');
  const parts = readParts(flags.list('only'));
  const name = flags.text('model');
  const batches = (flags.list('batches') ?? (name === undefined ? ['8x64'] : ['1x256', '4x256'])).map(
    readBatch,
  );
  const rest = (
    ['precision', 'base-weights', 'embedding-weights', 'device', 'threads', 'kernels'] as const
  ).flatMap((flag) => (flags.text(flag) === undefined ? [] : [`--${flag}`, flags.required(flag)]));
  const session = await openSession(new Flags(modelFlags, rest), output, {
    precision: 'f32',
    files: await filesOf(name ?? SPRIG),
  });
  const { device, model } = session;

  const products: MatmulResult[] = [];
  for (const shape of parts.has('matmul') ? matmulShapes : []) {
    output.progress(`Matmul ${shape.join(' ')}`);
    products.push(await benchmarkMatmul(device, shape));
  }
  const attentions: AttentionResult[] = [];
  for (const shape of parts.has('attention') ? attentionShapes : []) {
    output.progress(`Attention ${shape.join(' ')}`);
    attentions.push(await benchmarkAttention(device, shape));
  }
  const trainings: TrainingResult[] = [];
  for (const batch of parts.has('training') ? batches : []) {
    output.progress(`Training steps of ${batch.rows} × ${batch.length} tokens`);
    trainings.push(await benchmarkTraining(model, { ...batch, runs, profile }));
  }
  if (parts.has('decoding')) output.progress('Decoding');
  const result: BenchResult = {
    adapter: device.adapter.description || device.adapter.vendor,
    driver: `${device.adapter.vendor} ${device.adapter.architecture}`,
    memory: memoryOf(device.adapter),
    processor: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    precision: model.dtype,
    model: session.files.name.split('/').at(-1) ?? '',
    kernels: device instanceof GpuDevice ? device.kernels : undefined,
    tuning: device instanceof GpuDevice ? device.tuning : undefined,
    matmul: products,
    attention: attentions,
    training: trainings,
    decoding: parts.has('decoding') ? await benchmarkDecoding(model, { runs, profile }) : undefined,
  };
  output.result(`${flags.on('json') ? JSON.stringify(result, null, 2) : benchReport(result)}\n`);
}

/** A folder or file of this name is preferred to a built-in shape of the same name. */
function filesOf(name: string): FileSet | Promise<FileSet> {
  const shape = Object.hasOwn(BENCH_MODELS, name) && !existsSync(name) ? BENCH_MODELS[name] : undefined;
  return shape ? randomFiles(name, shape) : modelOf(name);
}

function readParts(names: readonly string[] | undefined): ReadonlySet<string> {
  for (const name of names ?? []) {
    if (!PARTS.some((part) => part === name))
      throw wrong(`--only has "${name}", expected some of ${PARTS.join(', ')}.`);
  }
  return new Set(names ?? PARTS);
}

/** @throws GraftError `arguments` unless it is two whole numbers such as 4x256 */
function readBatch(text: string): Batch {
  const [, rows, length] = /^([1-9]\d{0,4})[x×]([1-9]\d{0,5})$/.exec(text) ?? [];
  if (length === undefined || Number(length) < 2)
    throw wrong(`--batches has "${text}", expected rows × tokens such as 4x256.`);
  return { rows: Number(rows), length: Number(length) };
}

function wrong(what: string): GraftError {
  return new GraftError('arguments', what, '');
}
