/**
 * A family's forward as an ONNX graph of standard operators (opset 17), with the inputs and outputs of Transformers.js:
 *
 *   input_ids, position_ids [B, T], attention_mask [B, P + T]     i64; 0 in the mask is padding, on the left
 *   past_key_values.N.key, .value [B, KV, P, D]                  f32; P = 0 in the start
 *   → logits [B, T, V], present.N.key, .value [B, KV, P + T, D]
 *
 * B texts, T new tokens, P earlier ones. Values have the shape [B · T, width] between the operations, so that a linear layer is one Gemm. Queries that share a
 * key head are rows of one matrix, so that keys are not repeated. Rotary angles are computed: a table for all positions would be larger than some models.
 */
import type { Activation } from '../../engine/ops/activation.ts';
import { GraftError } from '../../errors.ts';
import type { RmsNormOptions } from '../../engine/ops/rms_norm.ts';
import type { ModelDefinition } from '../../model/definition.ts';
import type { AttentionSettings, ForwardGraph, LinearEnd } from '../../model/forward-graph.ts';
import { inverseFrequencies } from '../../model/rope.ts';
import { type Nodes, type Port, TYPES } from './nodes.ts';
import type { Weights } from './weights.ts';

/** The name of a value [B · T, width]. */
interface Value {
  readonly name: string;
  readonly width: number;
}

const IDS = 'input_ids';
const MASK = 'attention_mask';
const POSITIONS = 'position_ids';
/** Added to the score of a key that may not be seen. Finite, so that a row of padding, which sees nothing, stays a number. */
const UNSEEN = -1e9;

interface Angles {
  readonly cos: string;
  readonly sin: string;
}

export interface Ports {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
}

/** Records a model's forward. */
export function recordForward(nodes: Nodes, weights: Weights, model: ModelDefinition): Ports {
  const graph = new OnnxForward(nodes, weights, model);
  const hidden = model.forward(graph);
  return graph.finish(hidden);
}

class OnnxForward implements ForwardGraph<Value> {
  /** [B, T], i64. */
  readonly #shape: string;
  /** [B · T]. */
  readonly #ids: string;
  readonly #angles = new Map<number, Angles>();
  readonly #masks = new Map<number, string>();
  readonly #cached = new Map<string, string>();
  #presents = 0;

  constructor(
    private readonly n: Nodes,
    private readonly weights: Weights,
    private readonly model: ModelDefinition,
  ) {
    this.#shape = n.add('Shape', [IDS]);
    this.#ids = this.#flat(IDS);
  }

