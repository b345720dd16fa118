/** The headless benchmark in the tab: the same shapes, the same bundled model, in f32, so that figures compare. */
import { GpuDevice } from '../../engine/webgpu/device.ts';
import { GraftError } from '../../errors.ts';
import type { DeviceCheck } from '../../evaluate/check-words.ts';
import {
  attentionShapes,
  benchmarkAttention,
  benchmarkDecoding,
  benchmarkMatmul,
  matmulShapes,
} from '../../evaluate/benchmark.ts';
import { benchmarkTraining } from '../../evaluate/training-benchmark.ts';
import { LanguageModel } from '../../model/language-model.ts';
import type { Benchmark, BenchmarkProgress } from '../api.ts';
import { describeDevice } from './devices.ts';
import { compareWithProcessor } from './gpu.ts';
import type { ModelSource } from '../models/model.ts';
import type { Session } from '../session.ts';
import { otherTab, someTabTrains } from './training-lock.ts';

/** As `graft bench` trains: rows of a step, and their tokens. */
const ROWS = 8;
const LENGTH = 64;

interface BenchmarkRequest {
  /** The bundled model; the open one stays open next to it. */
  readonly source: () => Promise<ModelSource>;
  readonly onProgress: (progress: BenchmarkProgress) => void;
  readonly signal: AbortSignal;
}

async function checked(
  device: GpuDevice,
  next: (doing: string) => void,
  signal: AbortSignal,
): Promise<DeviceCheck | undefined> {
  next('Comparing its kernels with the CPU');
  return compareWithProcessor(device, () => signal.throwIfAborted());
}

/** @throws GraftError `worker-other-tab`, `worker-aborted`, `worker-fetch`, `device-differs`, `engine-…` */
export async function runBenchmark(
  session: Session,
  { source, onProgress, signal }: BenchmarkRequest,
): Promise<Benchmark> {
  // Two at once would slow each other down.
  if (await someTabTrains()) throw otherTab();
  const device = await session.tunedDevice();
  const total = matmulShapes.length + attentionShapes.length + (device.processor ? 2 : 3);
  let done = 0;
  const next = (doing: string): void => {
    signal.throwIfAborted();
    onProgress({ doing, done: done++, total });
  };
  let model: LanguageModel | undefined;
  try {
    const matmul = [];
    for (const shape of matmulShapes) {
      next(`Product of matrices, ${shape[0]} ${shape.slice(1).join(' × ')}`);
      matmul.push(await benchmarkMatmul(device, shape));
    }
    const attention = [];
    for (const shape of attentionShapes) {
      next(`Attention, ${shape[0]} tokens`);
      attention.push(await benchmarkAttention(device, shape));
    }
    next('Training steps of the bundled model');
    model = await LanguageModel.load(device, (await source()).files, { precision: 'f32' });
    const training = await benchmarkTraining(model, { rows: ROWS, length: LENGTH, signal });
    next('Answers of the bundled model');
    const decoding = await benchmarkDecoding(model, { signal });
    const check = device instanceof GpuDevice ? await checked(device, next, signal) : undefined;
    return {
      device: describeDevice(await session.chosenDevice()),
      matmul,
      attention,
      training,
      decoding,
      ...(check && { check }),
    };
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new GraftError('worker-aborted', 'The benchmark was stopped.', 'Start it again when you like.');
  } finally {
    if (model && !device.failure) await model.destroy();
  }
}
