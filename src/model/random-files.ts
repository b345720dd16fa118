/** An artificial model folder: the config.json of a real model, and random weights in its shapes. For measurements of speed. */
import type { JsonObject } from '../json.ts';
import { sizeOf } from '../engine/tensor.ts';
import { Random } from '../random.ts';
import { checkRange, memorySource, type ByteSource, type FileSet } from '../weights/bytes.ts';
import { safetensorsHeader } from '../weights/safetensors.ts';
import { defineModel } from './family.ts';
import { folderShape } from './folder-layout.ts';

/** Random numbers that are repeated: an odd number of them, so that no two rows of a matrix are equal. */
const NUMBERS = 2 ** 20 + 1;
/** Numbers lie within this of zero: about the spread of trained weights. */
const SPREAD = 0.05;

/**
 * The folder as files. Weights are f32 and made when they are read: matrices random, the same ones each time; vectors, which scale norms
 * in most families, one.
 *
 * @throws GraftError as `defineModel`
 */
export function randomFiles(name: string, config: JsonObject): FileSet {
  const tensors = defineModel(config, `${name}/config.json`).weights.map((spec) => ({
    name: spec.name,
    dtype: 'F32' as const,
    shape: folderShape(spec),
  }));
  const files: Record<string, ByteSource> = {
    'config.json': memorySource('config.json', new TextEncoder().encode(JSON.stringify(config))),
    'model.safetensors': weightsSource(tensors),
  };
  return {
    name,
    list: () => Object.keys(files),
    open: (file) => Promise.resolve(files[file] as ByteSource | undefined),
  };
}

function weightsSource(tensors: Parameters<typeof safetensorsHeader>[0]): ByteSource {
  const name = 'model.safetensors';
  const header = safetensorsHeader(tensors);
  const random = new Random(1);
  const numbers = Float32Array.from({ length: NUMBERS }, () => (2 * random.float() - 1) * SPREAD);
  const size = tensors.reduce((sum, { shape }) => sum + 4 * sizeOf(shape), header.length);
  return {
    name,
    size,
    read(start, end) {
      checkRange(name, size, start, end);
      const bytes = new Uint8Array(end - start);
      bytes.set(header.subarray(start, Math.min(end, header.length)));
      let at = header.length;
      for (const { shape } of tensors) {
        const from = Math.max(start, at);
        const to = Math.min(end, at + 4 * sizeOf(shape));
        if (from < to) {
          // Tensors are read from whole numbers to whole numbers.
          const first = (from - header.length) / 4;
          const values = new Float32Array((to - from) / 4).fill(1);
          if (shape.length > 1)
            for (let i = 0; i < values.length; i++) values[i] = numbers[(first + i) % NUMBERS];
          bytes.set(new Uint8Array(values.buffer), from - start);
        }
        at += 4 * sizeOf(shape);
      }
      return Promise.resolve(bytes);
    },
  };
}