  embed(name: string, scale = 1): Value {
    const found = this.weights.rows(name, this.#ids);
    const [, width] = this.weights.shape(name);
    return { name: this.#scaled(found, scale), width };
  }

  embedPositions(name: string): Value {
    const positions = this.#once('positions', () => this.#flat(POSITIONS));
    const [, width] = this.weights.shape(name);
    return { name: this.weights.rows(name, positions), width };
  }

  route(): never {
    throw new GraftError(
      'export-format',
      `ONNX files of Graft have no mixture of experts, which ${this.model.modelType} has.`,
      'Export a merged model, or the adapter as a PEFT folder.',
    );
  }

  expertLinear(): never {
    return this.route();
  }

  weighted(): never {
    return this.route();
  }

  embedTypes(): Value {
    throw new Error('A language model has no types of tokens');
  }

  linear(x: Value, path: string, { residual, scale = 1 }: LinearEnd<Value> = {}): Value {
    const y = this.#product(x, `${path}.weight`, `${path}.bias`);
    const scaled = { ...y, name: this.#scaled(y.name, scale) };
    return residual ? this.add(residual, scaled) : scaled;
  }

  linears(x: Value, paths: readonly string[]): Value[] {
    return paths.map((path) => this.linear(x, path));
  }

  activatedLinear(): undefined {
    return undefined;
  }

  gatedLinears(): undefined {
    return undefined;
  }

  split(x: Value, widths: readonly number[]): Value[] {
    return this.n.split(x.name, widths).map((name, part) => ({ name, width: widths[part] }));
  }

  add(a: Value, b: Value): Value {
    return { ...a, name: this.n.add('Add', [a.name, b.name]) };
  }

  layerNorm(x: Value, path: string, eps: number): Value {
    const [weight, bias] = ['weight', 'bias'].map((part) => this.weights.vector(`${path}.${part}`));
    const attributes = { axis: -1, epsilon: { float: eps } };
    return { ...x, name: this.n.add('LayerNormalization', [x.name, weight, bias], attributes) };
  }

  rmsNorm(x: Value, name: string, { eps, offset = 0, scale = 1 }: RmsNormOptions): Value {
    const { n } = this;
    const [run] = this.weights.shape(name);
    const rows = run === x.width ? x.name : n.add('Reshape', [x.name, n.integers([-1, run])]);
    const squares = n.add('Pow', [rows, n.floats(2)]);
    const mean = n.add('ReduceMean', [squares], { axes: [-1], keepdims: 1 });
    const root = n.add('Sqrt', [n.add('Add', [mean, n.floats(eps)])]);
    const weight = this.weights.vector(name, (value) => (value + offset) * scale);
    const normed = n.add('Mul', [n.add('Div', [rows, root]), weight]);
    return {
      ...x,
      name: run === x.width ? normed : n.add('Reshape', [normed, n.integers([-1, x.width])]),
    };
  }

  attention(layer: number, q: Value, k: Value, v: Value, settings: AttentionSettings = {}): Value {
    const { n } = this;
    const { heads, kvHeads, headSize } = this.model.shape;
    const { scale = 1 / Math.sqrt(headSize), window = 0, rope } = settings;
    const [query, key] = [
      { x: q, count: heads },
      { x: k, count: kvHeads },
    ].map(({ x, count }) => this.#heads(this.#turned(this.#apart(x, count), rope)));
    const keys = this.#withPast(layer, 'key', key);
    const values = this.#withPast(layer, 'value', this.#heads(this.#apart(v, kvHeads)));
    // [B, KV, G · T, D]: the G queries of a key head follow each other.
    const grouped = n.add('Reshape', [this.#scaled(query, scale), n.integers([0, kvHeads, -1, headSize])]);
    const turned = n.add('Transpose', [keys], { perm: [0, 1, 3, 2] });
    const scores = n.add('Add', [n.add('MatMul', [grouped, turned]), this.#mask(window)]);
    const seen = n.add('MatMul', [n.add('Softmax', [scores], { axis: -1 }), values]);
    const apart = n.add('Reshape', [seen, n.integers([0, heads, -1, headSize])]);
    const rows = n.add('Transpose', [apart], { perm: [0, 2, 1, 3] });
    const width = heads * headSize;
    return { name: n.add('Reshape', [rows, n.integers([-1, width])]), width };
  }

  /** @throws GraftError `export-format` */
  convolution(): never {
    throw new GraftError(
      'export-format',
      `The ONNX export has no convolution over tokens, which ${this.model.modelType} has.`,
      'Export a merged model folder instead, with --format merged.',
    );
  }

  gated(gate: Value, up: Value, activation: Activation): Value {
    return { ...up, name: this.n.add('Mul', [this.activate(gate, activation).name, up.name]) };
  }

  activate(x: Value, activation: Activation): Value {
    const { n } = this;
    const half = (inner: string): string =>
      n.add('Mul', [n.add('Mul', [x.name, n.floats(0.5)]), n.add('Add', [inner, n.floats(1)])]);
    switch (activation) {
      case 'identity':
        return x;
      case 'silu':
        return { ...x, name: n.add('Mul', [x.name, n.add('Sigmoid', [x.name])]) };
      case 'gelu':
        return { ...x, name: half(n.add('Erf', [n.add('Div', [x.name, n.floats(Math.SQRT2)])])) };
      case 'gelu_tanh': {
        const cube = n.add('Mul', [n.add('Pow', [x.name, n.floats(3)]), n.floats(0.044715)]);
        const inner = n.add('Mul', [n.add('Add', [x.name, cube]), n.floats(Math.sqrt(2 / Math.PI))]);
        return { ...x, name: half(n.add('Tanh', [inner])) };
      }
    }
  }

  layer(input: Value, forward: (input: Value) => Value): Value {
    return forward(input);
  }

  recompute(forward: () => Value): Value {
    return forward();
  }

  /** All of them: who runs the model takes the logits that it needs. */
  outputRows(h: Value): Value {
    return h;
  }

  /** The head. */
  finish(hidden: Value): Ports {
    const { n, weights, model } = this;
    // An adapter that trains embedding or head as a whole gives a tied base a head of its own.
    const head = weights.has(HEAD) ? HEAD : model.shape.head!;
    const { name, width } = this.#product(hidden, head);
    n.add('Reshape', [name, this.#shapeWith(width)], {}, LOGITS);
    const { kvHeads, headSize } = model.shape;
    const caches = (prefix: string, length: string): Port[] =>
      Array.from({ length: this.#presents }, (_, layer) =>
        PARTS.map((part): Port => ({
          name: `${prefix}.${layer}.${part}`,
          type: 'f32',
          shape: [BATCH, kvHeads, length, headSize],
        })),
      ).flat();
    return {
      inputs: [
        { name: IDS, type: 'i64', shape: [BATCH, LENGTH] },
        { name: MASK, type: 'i64', shape: [BATCH, TOTAL] },
        { name: POSITIONS, type: 'i64', shape: [BATCH, LENGTH] },
        ...caches(PAST, 'past_sequence_length'),
      ],
      outputs: [{ name: LOGITS, type: 'f32', shape: [BATCH, LENGTH, width] }, ...caches(PRESENT, TOTAL)],
    };
  }

  /** x · Wᵀ + bias. */
  #product(x: Value, weight: string, bias?: string): Value {
    const { n, weights } = this;
    const added = bias !== undefined && weights.has(bias) ? [weights.vector(bias)] : [];
    const name = n.add('Gemm', [x.name, weights.matrix(weight), ...added], { transB: 1 });
    return { name, width: weights.shape(weight)[0] };
  }

  #scaled(name: string, factor: number): string {
    return factor === 1 ? name : this.n.add('Mul', [name, this.n.floats(factor)]);
  }

  #flat(name: string): string {
    return this.n.add('Reshape', [name, this.n.integers([-1])]);
  }

  /** The shape [B, T, ...sizes]. */
  #shapeWith(...sizes: readonly number[]): string {
    const { n } = this;
    return this.#once(`shape ${sizes.join()}`, () =>
      n.add('Concat', [this.#shape, n.integers(sizes)], { axis: 0 }),
    );
  }

  /** [B, T, heads, D]. */
  #apart(x: Value, heads: number): string {
    return this.n.add('Reshape', [x.name, this.#shapeWith(heads, this.model.shape.headSize)]);
  }

  /** [B, heads, T, D]. */
  #heads(apart: string): string {
    return this.n.add('Transpose', [apart], { perm: [0, 2, 1, 3] });
  }

  #withPast(layer: number, part: (typeof PARTS)[number], now: string): string {
    this.#presents = Math.max(this.#presents, layer + 1);
    const past = `${PAST}.${layer}.${part}`;
    return this.n.add('Concat', [past, now], { axis: 2 }, `${PRESENT}.${layer}.${part}`);
  }

  /** The first `rotary` numbers of each head are turned, the first half of them against the second. */
  #turned(x: string, rope: number | undefined): string {
    if (rope === undefined) return x;
    const { n } = this;
    const { headSize, ropes } = this.model.shape;
    const half = ropes[rope].rotary / 2;
    const rest = headSize - 2 * half;
    const { cos, sin } = this.#anglesOf(rope);
    const [a, b, ...others] = n.split(x, [half, half, ...(rest > 0 ? [rest] : [])]);
    const times = (value: string, angle: string): string => n.add('Mul', [value, angle]);
    const first = n.add('Sub', [times(a, cos), times(b, sin)]);
    const second = n.add('Add', [times(b, cos), times(a, sin)]);
    return n.add('Concat', [first, second, ...others], { axis: -1 });
  }

  /** Cosines and sines [B, T, 1, rotary / 2]. */
  #anglesOf(rope: number): Angles {
    const known = this.#angles.get(rope);
    if (known) return known;
    const { n } = this;
    const config = this.model.shape.ropes[rope];
    const positions = n.add('Unsqueeze', [n.add('Cast', [POSITIONS], { to: TYPES.f32 }), n.integers([2, 3])]);
    const frequencies = inverseFrequencies(config);
    const angles = n.add('Mul', [positions, n.floats(frequencies, [frequencies.length])]);
    const of = (operator: string): string => this.#scaled(n.add(operator, [angles]), config.attentionScaling);
    const made = { cos: of('Cos'), sin: of('Sin') };
    this.#angles.set(rope, made);
    return made;
  }

  /** What is added to scores [B, KV, G · T, P + T]: 0, or {@link UNSEEN} for keys of padding, later ones, and those before the window. */
  #mask(window: number): string {
    const known = this.#masks.get(window);
    if (known !== undefined) return known;
    const { n } = this;
    const { heads, kvHeads } = this.model.shape;
    const { back, present } = this.#places();
    const past = n.add('GreaterOrEqual', [back, n.integers(0)]);
    const seen = window > 0 ? n.add('And', [past, n.add('Less', [back, n.integers(window)])]) : past;
    const both = n.add('And', [seen, present]);
    const added = n.add('Where', [both, n.floats(0), n.floats(UNSEEN)]);
    const group = heads / kvHeads;
    const made = group === 1 ? added : n.add('Tile', [added, n.integers([1, 1, group, 1])]);
    this.#masks.set(window, made);
    return made;
  }

  /** How far each key is after each query, [T, P + T], and which keys are no padding, [B, 1, 1, P + T]. */
  #places(): { readonly back: string; readonly present: string } {
    const { n } = this;
    const back = this.#once('back', () => {
      const lengthOf = (shape: string): string => n.add('Gather', [shape, n.integers(1)]);
      const [total, length] = [lengthOf(n.add('Shape', [MASK])), lengthOf(this.#shape)];
      const [zero, one] = [n.integers(0), n.integers(1)];
      const queries = n.add('Range', [n.add('Sub', [total, length]), total, one]);
      const keys = n.add('Range', [zero, total, one]);
      return n.add('Sub', [n.add('Unsqueeze', [queries, n.integers([1])]), keys]);
    });
    const present = this.#once('present', () =>
      n.add('Cast', [n.add('Unsqueeze', [MASK, n.integers([1, 2])])], { to: TYPES.bool }),
    );
    return { back, present };
  }

  #once(key: string, make: () => string): string {
    const known = this.#cached.get(key);
    if (known !== undefined) return known;
    const made = make();
    this.#cached.set(key, made);
    return made;
  }
}

const HEAD = 'lm_head.weight';
const LOGITS = 'logits';
const PAST = 'past_key_values';
const PRESENT = 'present';
const PARTS = ['key', 'value'] as const;
const BATCH = 'batch_size';
const LENGTH = 'sequence_length';
const TOTAL = 'total_sequence_length';
