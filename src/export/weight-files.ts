/**
 * The weights of a model folder as transformers lays them out: model.safetensors, or shards with an index once they would be too large for one file.
 *
 *   model-00001-of-00003.safetensors …     each a safetensors file of its own
 *   model.safetensors.index.json           {"metadata": {"total_size"}, "weight_map": {tensor: file}}
 */
import { storedBytes } from '../weights/dtypes.ts';
import { safetensorsHeader, type TensorToWrite } from '../weights/safetensors.ts';
import type { FolderFile } from './folder-sink.ts';
import { MODEL_WEIGHTS } from './model-folder.ts';

/** A tensor of a file that is written, with its bytes in pieces. */
export interface WrittenTensor extends Omit<TensorToWrite, 'data'> {
  readonly pieces: () => AsyncIterable<Uint8Array>;
}

/** A file of at most 2 GB: browsers, archives and file systems stumble over larger ones. */
export const SHARD_BYTES = 2e9;
export const SHARD_INDEX = 'model.safetensors.index.json';

const bytesOf = ({ dtype, shape }: WrittenTensor): number => storedBytes(dtype, shape);

/** @param limit bytes of tensors in a file; one tensor that is larger is a file of its own */
export function weightFiles(tensors: readonly WrittenTensor[], limit = SHARD_BYTES): FolderFile[] {
  const total = tensors.reduce((sum, tensor) => sum + bytesOf(tensor), 0);
  if (total <= limit) return [fileOf(MODEL_WEIGHTS, tensors)];
  const shards: WrittenTensor[][] = [];
  let room = 0;
  for (const tensor of tensors) {
    const bytes = bytesOf(tensor);
    const shard = bytes <= room ? shards.at(-1) : undefined;
    if (shard) shard.push(tensor);
    else shards.push([tensor]);
    room = (shard ? room : limit) - bytes;
  }
  const digits = (number: number): string => String(number).padStart(5, '0');
  const files = shards.map((shard, at) => ({
    shard,
    name: `model-${digits(at + 1)}-of-${digits(shards.length)}.safetensors`,
  }));
  const index = {
    metadata: { total_size: total },
    weight_map: Object.fromEntries(
      files.flatMap(({ shard, name }) => shard.map((tensor) => [tensor.name, name] as const)),
    ),
  };
  const bytes = new TextEncoder().encode(`${JSON.stringify(index, null, 2)}\n`);
  return [
    {
      ...{ name: SHARD_INDEX, size: bytes.byteLength },
      async *read() {
        yield bytes;
      },
    },
    ...files.map(({ shard, name }) => fileOf(name, shard)),
  ];
}

function fileOf(name: string, tensors: readonly WrittenTensor[]): FolderFile {
  const header = safetensorsHeader(tensors, { format: 'pt' });
  return {
    name,
    size: tensors.reduce((sum, tensor) => sum + bytesOf(tensor), header.byteLength),
    async *read() {
      yield header;
      for (const { pieces } of tensors) yield* pieces();
    },
  };
}
