/** Ids of rows on the device, which hooks of an adapter look rows up by. Each tensor is made when it is first needed. */
import type { Device } from '../engine/device.ts';
import { linkOccurrences } from '../engine/ops/embedding.ts';
import { firstOverlaid } from '../engine/ops/overlaid_rows.ts';
import type { Tensor } from '../engine/tensor.ts';
import type { AdapterModule } from './kind.ts';

interface HeadIds {
  readonly ids: Tensor;
  readonly chain: Tensor;
}

export class RowIds {
  #all: Tensor | undefined;
  #head: HeadIds | undefined;

  constructor(
    readonly device: Device,
    readonly modules: readonly AdapterModule[],
  ) {}

  /** u32 [count]: first, first + 1, …, below the number of a layer's outputs. `first` is a multiple of 64. */
  range(first: number, count: number): Tensor {
    const max = Math.max(...this.modules.map(({ outputs }) => outputs));
    this.#all ??= this.device.upload(
      [max],
      'u32',
      'row ids',
      Uint32Array.from({ length: max }, (_, row) => row),
    );
    return this.#all.sliceColumns(first, count);
  }

  /** Ids of the head's separate rows, from the first to the last of `rows`, and a chain that says that each occurs once. */
  ofHead(first: number, rows: number): HeadIds {
    if (this.#head) return this.#head;
    const start = firstOverlaid(first);
    const ids = Uint32Array.from({ length: rows - start }, (_, row) => start + row);
    return (this.#head = {
      ids: this.device.upload([ids.length], 'u32', 'ids of the head', ids),
      chain: this.device.upload([ids.length, 2], 'u32', 'chain of the head', linkOccurrences(ids)),
    });
  }

  destroy(): void {
    for (const tensor of [this.#all, this.#head?.ids, this.#head?.chain])
      if (tensor) this.device.free(tensor);
    this.#all = this.#head = undefined;
  }
}
