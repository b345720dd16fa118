import { basename, join, resolve } from 'node:path';
import { GraftError } from '../errors.ts';
import { mergedWeights } from '../export/merge.ts';
import { mergedCard } from '../export/model-card.ts';
import { readPeft } from '../export/peft.ts';
import { checkWeights } from '../model/base-weights.ts';
import { readModel } from '../model/family.ts';
import { openModelWeights } from '../model/folder-layout.ts';
import { describeChoices } from '../model/weight-types.ts';
import { folder, makeFolder, modelOf, writeWhole } from './files.ts';
import { Flags, type FlagSpecs } from './flags.ts';
import { copyCompanions } from './model-folder.ts';
import type { Output } from './output.ts';
import { modelFlags, readWeightChoices } from './session.ts';

export const mergeFlags = {
  model: { value: 'PATH', help: 'the base: a model folder or a GGUF file' },
  adapter: { value: 'DIR', help: 'a PEFT adapter folder' },
  out: { value: 'DIR', help: 'where to write the merged model folder' },
  'base-weights': {
    value: 'TYPE',
    help: 'q8_0, q4_0, q4_1 or nf4, if the adapter was trained on such a base: merge with what its blocks stand for',
  },
  'embedding-weights': modelFlags['embedding-weights'],
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
  const quantised = flags.text('base-weights') ?? flags.text('embedding-weights');
  const choices = quantised === undefined ? undefined : readWeightChoices(flags);
  await writeWhole(join(out, 'model.safetensors'), mergedWeights(model, source, adapter, choices));
  await copyCompanions(files, out);
  const card = mergedCard({
    baseModel: basename(resolve(flags.required('model'))),
    adapter: basename(resolve(flags.required('adapter'))),
    layers: adapter.modules.length,
    baseWeights: choices && describeChoices(choices),
  });
  await writeWhole(join(out, 'README.md'), new TextEncoder().encode(card));
  output.line(`Merged ${adapter.modules.length} layers into ${resolve(out)}`);
}
