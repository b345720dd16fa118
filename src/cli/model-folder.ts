/** Writing a model folder: weights next to the base's configuration and tokenizer. */
import { join } from 'node:path';
import { companionsOf, tunedWeights } from '../export/model-folder.ts';
import type { NamedArrays } from '../train/state.ts';
import type { FileSet } from '../weights/bytes.ts';
import { writeWhole } from './files.ts';
import type { LoadedModel } from './session.ts';

export async function copyCompanions(files: FileSet, out: string): Promise<void> {
  for (const { name, source } of await companionsOf(files))
    await writeWhole(join(out, name), await source.read(0, source.size));
}

/** A fully fine-tuned model. */
export async function writeModelFolder(
  { model: { definition }, files }: Pick<LoadedModel, 'model' | 'files'>,
  values: NamedArrays,
  out: string,
): Promise<void> {
  const { name, read } = await tunedWeights(files, definition, values);
  await copyCompanions(files, out);
  // Last: the folder counts as a result once they are there.
  await writeWhole(join(out, name), read());
}
