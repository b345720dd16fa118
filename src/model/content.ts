/** What a model folder holds, as a name: whatever the folder is called, and without reading gigabytes. */
import type { FileSet } from '../weights/bytes.ts';
import { concatBytes } from '../weights/safetensors.ts';

/** Bytes at both ends of a file of weights that are looked at. */
const END_BYTES = 1 << 20;
/** Bytes of a piece between them. */
const PIECE_BYTES = 1 << 12;

/**
 * SHA-256 over the configuration, the tokenizer, and both ends and the size of every file of weights.
 *
 * @param pieces so many of each file are looked at as well, evenly spread: two models that differ in some layers alone may have the same ends.
 *   What the page keeps is named without them
 */
export async function contentOf(files: FileSet, pieces = 0): Promise<string> {
  return hashOf(await contentParts(files, pieces));
}

/** What {@link contentOf} looks at. */
export async function contentParts(files: FileSet, pieces = 0): Promise<Uint8Array[]> {
  const parts: Uint8Array[] = [];
  const names = files.list().filter((name) => /^(config|tokenizer)\.json$|\.(safetensors|gguf)$/.test(name));
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

/** SHA-256 over parts of a model's content. @param held how the weights are held */
export async function hashOf(parts: readonly Uint8Array[], ...held: (string | undefined)[]): Promise<string> {
  const words = new TextEncoder().encode(held.filter((part) => part !== undefined).join(' '));
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', concatBytes([words, ...parts])));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
