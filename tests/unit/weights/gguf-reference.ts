/** Numbers of gguf-py: tests/reference/blocks/scales.py made them. */
import { readFileSync } from 'node:fs';
import { memorySource } from '../../../src/weights/bytes.ts';
import { parseSafetensors } from '../../../src/weights/safetensors.ts';

export interface GgufReference {
  bytes(name: string): Promise<Uint8Array<ArrayBuffer>>;
  floats(name: string): Promise<Float32Array<ArrayBuffer>>;
}

export async function ggufReference(file: 'scales' | 'rounded'): Promise<GgufReference> {
  const path = new URL(`../../reference/blocks/${file}.safetensors`, import.meta.url);
  const tensors = await parseSafetensors(memorySource(file, new Uint8Array(readFileSync(path))));
  const bytes = async (name: string): Promise<Uint8Array<ArrayBuffer>> =>
    (await tensors.get(name)!.read()).slice();
  return { bytes, floats: async (name) => new Float32Array((await bytes(name)).buffer) };
}

export const bitsOf = ({ buffer, byteOffset, length }: Float32Array<ArrayBuffer>): Uint32Array =>
  new Uint32Array(buffer, byteOffset, length);
