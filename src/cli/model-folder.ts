/** Writing a model folder: weights beside the base's configuration and tokenizer. */
import { join } from 'node:path';
import { folderShape, toFolder } from '../model/folder-layout.ts';
import type { NamedArrays } from '../train/state.ts';
import type { FileSet } from '../weights/bytes.ts';
import { concatBytes, writeSafetensors } from '../weights/safetensors.ts';
import { writeWhole } from './files.ts';
import type { Session } from './session.ts';

/** Everything beside the weights that a model folder of the Hugging Face kind may hold. */
const COMPANIONS = [
  'config.json',
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'chat_template.jinja',
  'added_tokens.json',
  'vocab.json',
  'merges.txt',
  'tokenizer.model',
];

export async function copyCompanions(files: FileSet, out: string): Promise<void> {
  const present = new Set(files.list());
  for (const name of COMPANIONS) {
    const file = present.has(name) ? await files.open(name) : undefined;
    if (file) await writeWhole(join(out, name), await file.read(0, file.size));
  }
}

/** A fully fine-tuned model: f32 weights under their Hugging Face names. */
export async function writeModelFolder(
  { model, files }: Session,
  values: NamedArrays,
  out: string,
): Promise<void> {
  const tensors = model.definition.weights.map((spec) => ({
    name: spec.name,
    dtype: 'F32' as const,
    shape: folderShape(spec),
    data: toFolder(spec, values.get(spec.name)!),
  }));
  await writeWhole(join(out, 'model.safetensors'), concatBytes(writeSafetensors(tensors, { format: 'pt' })));
  await copyCompanions(files, out);
}
