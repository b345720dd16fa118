import { join, resolve } from 'node:path';
import { GraftError } from '../errors.ts';
import { mergedWeights } from '../export/merge.ts';
import { readPeft } from '../export/peft.ts';
import { checkWeights } from '../model/base-weights.ts';
import { readModel } from '../model/family.ts';
import { openModelWeights } from '../model/folder-layout.ts';
import { folder, makeFolder, modelOf, writeWhole } from './files.ts';
import { Flags, type FlagSpecs } from './flags.ts';
import { copyCompanions } from './model-folder.ts';
import type { Output } from './output.ts';

export const mergeFlags = {
  model: { value: 'PATH', help: 'the base: a model folder or a GGUF file' },
  adapter: { value: 'DIR', help: 'a PEFT adapter folder' },
  out: { value: 'DIR', help: 'where to write the merged model folder' },
  help: { help: 'this text' },
} as const satisfies FlagSpecs;

export async function mergeCommand(args: readonly string[], output: Output): Promise<void> {
  const flags = new Flags(mergeFlags, args);
  const files = await modelOf(flags.required('model'));
  const out = flags.required('out');
  if (resolve(out) === resolve(files.name))
    throw new GraftError('arguments', '--out is the base model itself.', 'Choose another folder.');
  const model = await readModel(files);
  const adapter = await readPeft(folder(flags.required('adapter')), model);
  const source = await openModelWeights(files, model);
  checkWeights(model, source);
  await makeFolder(out);
  await writeWhole(join(out, 'model.safetensors'), mergedWeights(model, source, adapter));
  await copyCompanions(files, out);
  output.line(`Merged ${adapter.modules.length} layers into ${resolve(out)}`);
}
