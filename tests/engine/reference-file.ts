/** Reference numbers in files: of ../shared, and of tests/reference, which every clone has. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { toFloat32 } from '../../src/weights/dtypes.ts';
import { folder } from '../../src/cli/files.ts';
import type { ByteSource, FileSet } from '../../src/weights/bytes.ts';
import { parseSafetensors } from '../../src/weights/safetensors.ts';
import { sharedFolder } from '../shared.ts';

export interface Reference {
  readonly floats: ReadonlyMap<string, Float32Array>;
  readonly integers: ReadonlyMap<string, { values: number[]; shape: readonly number[] }>;
}

/** The settings of a curve that PEFT trained. */
export interface CurveSettings {
  batch: number;
  accumulate: number;
  steps: number;
  lr: number;
  schedule: 'cosine' | 'linear';
  warmup: number;
  weight_decay: number;
  clip: number;
}

/** The path of a file of tests/reference/peft. */
export const peftFile = (name: string): string =>
  fileURLToPath(new URL(`../reference/peft/${name}`, import.meta.url));

/** The values of a JSON Lines file of tests/reference/peft. */
export const peftLines = <T>(name: string): T[] =>
  readFileSync(peftFile(name), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as T);

/** The path of a file or folder of tests/reference, which every clone has. */
export const referencePath = (...parts: string[]): string =>
  fileURLToPath(new URL(`../reference/${parts.join('/')}`, import.meta.url));

export const referenceFolder = (...parts: string[]): FileSet => folder(referencePath(...parts));

/** Reads a file of ../shared. */
export async function readReference(path: readonly string[]): Promise<Reference> {
  return readTensorsOf(sharedFolder(...path.slice(0, -1)), path[path.length - 1]);
}

/** Reads a safetensors file of a folder, as `readTensors` does. */
export async function readTensorsOf(files: FileSet, name: string): Promise<Reference> {
  const source = await files.open(name);
  if (!source) throw new Error(`${files.name} has no ${name}`);
  return readTensors(source);
}

async function readText(files: FileSet, name: string): Promise<string> {
  const source = await files.open(name);
  if (!source) throw new Error(`${files.name} has no ${name}`);
  return new TextDecoder().decode(await source.read(0, source.size));
}

/** Reads a JSON file of a folder. */
export const readJsonOf = async <T>(files: FileSet, name: string): Promise<T> =>
  JSON.parse(await readText(files, name)) as T;

/** Reads a JSON Lines file of a folder. */
export const readLinesOf = async <T>(files: FileSet, name: string): Promise<T[]> =>
  (await readText(files, name))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as T);

/** Reads a safetensors file: floats as f32, I64 and I32 as numbers. */
export async function readTensors(source: ByteSource): Promise<Reference> {
  const floats = new Map<string, Float32Array>();
  const integers = new Map<string, { values: number[]; shape: readonly number[] }>();
  for (const [name, entry] of await parseSafetensors(source)) {
    const bytes = await entry.read();
    if (entry.dtype === 'F32' || entry.dtype === 'F16' || entry.dtype === 'BF16') {
      floats.set(name, Float32Array.from(toFloat32(bytes, entry.dtype, name)));
      continue;
    }
    const width = entry.dtype === 'I64' ? 8 : 4;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    integers.set(name, {
      values: Array.from({ length: bytes.byteLength / width }, (_, i) => view.getInt32(i * width, true)),
      shape: entry.shape,
    });
  }
  return { floats, integers };
}
