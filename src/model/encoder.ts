/** An encoder on a device: the base model with what makes one vector of each text. */
import type { Device } from '../engine/device.ts';
import { pool } from '../engine/ops/pool.ts';
import { rmsNorm } from '../engine/ops/rms_norm.ts';
import type { Pool } from '../engine/pool.ts';
import type { Tape } from '../engine/tape.ts';
import type { Tensor } from '../engine/tensor.ts';
import type { FileSet } from '../weights/bytes.ts';
import type { LoadProgress } from './base-weights.ts';
import type { EncoderDefinition } from './definition.ts';
import { readEncoder } from './family.ts';
import type { AdapterHooks, SequenceInputs } from './graph.ts';
import { LanguageModel } from './language-model.ts';
import type { Observer } from './observer.ts';
import { readPooling } from './pooling.ts';
import type { Precision } from './precision.ts';
import type { WeightChoices } from './weight-types.ts';

interface EncoderLoadOptions {
  precision?: Precision;
  /** The types of the matrices: as stored if left out. */
  weights?: WeightChoices;
  onProgress?: LoadProgress;
  /** Keeps the weights in the folder (disk-offload.ts). */
  offload?: boolean;
  /** Opens the adapter that its layers get. The caller frees it. */
  adapt?: (model: LanguageModel) => Promise<AdapterHooks>;
}

/** Keeps a vector of zeros from being divided by zero. As PyTorch's `normalize`, whose least length is 1e-12. */
const MIN_SQUARE = 1e-24;

/** Records rows of x [S, C] divided by their lengths; the result is like x. @param ones f32 [C], all 1 @throws Error as `rmsNorm` */
export function unitRows(tape: Tape, x: Tensor, ones: Tensor): Tensor {
  return rmsNorm(tape, x, ones, { eps: MIN_SQUARE, scale: 1 / Math.sqrt(x.columns) });
}

/** Reads an encoder's folder for training: its vectors are pooled as the folder says. @throws GraftError of `readEncoder` and `readPooling` */
export async function readPooledEncoder(files: FileSet): Promise<EncoderDefinition> {
  const definition = await readEncoder(files);
  return { ...definition, pooling: (await readPooling(files)).pooling };
}

export class Encoder {
  readonly #ones: Tensor;

  private constructor(
    readonly model: LanguageModel,
    readonly adapter: AdapterHooks | undefined,
    ones?: Tensor,
  ) {
    const { channels } = model.definition.shape;
    this.#ones = ones ?? model.device.upload([channels], 'f32', 'ones', new Float32Array(channels).fill(1));
  }

  /** The same weights with another adapter. They are freed once, with either. */
  with(adapter: AdapterHooks): Encoder {
    return new Encoder(this.model, adapter, this.#ones);
  }

  /**
   * Loads a Hugging Face model folder.
   *
   * @throws GraftError `config-…`, `weights-…`, `safetensors`, `precision-f16`, `engine-…`, and what `adapt` throws
   */
  static async load(
    device: Device,
    files: FileSet,
    { precision = 'auto', weights, onProgress, offload, adapt }: EncoderLoadOptions = {},
  ): Promise<Encoder> {
    const definition = await readEncoder(files);
    const options = { precision, onProgress, definition, baseWeights: weights };
    const model = await (offload
      ? LanguageModel.offloaded(device, files, options)
      : LanguageModel.load(device, files, options));
    return new Encoder(model, await adapt?.(model));
  }

  get device(): Device {
    return this.model.device;
  }

  get definition(): LanguageModel['definition'] {
    return this.model.definition;
  }

  get pool(): Pool {
    return this.model.pool;
  }

  /** Records the forward from token ids to the last hidden states of all tokens [M, C]. */
  forward(tape: Tape, inputs: SequenceInputs, observer?: Observer): Tensor {
    return this.model.forward(tape, inputs, { adapter: this.adapter, observer });
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
    return normalise ? unitRows(tape, vectors, this.#ones) : vectors;
  }

  /** Frees everything on the device, after all submitted work has run. */
  async destroy(): Promise<void> {
    const { device } = this;
    if (!device.failure) await device.settle();
    device.free(this.#ones);
    await this.model.destroy();
  }
}
