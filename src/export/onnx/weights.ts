/** Weights of a merged model in an ONNX graph: how each type stores them, and the nodes that make f32 of them. */
import { GraftError } from '../../errors.ts';
import { float32ToFloat16 } from '../../weights/dtypes.ts';
import type { MergedWeight } from '../merge.ts';
import { type Nodes, TYPES } from './nodes.ts';

export const ONNX_TYPES = ['f32', 'f16', 'int8'] as const;
export type OnnxType = (typeof ONNX_TYPES)[number];

/** The largest step of a signed byte that has its negative. */
const MAX = 127;

/** Reads weights by name, and adds each to the graph when it is first asked for. Matrices have the type; vectors stay f32. */
export class Weights {
  readonly #byName: ReadonlyMap<string, MergedWeight>;
  readonly #stored = new Set<string>();

  constructor(
    private readonly nodes: Nodes,
    weights: readonly MergedWeight[],
    private readonly type: OnnxType,
  ) {
    this.#byName = new Map(weights.map((weight) => [weight.name, weight]));
  }

  has(name: string): boolean {
    return this.#byName.has(name);
  }

  shape(name: string): readonly number[] {
    return this.#weight(name).shape;
  }

  /** A vector, f32. @param change of its numbers */
  vector(name: string, change: (value: number) => number = (value) => value): string {
    const { shape, values } = this.#weight(name);
    return this.#store(name, () =>
      this.nodes.groups.push({
        tensors: [{ name, type: 'f32', shape }],
        read: async () => [new Uint8Array((await values()).map(change).buffer)],
      }),
    );
  }

  /** A matrix [rows, columns] in f32. */
  matrix(name: string): string {
    this.#storeMatrix(name);
    switch (this.type) {
      case 'f32':
        return name;
      case 'f16':
        return this.nodes.add('Cast', [name], { to: TYPES.f32 });
      case 'int8':
        return this.nodes.add('DequantizeLinear', [name, scaleOf(name)], { axis: 0 });
    }
  }

  /** Rows of a matrix, in f32. @param ids of i64 */
  rows(name: string, ids: string): string {
    this.#storeMatrix(name);
    const { nodes } = this;
    const found = nodes.add('Gather', [name, ids]);
    if (this.type === 'f32') return found;
    const numbers = nodes.add('Cast', [found], { to: TYPES.f32 });
    if (this.type === 'f16') return numbers;
    const scales = nodes.add('Gather', [scaleOf(name), ids]);
    return nodes.add('Mul', [numbers, nodes.add('Unsqueeze', [scales, nodes.integers([-1])])]);
  }

  #storeMatrix(name: string): void {
    const { shape, values } = this.#weight(name);
    const { type } = this;
    this.#store(name, () =>
      this.nodes.groups.push(
        type === 'int8'
          ? {
              tensors: [
                { name, type: 'i8', shape },
                { name: scaleOf(name), type: 'f32', shape: [shape[0]] },
              ],
              read: async () => {
                const { steps, scales } = quantiseSymmetric(await values(), shape[0]);
                return [new Uint8Array(steps.buffer), new Uint8Array(scales.buffer)];
              },
            }
          : {
              tensors: [{ name, type, shape }],
              read: async () => {
                const numbers = await values();
                return [new Uint8Array((type === 'f16' ? toFloat16(name, numbers) : numbers).buffer)];
              },
            },
      ),
    );
  }

  #store(name: string, add: () => void): string {
    if (!this.#stored.has(name)) {
      this.#stored.add(name);
      add();
    }
    return name;
  }

  #weight(name: string): MergedWeight {
    const weight = this.#byName.get(name);
    if (!weight) throw new Error(`The merged model has no weight ${name}`);
    return weight;
  }
}

const scaleOf = (name: string): string => `${name}.scale`;

const MAX_F16 = 65_504;

/** @throws GraftError `export-format` for a number that f16 does not have */
function toFloat16(name: string, values: Float32Array<ArrayBuffer>): Uint16Array<ArrayBuffer> {
  const beyond = values.find((value) => Math.abs(value) > MAX_F16);
  if (beyond !== undefined)
    throw new GraftError(
      'export-format',
      `The weight ${name} has the number ${beyond}, and f16 ends at ${MAX_F16}.`,
      'Export it with --type f32.',
    );
  return float32ToFloat16(values);
}

/** Each row as signed bytes times a scale of its own, rounded to nearest. */
export function quantiseSymmetric(
  values: Float32Array<ArrayBuffer>,
  rows: number,
): { readonly steps: Int8Array<ArrayBuffer>; readonly scales: Float32Array<ArrayBuffer> } {
  const columns = values.length / rows;
  const steps = new Int8Array(values.length);
  const scales = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    const [from, end] = [row * columns, (row + 1) * columns];
    let max = 0;
    for (let at = from; at < end; at++) max = Math.max(max, Math.abs(values[at]));
    // A row of zeros keeps a scale that divides.
    scales[row] = max === 0 ? 1 : max / MAX;
    for (let at = from; at < end; at++) steps[at] = Math.round(values[at] / scales[row]);
  }
  return { steps, scales };
}
