/** An ONNX graph in the making: its nodes, and its tensors with the way to their bytes. */
import { concatBytes } from '../../weights/safetensors.ts';
import { float, integer, integers, message, textField } from './protobuf.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** Numbers of `TensorProto.DataType`. */
export const TYPES = { f32: 1, i8: 3, i64: 7, bool: 9, f16: 10 } as const;
export type OnnxElementType = keyof typeof TYPES;
const WIDTH: Readonly<Record<OnnxElementType, number>> = { f32: 4, i8: 1, i64: 8, bool: 1, f16: 2 };

/** A tensor that is part of the model. */
export interface StoredTensor {
  readonly name: string;
  readonly type: OnnxElementType;
  readonly shape: readonly number[];
}

/** Tensors that are made at once, of the same numbers. */
export interface TensorGroup {
  readonly tensors: readonly StoredTensor[];
  /** The bytes of each. */
  readonly read: () => Promise<readonly Bytes[]>;
}

export const tensorBytes = ({ type, shape }: StoredTensor): number =>
  shape.reduce((size, length) => size * length, WIDTH[type]);

/** A dimension is a number, or the name of one that is known when the model runs. */
export interface Port {
  readonly name: string;
  readonly type: OnnxElementType;
  readonly shape: readonly (number | string)[];
}

type Attribute = number | readonly number[] | { readonly float: number };

/** Numbers of the fields of `NodeProto` and `AttributeProto`. */
const NODE = { input: 1, output: 2, name: 3, type: 4, attribute: 5 } as const;
const ATTRIBUTE = { name: 1, float: 2, integer: 3, integers: 8, type: 20 } as const;
const ATTRIBUTE_TYPE = { float: 1, integer: 2, integers: 7 } as const;

function attribute(name: string, value: Attribute): Bytes {
  const kind = typeof value === 'number' ? 'integer' : 'float' in value ? 'float' : 'integers';
  const held =
    typeof value === 'number'
      ? integer(ATTRIBUTE.integer, value)
      : 'float' in value
        ? float(ATTRIBUTE.float, value.float)
        : integers(ATTRIBUTE.integers, value);
  return message(
    NODE.attribute,
    textField(ATTRIBUTE.name, name),
    held,
    integer(ATTRIBUTE.type, ATTRIBUTE_TYPE[kind]),
  );
}

export class Nodes {
  /** Each a `NodeProto`, in an order in which they can be computed. */
  readonly nodes: Bytes[] = [];
  readonly groups: TensorGroup[] = [];
  readonly #constants = new Map<string, string>();
  #count = 0;

  /** Adds a node of an operator with one result. @returns the name of the result */
  add(
    operator: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
    output?: string,
  ): string {
    const name = `${operator}_${this.#count++}`;
    return this.#node(operator, name, inputs, [output ?? name], attributes)[0];
  }

  /** The parts of a value along its last axis. */
  split(value: string, widths: readonly number[]): string[] {
    const name = `Split_${this.#count++}`;
    const outputs = widths.map((_, part) => `${name}.${part}`);
    return this.#node('Split', name, [value, this.integers(widths)], outputs, { axis: -1 });
  }

  /** A constant of i64: a list, or a single number. */
  integers(values: readonly number[] | number): string {
    const list = typeof values === 'number' ? [values] : values;
    const shape = typeof values === 'number' ? [] : [list.length];
    return this.#constant('i64', shape, list, () => BigInt64Array.from(list, BigInt));
  }

  /** A constant of f32. */
  floats(values: Float32Array<ArrayBuffer> | number, shape: readonly number[] = []): string {
    const numbers = typeof values === 'number' ? Float32Array.of(values) : values;
    return this.#constant('f32', shape, numbers, () => numbers);
  }

  #constant(
    type: 'i64' | 'f32',
    shape: readonly number[],
    values: ArrayLike<number>,
    numbers: () => BigInt64Array<ArrayBuffer> | Float32Array<ArrayBuffer>,
  ): string {
    const known = `${type} ${shape.join(',')}: ${Array.from(values).join(',')}`;
    const found = this.#constants.get(known);
    if (found !== undefined) return found;
    const name = `Constant_${this.#constants.size}`;
    this.#constants.set(known, name);
    const bytes = new Uint8Array(numbers().buffer);
    this.groups.push({ tensors: [{ name, type, shape }], read: async () => [bytes] });
    return name;
  }

  #node(
    operator: string,
    name: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>>,
  ): string[] {
    this.nodes.push(
      concatBytes([
        ...inputs.map((input) => textField(NODE.input, input)),
        ...outputs.map((output) => textField(NODE.output, output)),
        textField(NODE.name, name),
        textField(NODE.type, operator),
        ...Object.entries(attributes).map(([key, value]) => attribute(key, value)),
      ]),
    );
    return [...outputs];
  }
}
