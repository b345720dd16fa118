/** Base plus adapter, or a tuned model, opened to be written in another program's format. */
import { kindOf } from '../adapters/registry.ts';
import { addedTokens } from '../adapters/tokens/tokens.ts';
import { checkWeights } from '../model/base-weights.ts';
import { openModelWeights } from '../model/folder-layout.ts';
import { describeChoices, sameChoices } from '../model/weight-types.ts';
import type { NewTokens } from '../text/added-tokens.ts';
import { memoryFiles, type FileSet } from '../weights/bytes.ts';
import { modelFolder } from '../weights/folder.ts';
import { cardIn, type ConvertedFacts } from './converted-card.ts';
import type { Parts } from './formats/format.ts';
import { mergedFolder } from './grown-folder.ts';
import { checkMergeable, mergedTensors, type MergedWeight } from './merge.ts';
import { readPeft } from './peft.ts';

interface MergedParts {
  /** The base's folder. */
  readonly files: FileSet;
  /** The folder of the merged model, with its tokenizer. */
  readonly folder: FileSet;
  readonly weights: readonly MergedWeight[];
  /** Tokens that the adapter adds. */
  readonly added?: NewTokens;
  /** What a card says of the sources. */
  readonly facts: Pick<
    ConvertedFacts,
    'baseModel' | 'name' | 'adapter' | 'adapterCard' | 'baseWeights' | 'loss'
  >;
}

/** Reads the adapter and headers of the base, but no weights. @throws GraftError `adapter-…` if the adapter does not fit the base, `weights-…` */
export async function openMerged(parts: Parts): Promise<MergedParts> {
  const { baseModel, base, model, adapterName, adapter: given, baseWeights } = parts;
  const files = await modelFolder(base);
  const isAdapter = Object.keys(given).length > 0;
  const adapter = isAdapter ? await readPeft(memoryFiles(given, adapterName), model) : undefined;
  if (adapter) checkMergeable(adapter);
  const source = await openModelWeights(files, model);
  checkWeights(model, source);
  const choices = adapter && baseWeights && !sameChoices(baseWeights) ? baseWeights : undefined;
  const added = adapter && addedTokens(adapter.modules);
  return {
    files,
    folder: adapter ? await mergedFolder(files, adapter, model) : files,
    weights: mergedTensors(model, source, adapter, choices),
    ...(added && { added }),
    facts: {
      ...{ baseModel, name: adapterName },
      ...(adapter && {
        adapter: { layers: adapter.modules.length, formula: kindOf(adapter.config).formula },
        adapterCard: cardIn(given),
      }),
      ...(choices && { baseWeights: describeChoices(choices) }),
      ...(parts.loss && { loss: parts.loss }),
    },
  };
}
