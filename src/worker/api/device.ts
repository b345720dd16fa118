/** The device, a GPU or the processor, and its benchmark. */
import type { AttentionResult, DecodingResult, MatmulResult } from '../../evaluate/benchmark.ts';
import type { DeviceCheck } from '../../evaluate/check-words.ts';
import type { TrainingResult } from '../../evaluate/training-benchmark.ts';
import type { Failure, Outcome } from './outcome.ts';

/**
 * A person's choice of a device. `auto`: a real GPU if it is faster than the processor, else the processor; a GPU in software only
 * if the processor cannot be used.
 */
export type DeviceChoice = 'auto' | 'gpu' | 'processor';

/** The speed of two devices in the same product of matrices, in GFLOP/s. */
export interface ComparedDevices {
  readonly gpu: number;
  readonly processor: number;
}

interface AnyDevice {
  readonly name: string;
  /** The largest single buffer, in bytes. */
  readonly maxBufferBytes: number;
  /** On a phone: bytes that a run may take before the phone ends the tab. */
  readonly phoneBytes?: number;
  /** The measurement that decided between the GPU and the processor, if both were measured. */
  readonly compared?: ComparedDevices;
}

export interface GpuFacts extends AnyDevice {
  readonly kind: 'gpu';
  /** Whether the adapter is a software GPU: correct, but slow. */
  readonly software: boolean;
  /** Whether shaders have half precision: half the memory, up to twice the speed. */
  readonly f16: boolean;
  /** Whether lanes of the GPU share numbers without memory: faster sums. */
  readonly subgroups: boolean;
}

export interface ProcessorFacts extends AnyDevice {
  readonly kind: 'processor';
  readonly threads: number;
  /** Whether its kernels use relaxed SIMD, which multiplies and adds at once. */
  readonly relaxed: boolean;
  /** Whether this page is isolated from others: without it there is one thread. */
  readonly isolated: boolean;
  /** Why no GPU is used, if none could be opened. */
  readonly noGpu?: Failure;
}

/** The device that this browser computes on. */
export type DeviceFacts = GpuFacts | ProcessorFacts;

/** The speed of this device, in f32. */
export interface Benchmark {
  readonly device: DeviceFacts;
  readonly matmul: readonly MatmulResult[];
  readonly attention: readonly AttentionResult[];
  readonly training: TrainingResult;
  readonly decoding: DecodingResult;
  /** How a GPU's kernels compare with the processor's. */
  readonly check?: DeviceCheck;
}

export interface BenchmarkProgress {
  /** What is measured now. */
  readonly doing: string;
  /** Finished measurements, of all. */
  readonly done: number;
  readonly total: number;
}

export interface DeviceApi {
  /**
   * Opens the chosen device and describes it; it stays open for the calls that follow. The memory of another one is gone: the model is opened
   * again when it is needed, and trained values are in storage. Fails with `worker-training` while a run trains.
   */
  useDevice(choice: DeviceChoice): Promise<Outcome<{ readonly device: DeviceFacts }>>;
  /**
   * Measures the device: half a minute on a software adapter, seconds on a real one. Stopped, it ends after the current measurement and fails with
   * `worker-aborted`.
   */
  benchmark(
    onProgress: (progress: BenchmarkProgress) => void,
    signal?: AbortSignal,
  ): Promise<Outcome<{ readonly benchmark: Benchmark }>>;
}
