/** Writing a model folder: weights beside the base's configuration and tokenizer. */
import { join } from 'node:path';
import { COMPANIONS, passedOn, passedOnBytes } from '../export/merge.ts';
import type { ModelDefinition } from '../model/family.ts';
import { folderShape, openModelWeights, otherTensors, toFolder } from '../model/folder-layout.ts';
import type { NamedArrays } from '../train/state.ts';
import type { FileSet } from '../weights/bytes.ts';
import type { WeightSource } from '../weights/folder.ts';
import { safetensorsHeader } from '../weights/safetensors.ts';
import { writeWhole } from './files.ts';
import type { Session } from './session.ts';

export async function copyCompanions(files: FileSet, out: string): Promise<void> {
  const present = new Set(files.list());
  for (const name of COMPANIONS) {
    const file = present.has(name) ? await files.open(name) : undefined;
    if (file) await writeWhole(join(out, name), await file.read(0, file.size));
  }
}

/** A fully fine-tuned model: f32 weights under the names of the base's folder, and what else that holds as it is. */
export async function writeModelFolder(
  { model: { definition }, files }: Session,
  values: NamedArrays,
  out: string,
): Promise<void> {
  const source = await openModelWeights(files, definition);
  await copyCompanions(files, out);
  // Last: the folder counts as a result once they are there.
  await writeWhole(join(out, 'model.safetensors'), tunedWeights(definition, source, values));
}

async function* tunedWeights(
  definition: ModelDefinition,
  source: WeightSource,
  values: NamedArrays,
): AsyncGenerator<Uint8Array> {
  const others = otherTensors(definition, source);
  const tuned = definition.weights.map((spec) => ({
    name: source.get(spec.name)!.name,
    dtype: 'F32' as const,
    shape: folderShape(spec),
  }));
  yield safetensorsHeader([...tuned, ...others.map(passedOn)], { format: 'pt' });
  for (const spec of definition.weights) {
    const { buffer, byteOffset, byteLength } = toFolder(spec, values.get(spec.name)!);
    yield new Uint8Array(buffer, byteOffset, byteLength);
  }
  for (const entry of others) yield await passedOnBytes(entry);
}
