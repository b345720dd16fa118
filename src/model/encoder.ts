/** An encoder on a device: its definition, its frozen weights, and the memory that its plans share. */
import type { Device } from '../engine/device.ts';
import { pool } from '../engine/ops/pool.ts';
import { rmsNorm } from '../engine/ops/rms_norm.ts';
import type { Pool } from '../engine/pool.ts';
import type { Tape } from '../engine/tape.ts';
import type { Tensor } from '../engine/tensor.ts';
import type { FileSet } from '../weights/bytes.ts';
import { checkWeights, loadFrozen, type BaseWeights, type LoadProgress } from './base-weights.ts';
import { readEncoder, type EncoderDefinition } from './family.ts';
import { openModelWeights } from './folder-layout.ts';
import { Graph, type SequenceInputs } from './graph.ts';
import type { Observer } from './observer.ts';
import { resolvePrecision, type Precision } from './precision.ts';
import { AS_STORED, checkChoices, type WeightChoices } from './weight-types.ts';

export interface EncoderLoadOptions {
  precision?: Precision;
  /** The types of the matrices: as stored if left out. */
  weights?: WeightChoices;
  onProgress?: LoadProgress;
}

/** Keeps a vector of zeros from being divided by zero. As PyTorch's `normalize`, whose least length is 1e-12. */
const LEAST_SQUARE = 1e-24;

export class Encoder {
  /** Slots that the plans of this model share. They never run at the same time. */
  readonly pool: Pool;
  readonly #ones: Tensor;

  private constructor(
    readonly device: Device,
    readonly definition: EncoderDefinition,
    readonly weights: BaseWeights,
    /** Type of matrices that are not quantised, and of activations where they fit in it. */
    readonly dtype: 'f32' | 'f16',
  ) {
    const { channels } = definition.shape;
    this.pool = device.createPool();
    this.#ones = device.upload([channels], 'f32', 'ones', new Float32Array(channels).fill(1));
  }

  /**
   * Loads a Hugging Face model folder.
   *
   * @throws GraftError `config-…`, `weights-…`, `safetensors`, `precision-f16`, `engine-…`
   */
  static async load(
    device: Device,
    files: FileSet,
    { precision = 'auto', weights = AS_STORED, onProgress }: EncoderLoadOptions = {},
  ): Promise<Encoder> {
    const dtype = resolvePrecision(precision, device);
    checkChoices(weights, { trainable: false, target: device });
    const definition = await readEncoder(files);
    const source = await openModelWeights(files, definition);
    checkWeights(definition, source);
    const loaded = await loadFrozen(device, definition, source, dtype, weights, onProgress);
    return new Encoder(device, definition, loaded, dtype);
  }

  /** Records the forward from token ids to the last hidden states of all tokens [M, C]. */
  forward(tape: Tape, inputs: SequenceInputs, observer?: Observer): Tensor {
    const { device, definition, dtype, weights } = this;
    const graph = new Graph({
      tape,
      shape: definition.shape,
      dtype: device.features.wideActivations ? 'f32' : dtype,
      weight(name) {
        const weight = weights.find(name);
        if (!weight) throw new Error(`There is no weight ${name}`);
        return weight;
      },
      optionalWeight: (name) => weights.find(name),
      inverseFrequencies: [],
      inputs,
      observer,
    });
    return definition.forward(graph);
  }

  /**
   * Records one vector for each text.
   *
   * @param hidden [M, C]
   * @param weights f32 [S, M]: what each token contributes to each text
   * @param normalise whether each vector is divided by its length
   * @returns f32 [S, C]
   */
  pooled(tape: Tape, hidden: Tensor, weights: Tensor, normalise: boolean): Tensor {
    const vectors = pool(tape, hidden, weights);
    if (!normalise) return vectors;
    const { channels: C } = this.definition.shape;
    return rmsNorm(tape, vectors, this.#ones, { eps: LEAST_SQUARE, scale: 1 / Math.sqrt(C) });
  }

  /** Frees everything on the device, after all submitted work has run. */
  async destroy(): Promise<void> {
    if (!this.device.failure) await this.device.settle();
    this.weights.destroy();
    this.device.free(this.#ones);
    this.pool.destroy();
  }
}
