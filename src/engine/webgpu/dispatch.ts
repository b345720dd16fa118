/** The commands of a GPU: dispatches of WGSL kernels. Nothing here touches a device. */
import { lowersInto, type Command } from '../lowering.ts';
import { byteLength, Storage, Tensor, type DType } from '../tensor.ts';
import type { ElementType, Shader } from './shader.ts';
import { MAX_WORKGROUPS, type GpuTarget } from './target.ts';

export interface Dispatch extends Command {
  readonly shader: Shader;
  readonly entry: string;
  readonly types: Readonly<Record<string, ElementType>>;
  readonly constants: Readonly<Record<string, number>>;
  readonly subgroups: boolean;
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly params: Readonly<Record<string, number>>;
  readonly size: readonly [number, number, number];
}

interface DispatchRequest {
  shader: Shader;
  /** Entry point; `main` if left out. */
  entry?: string;
  /** What the shader's type aliases stand for. */
  types?: Record<string, ElementType>;
  /** Values of the shader's `override` constants. */
  constants?: Record<string, number>;
  /** Whether this variant needs `enable subgroups`. */
  subgroups?: boolean;
  /** Tensors by the name of the binding; `undefined` leaves a binding out that this entry point does not use. */
  tensors: Record<string, Tensor | undefined>;
  /** Every field of the shader's `struct Params`; those of an array that are left out are zero. */
  params?: Record<string, number>;
  /** Workgroups; a single number is folded over x and y, and the shader reads `x + y · num_workgroups.x`. */
  workgroups: number | [number, number, number];
  flops?: number;
}

/** The dispatches of a tape while it is lowered, one after the other. */
export class Dispatches {
  readonly list: Dispatch[] = [];

  constructor(readonly target: GpuTarget) {}

  /** A scratch tensor of this shape: its memory is planned by liveness, like that of the tape's own. */
  tensor(shape: readonly number[], dtype: DType, label: string): Tensor {
    return new Tensor(new Storage('transient', byteLength(shape, dtype), label), shape, dtype);
  }

  /** Appends a dispatch. @throws Error for a binding or a parameter that the shader does not have, or a parameter that is missing */
  add(request: DispatchRequest): void {
    const { shader, workgroups } = request;
    const tensors = new Map<string, Tensor>();
    for (const [name, tensor] of Object.entries(request.tensors)) {
      if (!tensor) continue;
      if (!shader.bindings.some((binding) => binding.name === name)) {
        throw new Error(`${shader.name}.wgsl has no binding named ${name}`);
      }
      tensors.set(name, tensor);
    }
    const params = request.params ?? {};
    for (const field of shader.params) {
      if (params[field.name] === undefined && !field.name.includes('.'))
        throw new Error(`${shader.name}.wgsl: parameter ${field.name} is missing`);
    }
    for (const name of Object.keys(params)) {
      if (!shader.params.some((field) => field.name === name)) {
        throw new Error(`${shader.name}.wgsl has no parameter named ${name}`);
      }
    }
    const size = typeof workgroups === 'number' ? foldWorkgroups(workgroups) : workgroups;
    this.list.push({
      label: shader.name,
      operands: [...tensors.values()],
      writes: writesOf(shader, tensors),
      flops: request.flops ?? 0,
      workgroups: Math.max(...size),
      shader,
      entry: request.entry ?? 'main',
      types: request.types ?? {},
      constants: request.constants ?? {},
      subgroups: request.subgroups ?? false,
      tensors,
      params,
      size,
    });
  }
}

function writesOf(shader: Shader, tensors: ReadonlyMap<string, Tensor>): Storage[] {
  const writes: Storage[] = [];
  for (const { name, access } of shader.bindings) {
    const tensor = tensors.get(name);
    if (tensor && access === 'read_write') writes.push(tensor.storage);
  }
  return writes;
}

function foldWorkgroups(count: number): [number, number, number] {
  if (count <= MAX_WORKGROUPS) return [count, 1, 1];
  const y = Math.ceil(count / MAX_WORKGROUPS);
  return [Math.ceil(count / y), y, 1];
}

/** Bytes of a dispatch's parameters, as they are bound. */
export function parameterBytes({ shader }: Dispatch): number {
  return Math.ceil((shader.params.length * 4) / 16) * 16;
}

/** Says how a kind of operation is lowered: a row of the table in lowering.ts. */
export const lowers = lowersInto<Dispatches>();
