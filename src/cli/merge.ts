import { kindOf } from '../adapters/registry.ts';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { GraftError } from '../errors.ts';
import { mergedFolder } from '../export/grown-folder.ts';
import { checkMergeable, mergedParts } from '../export/merge.ts';
import { mergedCard } from '../export/model-card.ts';
import { companionsOf } from '../export/model-folder.ts';
import { readCheckedPeft } from '../export/checked-peft.ts';
import type { AdapterData } from '../export/peft.ts';
import { weightFiles } from '../export/weight-files.ts';
import { checkWeights } from '../model/base-weights.ts';
import type { ModelDefinition } from '../model/definition.ts';
import { readAnyModel } from '../model/family.ts';
import { openModelWeights } from '../model/folder-layout.ts';
import { MODULES, poolingFiles, readPooling, readWindow } from '../model/pooling.ts';
import { describeChoices, type WeightChoices } from '../model/weight-types.ts';
import type { FileSet } from '../weights/bytes.ts';
import { POOLING_FILE, POOLING_FOLDER } from '../weights/companions.ts';
import type { WeightSource } from '../weights/folder.ts';
import { mergeDelta } from './delta.ts';
import { folder, modelOf, writeWhole } from './files.ts';
import { Flags, type FlagSpecs } from './flags.ts';
import { lockFolder } from './folder-lock.ts';
import { otherBase } from './lineage.ts';
import { readMemory } from './memory-size.ts';
import { copyCompanions } from './model-folder.ts';
import { checkOutput } from './output-path.ts';
import type { Output } from './output.ts';
import { clearFor } from './run-folder.ts';
import { modelFlags, readWeightChoices } from './session.ts';

const CARD = 'README.md';

export const mergeFlags = {
  model: { value: 'PATH', help: 'the base: a model folder or a GGUF file' },
  adapter: { value: 'DIR', help: 'a PEFT adapter folder' },
  delta: {
    value: 'FILE',
    help: 'instead of an adapter a delta that graft export --format delta wrote, or its folder: gives the tuned model again, byte for byte',
  },
  out: { value: 'DIR', help: 'where to write the merged model folder' },
  'base-weights': {
    value: 'TYPE',
    help: 'q8_0, q4_0, q4_1 or nf4, if the adapter was trained on such a base: merge with what its blocks stand for',
  },
  'embedding-weights': modelFlags['embedding-weights'],
  'shard-size': {
    value: 'SIZE',
    help: 'the most bytes of weights in one file, such as 500MB or 2GiB; larger models get several files with an index (default 2GB)',
  },
  overwrite: { help: 'replace the result that --out holds' },
  help: modelFlags.help,
} as const satisfies FlagSpecs;

export async function mergeCommand(args: readonly string[], output: Output): Promise<void> {
  const flags = new Flags(mergeFlags, args);
  const delta = flags.text('delta');
  if (delta !== undefined) {
    const other = (['adapter', 'base-weights', 'embedding-weights', 'shard-size'] as const).find((name) =>
      flags.isGiven(name),
    );
    if (other)
      throw new GraftError(
        'arguments',
        `--delta gives the tuned weights byte for byte, and --${other} is for an adapter.`,
        'Leave one of them out.',
      );
    const [path, out] = [flags.required('model'), flags.required('out')];
    await mergeDelta(delta, { model: path, out, overwrite: flags.on('overwrite'), output });
    return;
  }
  const files = await modelOf(flags.required('model'));
  const out = flags.required('out');
  const shards = readMemory(flags, 'shard-size');
  checkOutput('--out', out, [
    { what: 'the base model', path: flags.required('model') },
    { what: 'the adapter', path: flags.required('adapter') },
  ]);
  const model = await readAnyModel(files);
  const adapter = await readCheckedPeft(folder(flags.required('adapter')), model);
  checkMergeable(adapter);
  const source = await openModelWeights(files, model);
  checkWeights(model, source);
  const release = await lockFolder(out, 'graft merge');
  try {
    await writeMerged(flags, files, { model, source, adapter, shardBytes: shards?.bytes }, out);
    const other = await otherBase(flags.required('adapter'), choicesOf(flags));
    if (other !== undefined) output.line(other);
  } finally {
    await release();
  }
  output.line(`Merged ${adapter.modules.length} layers into ${resolve(out)}`);
}

interface Parts {
  readonly model: ModelDefinition;
  readonly source: WeightSource;
  readonly adapter: AdapterData;
  readonly shardBytes: number | undefined;
}

/** The number format of the base to merge with; as stored if left out. */
function choicesOf(flags: Flags<typeof mergeFlags>): WeightChoices | undefined {
  const quantised = flags.text('base-weights') ?? flags.text('embedding-weights');
  return quantised === undefined ? undefined : readWeightChoices(flags);
}

const firstPart = (path: string): string => path.split('/')[0];

/** The files that say how an encoder makes vectors, if its folder lacks them: sentence-transformers and `graft embed` then make the same. */
async function missingSteps(
  files: FileSet,
  model: ModelDefinition,
): Promise<Readonly<Record<string, unknown>>> {
  if (model.pooling === undefined || files.list().includes(MODULES)) return {};
  const { maxPositions, channels } = model.shape;
  const window = await readWindow(files, maxPositions);
  return poolingFiles(await readPooling(files), { size: channels, window });
}

async function writeMerged(
  flags: Flags<typeof mergeFlags>,
  files: FileSet,
  { model, source, adapter, shardBytes }: Parts,
  out: string,
): Promise<void> {
  const choices = choicesOf(flags);
  const folder = await mergedFolder(files, adapter, model);
  const copied = (await companionsOf(folder)).map(({ name }) => name);
  const pooling = model.pooling && (await folder.open(`${POOLING_FOLDER}/${POOLING_FILE}`));
  const steps = await missingSteps(folder, model);
  const weights = weightFiles(mergedParts(model, source, adapter, choices), shardBytes);
  const own = [
    ...new Set([...copied, ...(pooling ? [POOLING_FOLDER] : []), ...Object.keys(steps).map(firstPart)]),
    ...[CARD, ...weights.map(({ name }) => name)],
  ];
  await clearFor(out, own, flags.on('overwrite'));
  await copyCompanions(folder, out);
  if (pooling) await writeWhole(join(out, POOLING_FOLDER, POOLING_FILE), await pooling.read(0, pooling.size));
  for (const [name, content] of Object.entries(steps))
    await writeWhole(join(out, name), new TextEncoder().encode(`${JSON.stringify(content, null, 2)}\n`));
  const adapterCard = join(flags.required('adapter'), CARD);
  const card = mergedCard({
    baseModel: basename(resolve(flags.required('model'))),
    adapter: basename(resolve(flags.required('adapter'))),
    layers: adapter.modules.length,
    formula: kindOf(adapter.config).formula,
    baseWeights: choices && describeChoices(choices),
    encodes: model.pooling !== undefined,
    ...(existsSync(adapterCard) && { adapterCard: await readFile(adapterCard, 'utf8') }),
  });
  await writeWhole(join(out, CARD), new TextEncoder().encode(card));
  // Last: the folder counts as a result once they are there.
  for (const { name, read } of weights) await writeWhole(join(out, name), read());
}
