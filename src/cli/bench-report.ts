/** What `graft bench` measured, as lines of text. */
import type { Profile } from '../engine/profile.ts';
import type { KernelBuilds } from '../engine/webgpu/tuning.ts';
import type { AttentionResult, DecodingResult, MatmulResult } from '../evaluate/benchmark.ts';
import type { TrainingResult } from '../evaluate/training-benchmark.ts';
import { formatBytes } from './output.ts';

export interface BenchResult {
  readonly adapter: string;
  readonly driver: string;
  /** What the memory of the device is called. */
  readonly memory: string;
  readonly processor: string;
  readonly cores: number;
  readonly precision: string;
  readonly model: string;
  /** The builds of the GPU's kernels. */
  readonly kernels?: KernelBuilds;
  readonly tuning: unknown;
  readonly matmul: readonly MatmulResult[];
  readonly attention: readonly AttentionResult[];
  readonly training: readonly TrainingResult[];
  readonly decoding?: DecodingResult;
}

export function benchReport(result: BenchResult): string {
  const { adapter, driver, cores, processor, kernels, precision, model, decoding } = result;
  return [
    `Adapter    ${adapter} (${driver}), ${cores} cores of ${processor}${kernels ? `, ${kernels} kernels` : ''}`,
    ...result.matmul.map(
      ({ layout, M, N, K, gflops }) =>
        `Matmul     ${layout} ${`${M}×${N}×${K}`.padEnd(15)} ${gflops.toFixed(2)} GFLOP/s`,
    ),
    ...result.attention.map(
      ({ tokens, heads, kvHeads, headSize, forwardSeconds, bothSeconds }) =>
        `Attention  ${tokens} tokens, ${heads} heads (${kvHeads}) of ${headSize}: forward ${milliseconds(forwardSeconds)}, with backward ${milliseconds(bothSeconds)}`,
    ),
    ...result.training.flatMap((training) =>
      trainingLines(training, `${model}, ${precision}`, result.memory),
    ),
    ...(decoding
      ? [
          `Decoding   ${model}: ${decoding.decodeTokensPerSecond.toFixed(1)} tokens/s, prompt of 64 ${decoding.prefillTokensPerSecond.toFixed(0)} tokens/s`,
          ...profileLines(decoding.profile),
        ]
      : []),
  ].join('\n');
}

/** @param memoryName what the memory of the device is called */
function trainingLines(training: TrainingResult, what: string, memoryName: string): string[] {
  const { rows, length, matmulEfficiency } = training;
  const memory = `${formatBytes(training.gpuBytes)} of ${memoryName}, ${(training.gpuBytes / training.minimumBytes).toFixed(3)} times the least possible`;
  return [
    `Training   ${what}, ${rows} row${rows === 1 ? '' : 's'} of ${length}: ${training.tokensPerSecond.toFixed(0)} tokens/s, ${milliseconds(training.secondsPerStep)} a step`,
    `           matmuls only ${milliseconds(training.matmulSeconds)}, ${matmulEfficiency.toFixed(2)} of the step`,
    `           ${training.dispatches} dispatches, ${training.submits} submits; first step ${training.firstStepRatio.toFixed(2)} times a warm one, compiled in ${training.compileSeconds.toFixed(1)} s`,
    `           ${memory}`,
    ...profileLines(training.profile),
  ];
}

/** The kernels as a table, the most expensive first. */
function profileLines(profile: Profile | undefined): string[] {
  if (!profile) return [];
  const { kernels, seconds, method } = profile;
  const width = Math.max(...kernels.map(({ kernel }) => kernel.length), 'All kernels'.length);
  const row = (kernel: string, count: string, time: string, share: string): string =>
    `  ${kernel.padEnd(width)}  ${count.padStart(6)}  ${time.padStart(10)}  ${share.padStart(6)}`;
  const line = (kernel: string, of: readonly Profile['kernels'][number][]): string => {
    const time = of.reduce((sum, { seconds }) => sum + seconds, 0);
    const count = of.reduce((sum, { dispatches }) => sum + dispatches, 0);
    return row(kernel, `${count}`, (time * 1000).toFixed(2), `${((100 * time) / seconds).toFixed(1)}%`);
  };
  const how = method === 'timestamps' ? 'timestamps' : 'each kernel by itself, without timestamps';
  return [
    row(`Kernel (by ${how})`, 'count', 'ms', 'share'),
    ...kernels.map((kernel) => line(kernel.kernel, [kernel])),
    line(
      'Matrix products',
      kernels.filter(({ matmul }) => matmul),
    ),
    line('All kernels', kernels),
  ];
}

function milliseconds(seconds: number): string {
  return `${(seconds * 1000).toFixed(1)} ms`;
}
