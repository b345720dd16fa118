/** A base model on a device: its definition, its weights, and the memory that its plans share. */
import type { Device } from '../engine/device.ts';
import { matmul, wholeColumns } from '../engine/ops/matmul.ts';
import { USUAL_STATE, type ParameterStore, type StatePlanes } from '../engine/parameters.ts';
import type { Pool } from '../engine/pool.ts';
import { Tape } from '../engine/tape.ts';
import type { Tensor } from '../engine/tensor.ts';
import { GraftError } from '../errors.ts';
import type { FileSet } from '../weights/bytes.ts';
import {
  checkWeights,
  emptyFrozen,
  emptyTrainableWeights,
  loadFrozen,
  loadTrainable,
  offloadedWeights,
  type BaseWeights,
  type OffloadedWeights,
  type TrainableWeights,
  type LoadProgress,
  type StoredAs,
} from './base-weights.ts';
import { batchTensors, countSupervised, writeBatch, type BatchOptions, type BatchTensors } from './batch.ts';
import { weightOf, type LinearModule, type ModelDefinition } from './definition.ts';
import { isOffloaded, runOffloaded, type ForwardRun } from './disk-offload.ts';
import { readModel } from './family.ts';
import { openModelWeights, storedType } from './folder-layout.ts';
import {
  Graph,
  type AdapterDropout,
  type AdapterHooks,
  type ReplayState,
  type SequenceInputs,
} from './graph.ts';
import { recentTokens } from './layer-state.ts';
import type { Observer } from './observer.ts';
import { resolvePrecision, type Precision } from './precision.ts';
import { inverseFrequencies } from './rope.ts';
import { recordSegment, type Segment } from './segment.ts';
import { isEmbedding, type TrainedPart } from './trained-part.ts';
import { inputRows, roomFor, type VirtualTokens } from './virtual-tokens.ts';
import { AS_STORED, checkChoices, heldAs, type WeightChoices } from './weight-types.ts';

/** Name of a head of its own, in all families. */
const HEAD = 'lm_head.weight';

export interface LoadOptions {
  precision?: Precision;
  /** The types of frozen matrices: as stored if left out. */
  baseWeights?: WeightChoices;
  /**
   * Load the weights, or a part of them, as trainable parameters: full fine-tuning. They are f32 then, whatever the precision of the activations,
   * and the others as they are stored.
   */
  trainable?: boolean | TrainedPart;
  /** The optimiser's state of each of them: AdamW's moments if left out. */
  state?: StatePlanes;
  onProgress?: LoadProgress;
  /** What the folder's config.json says, if it is read already: for an encoder. That of a language model if left out. */
  definition?: ModelDefinition;
}

export interface EmptyOptions {
  precision: 'f32' | 'f16';
  baseWeights?: WeightChoices;
  /** The type of a weight in its file: numbers if left out. */
  storedAs?: StoredAs;
  trainable?: boolean | TrainedPart;
  state?: StatePlanes;
}

const partOf = (trainable: true | TrainedPart): TrainedPart => (trainable === true ? {} : trainable);

export interface GraphRequest {
  adapter?: AdapterHooks;
  /** What its layers keep of earlier tokens, in generation. */
  state?: ReplayState;
  checkpointing?: boolean;
  /** Dropout on the adapter's inputs. */
  dropout?: AdapterDropout;
  /** Keeps results for the host, by name. */
  observer?: Observer;
  /** The part of the forward that is recorded: all of it if left out. */
  segment?: Segment;
}

export class LanguageModel {
  /** Slots that the plans of this model share. They never run at the same time. */
  readonly pool: Pool;
  readonly #frequencies: readonly Tensor[];

