/** The GPU and its benchmark. */
import type { AttentionResult, DecodingResult, MatmulResult } from '../../evaluate/benchmark.ts';
import type { TrainingResult } from '../../evaluate/training-benchmark.ts';
import type { Outcome } from './outcome.ts';

/** What this browser's GPU offers to Graft. */
export interface Gpu {
  readonly name: string;
  /** Whether the adapter is a program on the CPU: right, but slow. */
  readonly software: boolean;
  /** Half precision in shaders: half the memory, up to twice the speed. */
  readonly f16: boolean;
  /** Lanes of a GPU that share numbers without memory: faster sums. */
  readonly subgroups: boolean;
  /** The largest single buffer, in bytes. */
  readonly maxBufferBytes: number;
}

/** What this adapter does, in f32. */
export interface Benchmark {
  readonly gpu: Gpu;
  readonly matmul: readonly MatmulResult[];
  readonly attention: readonly AttentionResult[];
  readonly training: TrainingResult;
  readonly decoding: DecodingResult;
}

export interface BenchmarkProgress {
  /** What is measured now. */
  readonly doing: string;
  /** Measurements, of so many. */
  readonly done: number;
  readonly total: number;
}

/** The GPU, and what it does. */
export interface GpuApi {
  /** Describes the GPU. Its device stays open for the calls that follow. */
  describeGpu(): Promise<Outcome<{ readonly gpu: Gpu }>>;
  /** Measures the GPU: half a minute on a software adapter, seconds on a real one. */
  benchmark(
    onProgress: (progress: BenchmarkProgress) => void,
  ): Promise<Outcome<{ readonly benchmark: Benchmark }>>;
  /** Ends a benchmark after what it measures just now: it fails with `worker-aborted`. */
  stopBenchmark(): Promise<void>;
}
