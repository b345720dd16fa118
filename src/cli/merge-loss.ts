/** The merge loss of `graft export`: test rows through base and adapter apart, and through the file that was written. */
import { Adapter } from '../adapters/adapter.ts';
import { addedTokens } from '../adapters/tokens/tokens.ts';
import { isUsed } from '../data/parts.ts';
import { GraftError } from '../errors.ts';
import { mergedLoss } from '../evaluate/merged-loss.ts';
import type { MergeLoss } from '../export/gguf/loss.ts';
import { tokenizerWithTokens } from '../export/grown-folder.ts';
import { readCheckedPeft } from '../export/checked-peft.ts';
import type { AdapterData } from '../export/peft.ts';
import type { LabelledTokens } from '../model/batch.ts';
import type { ModelDefinition } from '../model/definition.ts';
import { LanguageModel } from '../model/language-model.ts';
import { IGNORED } from '../text/trainable.ts';
import type { FileSet } from '../weights/bytes.ts';
import { folder, modelOf } from './files.ts';
import { underFlag, type Flags, type FlagSpecs } from './flags.ts';
import { openDeviceByFlags } from './open-device.ts';
import { openRows } from './open-rows.ts';
import type { Output } from './output.ts';
import { reportData } from './report-data.ts';
import { readAskedRows, splitFlags } from './row-flags.ts';
import { modelFlags, requiredTokenizer } from './session.ts';

const { device, threads, kernels } = modelFlags;

export const mergeLossFlags = underFlag(
  'Merge loss: test rows through base and adapter apart, and through the file',
  {
    ...splitFlags,
    device,
    threads,
    kernels,
  },
) satisfies FlagSpecs;

type LossFlags = Flags<typeof mergeLossFlags>;

/** Every logit of a row is read: these are enough to see what is lost. */
const MAX_ROWS = 64;
const MAX_TOKENS = 512;

/** What is measured. */
interface Measured {
  readonly base: FileSet;
  readonly model: ModelDefinition;
  readonly adapter: AdapterData | undefined;
  readonly rows: readonly LabelledTokens[];
}

/**
 * The rows of a call: of its test part, if the split has one, or else all of them; of many, some that are spread evenly.
 *
 * @param adapter the path of its folder
 * @throws GraftError those of reading rows, `data-rows` if none has a supervised token
 */
export async function openMergeRows(
  flags: LossFlags,
  { base, model, adapter }: { base: FileSet; model: ModelDefinition; adapter: string | undefined },
  output: Output,
): Promise<Measured> {
  const data = adapter === undefined ? undefined : await readCheckedPeft(folder(adapter), model);
  const added = data && addedTokens(data.modules);
  const tokenizer = added
    ? await tokenizerWithTokens(added, base, folder(adapter!))
    : await requiredTokenizer(base);
  const { maxPositions, vocabulary } = model.shape;
  const limits = {
    maxLength: Math.min(maxPositions, MAX_TOKENS),
    vocabSize: Math.max(vocabulary, tokenizer.vocabSize),
    now: new Date(),
  };
  const { placed, report: report } = await openRows(readAskedRows(flags, 0), tokenizer, limits, output);
  reportData(output, report);
  const test = placed.filter(({ fate }) => fate === 'test');
  const used = (test.length > 0 ? test : placed.filter(({ fate }) => isUsed(fate)))
    .map(({ row }) => row)
    .filter(({ labels }) => labels.some((label, at) => at > 0 && label !== IGNORED));
  if (used.length === 0)
    throw new GraftError(
      'data-rows',
      'No row has an answer whose loss could be measured.',
      'Give rows with prompts and answers by --data.',
    );
  const count = Math.min(MAX_ROWS, used.length);
  const rows = Array.from({ length: count }, (_, at) => used[Math.floor((at * used.length) / count)]);
  return { base, model, adapter: data, rows };
}

/** @param file the path of the merged GGUF file @throws GraftError `engine-…` */
export async function measureMerge(
  flags: LossFlags,
  { base, adapter, rows }: Measured,
  { file, type }: { file: string; type: string },
  output: Output,
): Promise<MergeLoss> {
  const device = await openDeviceByFlags(flags, output);
  const load = (files: FileSet): Promise<LanguageModel> =>
    LanguageModel.load(device, files, { precision: 'f32' });
  const model = await load(base);
  const merged = await load(await modelOf(file));
  try {
    const frozen = adapter && (await Adapter.frozen(model, adapter.modules, adapter.tensors));
    const onRow = (done: number): void => output.progress(`Merge loss: row ${done} of ${rows.length}`);
    return { type, ...(await mergedLoss({ model, adapter: frozen, merged }, rows, onRow)) };
  } finally {
    output.clear();
    await merged.destroy();
    await model.destroy();
  }
}