  private constructor(
    readonly device: Device,
    readonly definition: ModelDefinition,
    readonly weights: BaseWeights | OffloadedWeights | TrainableWeights,
    /** Type of frozen matrices that are not quantised, and of activations if they fit in it. */
    readonly dtype: 'f32' | 'f16',
    /** The requested types of frozen matrices. */
    readonly weightChoices: WeightChoices,
    /** The type of each weight in the file that it came from. */
    readonly storedAs: StoredAs,
  ) {
    this.pool = device.createPool();
    this.#frequencies = definition.shape.ropes.map((rope) =>
      device.upload([rope.rotary / 2], 'f32', 'rotary frequencies', inverseFrequencies(rope)),
    );
  }

  /** The types of the weights: a part of the fingerprint that a saved run must match. */
  get held(): string {
    const { weightChoices, definition, storedAs } = this;
    // Trained weights are f32 from the start.
    const frozen = definition.weights.filter(({ name }) => !this.parameters?.find(name));
    return heldAs(weightChoices, frozen.map(storedAs));
  }

  /** The name of the weight of a linear layer. */
  weightOf(module: LinearModule): string {
    return weightOf(module);
  }

  /**
   * Loads a Hugging Face model folder.
   *
   * @throws GraftError `config-…`, `weights-…`, `safetensors`, `gguf…`, `precision-f16`, `engine-…`
   */
  static async load(
    device: Device,
    files: FileSet,
    {
      precision = 'auto',
      baseWeights = AS_STORED,
      trainable = false,
      state = USUAL_STATE,
      onProgress,
      definition: known,
    }: LoadOptions = {},
  ): Promise<LanguageModel> {
    const dtype = resolvePrecision(precision, device);
    checkChoices(baseWeights, { trainable: trainable !== false, target: device });
    const definition = known ?? (await readModel(files));
    const source = await openModelWeights(files, definition);
    checkWeights(definition, source);
    const types = new Map(definition.weights.map((spec) => [spec.name, storedType(source, spec)!]));
    const weights = trainable
      ? await loadTrainable(device, definition, source, { part: partOf(trainable), state, dtype }, onProgress)
      : await loadFrozen(device, definition, source, dtype, baseWeights, onProgress);
    return new LanguageModel(device, definition, weights, dtype, baseWeights, ({ name }) => types.get(name)!);
  }

  /**
   * A model whose weights stay in its folder, for {@link logits} and for vectors: those of one layer at a time are on the device (disk-offload.ts).
   *
   * @throws GraftError as {@link load}
   */
  static async offloaded(
    device: Device,
    files: FileSet,
    {
      precision = 'auto',
      baseWeights = AS_STORED,
      definition: known,
    }: Pick<LoadOptions, 'precision' | 'baseWeights' | 'definition'> = {},
  ): Promise<LanguageModel> {
    const dtype = resolvePrecision(precision, device);
    checkChoices(baseWeights, { trainable: false, target: device });
    const definition = known ?? (await readModel(files));
    const source = await openModelWeights(files, definition);
    checkWeights(definition, source);
    const types = new Map(definition.weights.map((spec) => [spec.name, storedType(source, spec)!]));
    const weights = offloadedWeights(device, definition, source, dtype, baseWeights);
    return new LanguageModel(device, definition, weights, dtype, baseWeights, ({ name }) => types.get(name)!);
  }

  /** A model without its files: all of its memory, without values. For a dry run. @throws GraftError `weights-frozen`, `precision-f16` */
  static empty(
    device: Device,
    definition: ModelDefinition,
    {
      precision,
      baseWeights = AS_STORED,
      storedAs = () => 'F32',
      trainable = false,
      state = USUAL_STATE,
    }: EmptyOptions,
  ): LanguageModel {
    checkChoices(baseWeights, { trainable: trainable !== false, target: device });
    const weights = trainable
      ? emptyTrainableWeights(
          device,
          definition,
          { part: partOf(trainable), state, dtype: precision },
          storedAs,
        )
      : emptyFrozen(device, definition, precision, baseWeights, storedAs);
    return new LanguageModel(device, definition, weights, precision, baseWeights, storedAs);
  }

  /** Type of activations, and of keys and values in a cache. */
  get activations(): 'f32' | 'f16' {
    const wide = this.definition.shape.wideActivations || this.device.features.wideActivations;
    return wide ? 'f32' : this.dtype;
  }

  /** The trained weights, if the model was loaded as trainable. */
  get parameters(): ParameterStore | undefined {
    return 'trained' in this.weights ? this.weights.trained : undefined;
  }

  /** Whether an embedding of tokens or positions is trained: its gradient needs to know if each id occurs. */
  get trainsEmbedding(): boolean {
    const { parameters, definition } = this;
    return parameters?.specs.some((spec) => isEmbedding(definition, spec)) ?? false;
  }

  /** Whether it makes vectors of texts, and its tokens see all of theirs. */
  get isEncoder(): boolean {
    return this.definition.pooling !== undefined;
  }

  /** What it asks of the inputs of a plan. */
  get batchOptions(): Pick<BatchOptions, 'bothWays' | 'recent'> {
    return { bothWays: this.isEncoder, recent: recentTokens(this.definition) };
  }

  get head(): Tensor {
    const { head } = this.definition.shape;
    if (head === undefined) throw new Error('An encoder has no head');
    return this.#weight(head);
  }

  /**
   * Records the weight that maps hidden states to logits: the base's, the adapter's head, or the base's with rows of the adapter. A tied head does
   * not follow an adapter's copy of the embedding.
   *
   * @returns [V, C], V with the adapter's new tokens
   * @throws Error for an encoder
   */
  headOf(tape: Tape, adapter: AdapterHooks | undefined): Tensor {
    const weight = adapter?.weight(HEAD) ?? this.head;
    return adapter ? adapter.head(tape, weight) : weight;
  }

  /** Tokens of the vocabulary, including those of an adapter. */
  vocabularyWith(adapter: Pick<AdapterHooks, 'vocabulary'> | undefined): number {
    return Math.max(this.definition.shape.vocabulary, adapter?.vocabulary ?? 0);
  }

  /** Records the forward from token ids to the normalised hidden states of `inputs.rows`; in an encoder, to the last hidden states of all tokens [M, C]. */
  forward(
    tape: Tape,
    inputs: SequenceInputs,
    { adapter, state, checkpointing, dropout, observer, segment }: GraphRequest = {},
  ): Tensor {
    const graph = new Graph({
      tape,
      shape: this.definition.shape,
      dtype: this.activations,
      weight: (name) => adapter?.weight(name) ?? this.#weight(name),
      optionalWeight: (name) => adapter?.weight(name) ?? this.weights.find(name),
      inverseFrequencies: this.#frequencies,
      inputs,
      adapter: adapter && ((path) => adapter.linear(path, dropout)),
      ...(adapter && { embed: (x) => adapter.embed(tape, x, inputs.ids, inputs.chain) }),
      state,
      checkpointing,
      observer,
    });
    const { definition } = this;
    return segment
      ? recordSegment(graph, definition.shape.layers, segment, (part) => definition.forward(part))
      : definition.forward(graph);
  }

  /**
   * @param adapter that adds virtual or new tokens
   * @throws GraftError `token-id` naming the first id that the vocabulary does not have, `sequence-length` for more tokens than the model
   * has positions
   */
  checkIds(ids: ArrayLike<number>, adapter?: VirtualTokens & Pick<AdapterHooks, 'vocabulary'>): void {
    const { maxPositions, hardLimit } = this.definition.shape;
    const room = roomFor(maxPositions, adapter);
    const vocabulary = this.vocabularyWith(adapter);
    if (hardLimit && ids.length > room) {
      const beside = room < maxPositions ? ` and the adapter ${maxPositions - room} virtual ones` : '';
      throw new GraftError(
        'sequence-length',
        `The sequence has ${ids.length} tokens${beside}, and this model has positions for ${maxPositions}.`,
        `Keep sequences to ${room} tokens.`,
      );
    }
    for (let t = 0; t < ids.length; t++) {
      if (!Number.isInteger(ids[t]) || ids[t] < 0 || ids[t] >= vocabulary) {
        throw new GraftError(
          'token-id',
          `Token ${ids[t]} at position ${t} is not in the vocabulary of ${vocabulary}.`,
          'Use the tokenizer that belongs to this model.',
        );
      }
    }
  }

  /**
   * Logits of every position of one sequence: f32 [T, V], row by row; V with the adapter's new tokens.
   *
   * @param labels as many as ids: logits are those of the positions before a supervised label (0 or more), in their order
   * @throws GraftError as `checkIds` and `Device.compile`; Error for an encoder
   */
  async logits(
    ids: ArrayLike<number>,
    adapter?: AdapterHooks,
    labels?: ArrayLike<number>,
  ): Promise<Float32Array<ArrayBuffer>> {
    const run = this.#logitsRun(ids, adapter, labels);
    if (isOffloaded(this)) return runOffloaded(this, run, adapter);
    const tape = new Tape(this.device);
    const inputs = run.inputs(tape);
    const chunks = run.end(tape, this.forward(tape, inputs, { adapter }), inputs);
    const plan = await this.device.compile(tape, this.pool);
    run.write(plan, inputs);
    plan.run();
    const logits = await run.read(plan, chunks);
    plan.destroy();
    return logits;
  }

  /** @throws GraftError as `checkIds` */
  #logitsRun(
    ids: ArrayLike<number>,
    adapter?: AdapterHooks,
    labels?: ArrayLike<number>,
  ): ForwardRun<BatchTensors, readonly Tensor[], Float32Array<ArrayBuffer>> {
    this.checkIds(ids, adapter);
    // Without labels every position of a token is an output row: labels only say so.
    const own = labels ? [-100, ...Array.from(labels).slice(1)] : [-100, ...Array.from(ids, () => 0)];
    const [row] = inputRows([{ ids, labels: own }], adapter);
    const T = countSupervised(row);
    const V = this.vocabularyWith(adapter);
    const pitch = wholeColumns(V);
    const CHUNK = 64;
    return {
      inputs: (tape) => batchTensors(tape, { tokens: row.ids.length, rows: T }, this.batchOptions),
      write: (plan, inputs) => writeBatch(plan, inputs, [row]),
      end: (tape, hidden) => {
        const head = this.headOf(tape, adapter);
        return Array.from({ length: Math.ceil(T / CHUNK) }, (_, index) => {
          const rows = Math.min(CHUNK, T - index * CHUNK);
          return matmul(tape, {
            a: hidden.slice(index * CHUNK, rows),
            b: head,
            layout: 'NT',
            c: tape.pinned([rows, pitch], 'f32', 'logits'),
          });
        });
      },
      read: async (plan, chunks) => {
        const logits = new Float32Array(T * V);
        for (const [index, chunk] of chunks.entries()) {
          const padded = new Float32Array(await plan.read(chunk));
          for (let at = 0; at < chunk.rows; at++)
            logits.set(padded.subarray(at * pitch, at * pitch + V), (index * CHUNK + at) * V);
        }
        return logits;
      },
    };
  }

  /** Frees everything on the GPU, after all submitted work has run. */
  async destroy(): Promise<void> {
    if (!this.device.failure) await this.device.settle();
    this.weights.destroy();
    for (const frequencies of this.#frequencies) this.device.free(frequencies);
    this.pool.destroy();
  }

  #weight(name: string): Tensor {
    const weight = this.weights.find(name);
    if (!weight) throw new Error(`There is no weight ${name}`);
    return weight;
  }
}
