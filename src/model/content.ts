/** Identifies the content of a model folder, whatever its name, without reading gigabytes. */
import type { FileSet } from '../weights/bytes.ts';
import { onnxFileOf } from '../weights/companions.ts';
import { concatBytes } from '../weights/safetensors.ts';

/** Bytes at both ends of a file of weights that are hashed. */
const END_BYTES = 1 << 20;
/** Bytes of a piece between them. */
const PIECE_BYTES = 1 << 12;

/**
 * SHA-256 over the configuration, the tokenizer, and both ends and the size of every file of weights.
 *
 * @param pieces samples of each file that are hashed as well, evenly spread: two models that differ only in some layers may have the same ends.
 *   The page's models are identified without them
 */
export async function contentOf(files: FileSet, pieces = 0): Promise<string> {
  return hashOf(await contentParts(files, pieces));
}

/** The parts that {@link contentOf} hashes. */
export async function contentParts(files: FileSet, pieces = 0): Promise<Uint8Array[]> {
  const parts: Uint8Array[] = [];
  const all = files.list();
  const names = all.filter((name) => /^(config|tokenizer)\.json$|\.(safetensors|gguf)$/.test(name));
  const onnx = onnxFileOf(all);
  // Next to other weights it is not read.
  if (onnx !== undefined && names.every((name) => name.endsWith('.json'))) names.push(onnx);
  for (const name of names.sort()) {
    const file = await files.open(name);
    if (!file) continue;
    const { size } = file;
    parts.push(
      new TextEncoder().encode(`\0${name}\0${size}\0`),
      await file.read(0, Math.min(size, END_BYTES)),
      await file.read(Math.max(0, size - END_BYTES), size),
    );
    for (let piece = 1; piece <= pieces; piece++) {
      const start = Math.floor((size * piece) / (pieces + 1));
      parts.push(await file.read(start, Math.min(size, start + PIECE_BYTES)));
    }
  }
  return parts;
}

/** SHA-256 over parts of a model's content. @param held the types in which the weights are stored */
export async function hashOf(parts: readonly Uint8Array[], ...held: (string | undefined)[]): Promise<string> {
  const words = new TextEncoder().encode(held.filter((part) => part !== undefined).join(' '));
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', concatBytes([words, ...parts])));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
