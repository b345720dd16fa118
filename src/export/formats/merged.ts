/** Base plus adapter as one model folder, streamed. Needs the files of the base, and no GPU. */
import { kindOf } from '../../adapters/registry.ts';
import { checkWeights } from '../../model/base-weights.ts';
import { openModelWeights } from '../../model/folder-layout.ts';
import { describeChoices, sameChoices } from '../../model/weight-types.ts';
import { plural } from '../../numbers.ts';
import { memoryFiles } from '../../weights/bytes.ts';
import { modelFolder } from '../../weights/folder.ts';
import { fileNameOf } from '../folder-sink.ts';
import { mergedFolder } from '../grown-folder.ts';
import { checkMergeable, mergedParts, planMerged } from '../merge.ts';
import { MERGED_FORMAT, mergedCard } from '../model-card.ts';
import { companionFiles } from '../model-folder.ts';
import { readPeft } from '../peft.ts';
import { weightFiles } from '../weight-files.ts';
import { wholeFile, type ExportFormat, type Parts, type PreparedExport } from './format.ts';

const CARD = 'README.md';
const TYPES: Readonly<Record<string, string>> = { F32: 'float32', F16: 'float16', BF16: 'bfloat16' };

export const merged: ExportFormat = {
  name: 'merged',
  label: 'Merged model',
  help: 'base plus adapter as one model folder, for programs that know no adapters',
  ...MERGED_FORMAT,
  prepare: prepareMerged,
};

/** @throws GraftError `adapter-…` if the adapter does not fit the base, `weights-…` */
async function prepareMerged({
  baseModel,
  base,
  model,
  adapterName,
  adapter: given,
  baseWeights,
}: Parts): Promise<PreparedExport> {
  const folder = await modelFolder(base);
  const adapter = await readPeft(memoryFiles(given, adapterName), model);
  checkMergeable(adapter);
  const source = await openModelWeights(folder, model);
  checkWeights(model, source);
  const choices = baseWeights && !sameChoices(baseWeights) ? baseWeights : undefined;
  const { dtypes } = planMerged(model, source, adapter, choices);
  const layers = adapter.modules.length;
  const card = mergedCard({
    ...{ baseModel, adapter: adapterName, layers, formula: kindOf(adapter.config).formula },
    baseWeights: choices && describeChoices(choices),
    ...(Object.hasOwn(given, CARD) && { adapterCard: new TextDecoder().decode(given[CARD]) }),
  });
  return {
    folder: `${fileNameOf(adapterName)}-merged`,
    files: [
      ...weightFiles(mergedParts(model, source, adapter, choices)),
      ...(await companionFiles(await mergedFolder(folder, adapter, model))),
      wholeFile(CARD, new TextEncoder().encode(card)),
    ],
    summary: [
      `${typeWords(dtypes)}, as the base has it, with the adapter added in ${plural(layers, 'layer')}.`,
      ...(choices
        ? [
            'The adapter was trained on quantised base weights: the merged weights are those quantised numbers plus the adapter.',
          ]
        : []),
    ].join(' '),
  };
}

/**
 * “float16”, “bfloat16, and float32 for the rest”.
 *
 * @param dtypes of the tensors, the one with the most bytes first
 */
export function typeWords(dtypes: readonly string[]): string {
  const [first, ...others] = dtypes.map((dtype) => TYPES[dtype] ?? dtype);
  return others.length === 0 ? first : `${first}, and ${others.join(' and ')} for the rest`;
}
