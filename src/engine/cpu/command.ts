/** The commands of a processor: calls of kernels over a number of units. Nothing here touches memory. */
import { lowersInto, type Command } from '../lowering.ts';
import { quantisedFormats, QuantisedTensor } from '../quantised.ts';
import { byteLength, Storage, Tensor, type DType } from '../tensor.ts';
import type { KernelFile } from './kernel.ts';
import type { CpuTarget } from './target.ts';

/** Bytes of a command with its header, and of the header before its arguments: as in kernels/threads.ts. */
export const COMMAND_BYTES = 192;
export const HEADER_BYTES = 16;
const MAX_ARGUMENTS = (COMMAND_BYTES - HEADER_BYTES) / 4;

/** Memory that each thread has for itself while it computes units. */
export const SCRATCH_BYTES = 2 ** 19;

export interface CpuCommand extends Command {
  readonly file: KernelFile;
  readonly kernel: string;
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly params: Readonly<Record<string, number>>;
  readonly units: number;
  readonly grain: number;
  readonly matmul: string | undefined;
}

interface CommandRequest {
  file: KernelFile;
  /** A function of the file. */
  kernel: string;
  /** Tensors by the name of the argument; `undefined` leaves one out: its address is 0. */
  tensors: Record<string, Tensor | undefined>;
  /** Every argument that is a number. */
  params?: Record<string, number>;
  /** Parts that can be computed independently: rows, elements, tiles. */
  units: number;
  /** Units that a thread takes at once: enough to be worth it. If left out, one thread takes all of them. */
  grain?: number;
  flops?: number;
  /** Layout and sides of a matrix product, for profiles. */
  matmul?: string;
}

/** The commands of a tape while it is lowered, one after the other. */
export class Commands {
  readonly list: CpuCommand[] = [];

  constructor(readonly target: CpuTarget) {}

  /** A scratch tensor of this shape: its memory is planned by liveness, like that of the tape's own. */
  tensor(shape: readonly number[], dtype: DType, label: string): Tensor {
    return new Tensor(new Storage('transient', byteLength(shape, dtype), label), shape, dtype);
  }

  /** Appends a call of a kernel. @throws Error for a kernel or an argument that its file does not have, or a number that is missing */
  add({ file, kernel, tensors: given, params = {}, units, grain, flops = 0, matmul }: CommandRequest): void {
    const where = `${file.name}.ts, ${kernel}`;
    if (!file.kernels.has(kernel)) throw new Error(`${file.name}.ts has no kernel named ${kernel}`);
    if (file.fields.length > MAX_ARGUMENTS) throw new Error(`${file.name}.ts has too many arguments`);
    const tensors = new Map<string, Tensor>();
    const writes: Storage[] = [];
    for (const { name, type } of file.fields) {
      const isTensor = type === 'Read' || type === 'Write';
      const tensor = given[name];
      if (!isTensor && params[name] === undefined) throw new Error(`${where}: ${name} is missing`);
      if (!isTensor || !tensor) continue;
      tensors.set(name, tensor);
      if (type === 'Write') writes.push(tensor.storage);
    }
    for (const name of [...Object.keys(given), ...Object.keys(params)])
      if (!file.fields.some((field) => field.name === name))
        throw new Error(`${where} has no argument named ${name}`);
    this.list.push({
      label: kernel,
      operands: [...tensors.values()],
      writes,
      flops,
      workgroups: 1,
      file,
      kernel,
      tensors,
      params,
      units,
      grain: Math.max(1, Math.min(grain ?? units, units)),
      matmul,
    });
  }
}

/** How numbers of a tensor of any shape are stored, as the kernels number it: F32 and F16 in kernels/common.ts. @throws Error for u32 */
export function storedAs({ dtype, label }: Tensor): number {
  if (dtype === 'u32') throw new Error(`${label} holds integers`);
  return dtype === 'f32' ? 0 : 1;
}

/**
 * How a weight [N, K] is stored, as the kernels number it: `storedAs`, or a format of blocks after these. See kernels/blocks.ts.
 *
 * @throws Error as `storedAs`
 */
export function weightType(weight: Tensor): number {
  return weight instanceof QuantisedTensor ? 2 + quantisedFormats[weight.format].code : storedAs(weight);
}

/** Rows of the weight [N, K]: N, or the rows of the whole matrix if the weight is in blocks and a view of its first rows. */
export function storedRows(weight: Tensor): number {
  return weight instanceof QuantisedTensor ? weight.storedRows : weight.rows;
}

/** Tensors of any shape; undefined ones are skipped. @throws Error unless all are f32, which kernels of activations ask for */
export function checkF32(...tensors: readonly (Tensor | undefined)[]): void {
  for (const tensor of tensors)
    if (tensor && tensor.dtype !== 'f32') throw new Error(`${tensor.label} is ${tensor.dtype}, not f32`);
}

/** Says how a kind of operation is lowered: a row of the table in lowering.ts. */
export const lowers = lowersInto<Commands>();
