/** Base plus adapter as one GGUF file, for programs of llama.cpp. Needs the files of the base, and no GPU. */
import { addedTokens } from '../../adapters/tokens/tokens.ts';
import { kindOf } from '../../adapters/registry.ts';
import { checkWeights } from '../../model/base-weights.ts';
import { openModelWeights } from '../../model/folder-layout.ts';
import { describeChoices, sameChoices } from '../../model/weight-types.ts';
import { plural } from '../../numbers.ts';
import { memoryFiles, type FileSet } from '../../weights/bytes.ts';
import { modelFolder } from '../../weights/folder.ts';
import { fileNameOf, type FolderFile } from '../folder-sink.ts';
import { mergedGgufCard } from '../gguf/card.ts';
import { ggufModel } from '../gguf/model.ts';
import { GGUF_TYPES, type GgufType } from '../gguf/types.ts';
import { mergedFolder } from '../grown-folder.ts';
import { checkMergeable, mergedTensors } from '../merge.ts';
import { readPeft } from '../peft.ts';
import { wholeFile, type ExportFormat, type Parts, type Prepared } from './format.ts';

const CARD = 'README.md';

export const ggufMerged: ExportFormat = {
  name: 'gguf-merged',
  label: 'Merged GGUF',
  help: 'base plus adapter, or a tuned model, as one GGUF file for llama.cpp',
  types: GGUF_TYPES,
  bare: true,
  async prepare(parts) {
    const { file, summary, card } = await prepareGguf(parts);
    return {
      folder: `${fileNameOf(parts.adapterName)}-gguf`,
      files: [file, wholeFile(CARD, new TextEncoder().encode(card))],
      summary,
    };
  },
};

interface PreparedGguf extends Pick<Prepared, 'summary'> {
  readonly file: FolderFile;
  /** The folder of the merged model, with its tokenizer. */
  readonly folder: FileSet;
  readonly card: string;
}

/** @throws GraftError `adapter-…` where the adapter does not fit the base, `weights-…`, `export-format`, `tokenizer-…` */
export async function prepareGguf(parts: Parts): Promise<PreparedGguf> {
  const { baseModel, base, model, adapterName, adapter: given, baseWeights } = parts;
  const type = (parts.type ?? 'f16') as GgufType;
  const files = await modelFolder(base);
  const isAdapter = Object.keys(given).length > 0;
  const adapter = isAdapter ? await readPeft(memoryFiles(given, adapterName), model) : undefined;
  if (adapter) checkMergeable(adapter);
  const source = await openModelWeights(files, model);
  checkWeights(model, source);
  const choices = adapter && baseWeights && !sameChoices(baseWeights) ? baseWeights : undefined;
  const added = adapter && addedTokens(adapter.modules);
  const folder = adapter ? await mergedFolder(files, adapter, model) : files;
  const { file, types, note } = await ggufModel(
    `${fileNameOf(adapterName)}-${type}.gguf`,
    adapterName,
    {
      ...{ model, base: files },
      weights: mergedTensors(model, source, adapter, choices),
      folder,
      ...(added && { added }),
    },
    type,
  );
  const stored = types.map(([own, tensors]) => `${own} in ${plural(tensors, 'tensor')}`).join(', ');
  const card = mergedGgufCard({
    ...{ baseModel, name: adapterName, file: file.name, type, stored, note },
    ...(adapter && {
      adapter: { layers: adapter.modules.length, formula: kindOf(adapter.config).formula },
      ...(Object.hasOwn(given, CARD) && { adapterCard: new TextDecoder().decode(given[CARD]) }),
    }),
    ...(choices && { baseWeights: describeChoices(choices) }),
    ...(parts.loss && { loss: parts.loss }),
  });
  return {
    ...{ file, folder, card },
    summary: [`one model for llama.cpp in ${type}: ${stored}.`, ...(note === undefined ? [] : [note])].join(
      ' ',
    ),
  };
}
