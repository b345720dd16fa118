/** Base plus adapter as one model folder, streamed to where it is wanted. Needs the files of the open model, and not the GPU. */
import { kindOf } from '../adapters/registry.ts';
import { checkWeights } from '../model/base-weights.ts';
import type { ModelDefinition } from '../model/family.ts';
import { openModelWeights } from '../model/folder-layout.ts';
import { describeChoices, sameChoices, type WeightChoices } from '../model/weight-types.ts';
import { memoryFiles, type FileSet } from '../weights/bytes.ts';
import { modelFolder } from '../weights/folder.ts';
import { fileNameOf, type FolderFile } from './folder-sink.ts';
import { mergedWeights, planMerged } from './merge.ts';
import { mergedCard } from './model-card.ts';
import { companionFiles, MODEL_WEIGHTS } from './model-folder.ts';
import { readPeft, type Files } from './peft.ts';

const CARD = 'README.md';

/** What is merged with what. */
export interface Parts {
  /** As the adapter names its base. */
  readonly baseModel: string;
  /** The files of the base as they were opened. */
  readonly base: FileSet;
  readonly model: ModelDefinition;
  readonly adapterName: string;
  readonly adapter: Files;
  /** How the base was held in training. */
  readonly baseWeights?: WeightChoices;
}

/** What merging would make. */
export interface MergedFolder {
  /** The model that the adapter was trained on, by the name that the adapter gives it. */
  readonly baseModel: string;
  /** The folder that would be written: a name that every file system takes. */
  readonly folder: string;
  readonly files: readonly string[];
  readonly bytes: number;
  /** Types of its tensors, the one with the most bytes first: F32, BF16, F16. */
  readonly dtypes: readonly string[];
  /** Layers that the adapter changes. */
  readonly layers: number;
  /** How the base was held in training, where that was not as stored: it is merged as those numbers. */
  readonly baseWeights?: WeightChoices;
}

/** Everything that is written, with nothing of it read but headers and the adapter. */
export interface Merge {
  readonly plan: MergedFolder;
  readonly files: readonly FolderFile[];
}

/** @throws GraftError `adapter-…` where the adapter does not fit the base, `weights-…` */
export async function prepareMerge({
  baseModel,
  base,
  model,
  adapterName,
  adapter: given,
  baseWeights,
}: Parts): Promise<Merge> {
  const folder = await modelFolder(base);
  const adapter = await readPeft(memoryFiles(given, adapterName), model);
  const source = await openModelWeights(folder, model);
  checkWeights(model, source);
  const choices = baseWeights && !sameChoices(baseWeights) ? baseWeights : undefined;
  const { bytes, dtypes } = planMerged(model, source, choices);
  const layers = adapter.modules.length;
  const card = new TextEncoder().encode(
    mergedCard({
      ...{ baseModel, adapter: adapterName, layers, formula: kindOf(adapter.config).formula },
      baseWeights: choices && describeChoices(choices),
    }),
  );
  const files: FolderFile[] = [
    { name: MODEL_WEIGHTS, size: bytes, read: () => mergedWeights(model, source, adapter, choices) },
    ...(await companionFiles(folder)),
    {
      name: CARD,
      size: card.byteLength,
      async *read() {
        yield card;
      },
    },
  ];
  return {
    plan: {
      baseModel,
      folder: `${fileNameOf(adapterName)}-merged`,
      files: files.map(({ name }) => name),
      bytes: files.reduce((sum, { size }) => sum + size, 0),
      dtypes,
      layers,
      ...(choices && { baseWeights: choices }),
    },
    files,
  };
}
