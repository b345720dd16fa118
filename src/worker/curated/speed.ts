/** The speed of training on this GPU: measured on steps of real layers, and stored by adapter with the time of the measurement. */
import type { Device } from '../../engine/device.ts';
import { benchmarkDecoding } from '../../evaluate/benchmark.ts';
import { benchmarkTraining } from '../../evaluate/training-benchmark.ts';
import { isObject } from '../../json.ts';
import { parametersOf } from '../../model/definition.ts';
import { LanguageModel } from '../../model/language-model.ts';
import { randomFiles } from '../../model/random-files.ts';
import { decodingWork, TEST_LAYERS, type TrainingSpeed } from '../../runs/run-forecast.ts';
import type { OnProgress } from '../api/outcome.ts';
import { Measurement } from '../device/measurement.ts';
import { SMOLLM2_135M } from './configs.ts';

const measurementOf = (device: Device): Measurement => {
  const { vendor, architecture, description } = device.adapter;
  return new Measurement(`training speed ${vendor} ${architecture} ${description}`, [device]);
};

/** The stored speed of this device; undefined if none was measured. */
export async function readSpeed(device: Device): Promise<TrainingSpeed | undefined> {
  const kept = await measurementOf(device).read();
  return isSpeed(kept) ? kept : undefined;
}

/** @throws the signal's reason */
export async function measureSpeed(
  device: Device,
  { signal, onProgress }: { readonly signal: AbortSignal; readonly onProgress: OnProgress },
): Promise<TrainingSpeed> {
  const begun = performance.now();
  const files = randomFiles('a slice of SmolLM2-135M', { ...SMOLLM2_135M, num_hidden_layers: TEST_LAYERS });
  const { software } = device;
  const runs = software ? 1 : 3;
  // The layers are made; compiling, the first step and each measurement follow; answers come last.
  const parts = 2 + (2 + runs);
  const report = (done: number): void => onProgress({ what: 'measuring', done, total: parts });
  report(0);
  const model = await LanguageModel.load(device, files);
  try {
    report(1);
    const { flops, secondsPerStep } = await benchmarkTraining(model, {
      // Seconds on a GPU; a software adapter takes those for one small step.
      ...(software ? { rows: 1, length: 64 } : { rows: 4, length: 256 }),
      runs,
      signal,
      onPart: (done) => report(1 + done),
    });
    const { decodeTokensPerSecond } = await benchmarkDecoding(model, { runs: 1, signal });
    const speed = {
      flops: flops / secondsPerStep,
      answerFlops: decodingWork(parametersOf(model.definition)) * decodeTokensPerSecond,
      measured: Date.now(),
      seconds: (performance.now() - begun) / 1000,
    };
    await measurementOf(device).keep(speed);
    return speed;
  } finally {
    if (!device.failure) await model.destroy();
  }
}

function isSpeed(value: unknown): value is TrainingSpeed {
  if (!isObject(value)) return false;
  const { flops, answerFlops, measured, seconds } = value;
  if (seconds !== undefined && !isRate(seconds)) return false;
  return isRate(flops) && (answerFlops === undefined || isRate(answerFlops)) && typeof measured === 'number';
}

function isRate(value: unknown): value is number {
  return typeof value === 'number' && value > 0 && Number.isFinite(value);
}
