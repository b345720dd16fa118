/** The model of full fine-tuning, for the models that this browser keeps. */
import { writeFiles } from '../../export/folder-sink.ts';
import { companionFiles, tunedWeights } from '../../export/model-folder.ts';
import { ModelStore } from '../../storage/models.ts';
import type { NamedArrays } from '../../train/state.ts';
import { modelFolder } from '../../weights/folder.ts';
import type { OpenModel } from '../models/model.ts';
import { freeName } from '../models/models.ts';

/**
 * Writes the model: the folder that `graft train --method full` writes.
 *
 * @returns the name that it is kept under: the wanted one, or that with a number
 * @throws GraftError `storage-…`; then nothing is left
 */
export async function keepModel(
  wanted: string,
  values: NamedArrays,
  { source, model: { definition } }: Pick<OpenModel, 'source' | 'model'>,
): Promise<string> {
  const base = await modelFolder(source.files);
  const files = [...(await companionFiles(base)), await tunedWeights(base, definition, values)];
  const store = new ModelStore();
  const name = freeName(wanted.trim() || 'Unnamed', new Set((await store.list()).map((model) => model.name)));
  const writer = await store.create({ name, files: files.map((file) => file.name), resumable: false });
  let open = '';
  await writeFiles(
    files,
    {
      begin: async (file) => void (open = file),
      append: (bytes) => writer.append(open, bytes),
      finish: async () => void (await writer.commit()),
      abort: () => writer.abort(),
    },
    () => undefined,
    false,
  );
  return name;
}
