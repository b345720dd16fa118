/** Base plus adapter as one GGUF file, for programs of llama.cpp. Needs the files of the base, and no GPU. */
import { plural } from '../../numbers.ts';
import type { FileSet } from '../../weights/bytes.ts';
import { convertedCard } from '../converted-card.ts';
import { fileNameOf, type FolderFile } from '../folder-sink.ts';
import { ggufModel } from '../gguf/model.ts';
import { GGUF_TYPES, type GgufType } from '../gguf/types.ts';
import { openMerged } from '../merged-parts.ts';
import type { Tested } from '../model-card.ts';
import { USUAL_TYPE, wholeFile, type ExportFormat, type Parts, type PreparedExport } from './format.ts';

const CARD = 'README.md';

export const ggufMerged: ExportFormat = {
  name: 'gguf-merged',
  label: 'Merged GGUF',
  help: 'base plus adapter, or a tuned model, as one GGUF file for llama.cpp',
  loses: 'Each number is rounded once. Four bits can cost what the tuning gained.',
  proof: 'llama.cpp gives the probabilities of PEFT, within 0.02 in f16 and 0.1 in q8_0.',
  types: GGUF_TYPES,
  bare: true,
  measurable: true,
  async prepare(parts) {
    const { file, summary, card } = await prepareGguf(parts, ggufMerged);
    return {
      folder: `${fileNameOf(parts.adapterName)}-gguf`,
      files: [file, wholeFile(CARD, new TextEncoder().encode(card))],
      summary,
    };
  },
};

interface PreparedGguf extends Pick<PreparedExport, 'summary'> {
  readonly file: FolderFile;
  /** The folder of the merged model, with its tokenizer. */
  readonly folder: FileSet;
  readonly card: string;
}

/** @param format whose card it is @throws GraftError `adapter-…` if the adapter does not fit the base, `weights-…`, `export-format`, `tokenizer-…` */
export async function prepareGguf(parts: Parts, format: Tested): Promise<PreparedGguf> {
  const { model, adapterName } = parts;
  const type = (parts.type ?? USUAL_TYPE) as GgufType;
  const { files, folder, weights, added, facts } = await openMerged(parts);
  const { file, types, note } = await ggufModel(
    `${fileNameOf(adapterName)}-${type}.gguf`,
    adapterName,
    { ...{ model, base: files, weights, folder }, ...(added && { added }) },
    type,
  );
  const stored = types.map(([own, tensors]) => `${own} in ${plural(tensors, 'tensor')}`).join(', ');
  const run = `\`\`\`sh\nllama-cli -m ${file.name}\n\`\`\``;
  return {
    ...{ file, folder },
    card: convertedCard({ ...facts, ...{ tag: 'gguf', format, type, stored, note, run } }),
    summary: [`one model for llama.cpp in ${type}: ${stored}.`, ...(note === undefined ? [] : [note])].join(
      ' ',
    ),
  };
}
