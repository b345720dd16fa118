import { prepareRows } from '../data/prepare.ts';
import { readExamples } from '../data/formats.ts';
import { GraftError } from '../errors.ts';
import { readPeft } from '../export/peft.ts';
import { folderShape, toFolder } from '../model/folder-layout.ts';
import { Adapter } from '../adapters/adapter.ts';
import { adapterShapes } from '../adapters/registry.ts';
import { makeTrainable } from '../runs/trainable.ts';
import { METHODS } from '../settings/registry.ts';
import { TABLE } from '../settings/table.ts';
import { computeGradients, type BatchGradients } from '../train/gradients.ts';
import { checkKind, kindOfRow, learningOf } from '../train/learning.ts';
import { checkOptions, trainOptionsOf, withUsualTargets } from '../train/options.ts';
import { concatBytes, writeSafetensors } from '../weights/safetensors.ts';
import { dataFlags, readReadOptions } from './data-flags.ts';
import { folder, readWhole, writeWhole } from './files.ts';
import { Flags, type FlagSpecs } from './flags.ts';
import { checkOutput } from './output-path.ts';
import type { Output } from './output.ts';
import { modelFlags, openSession, tokenizerOf } from './session.ts';
import { checkOwners, readSettings, settingFlags } from './setting-flags.ts';

/** What a loss depends on. The reference policy is the bare base. */
const OBJECTIVE_SETTINGS = TABLE.settings.filter(
  (setting) =>
    setting.name === 'objective' || (TABLE.owners(setting).objective && setting.name !== 'reference'),
);

const METHOD_NAMES = METHODS.map(({ name }) => name);

export const gradientsFlags = {
  ...modelFlags,
  adapter: { value: 'DIR', help: 'a PEFT adapter folder (default: a new adapter on all linear layers)' },
  method: {
    value: 'M',
    help: `a new adapter of this kind, or all base weights: ${METHOD_NAMES.join(', ')} (default: ${METHOD_NAMES[0]})`,
  },
  targets: { value: 'A,B', help: 'layers of the new adapter (default: as graft train has them)' },
  ...dataFlags,
  ...settingFlags(OBJECTIVE_SETTINGS),
  rows: { value: 'N', help: 'the first N rows are the batch (default: all)' },
  out: {
    value: 'FILE',
    help: "where to write loss [1], the gradients under PEFT's names, and log-probabilities of answers where the objective is made of them, as safetensors",
  },
} as const satisfies FlagSpecs;

function asF32(name: string, shape: readonly number[], data: Float32Array<ArrayBuffer>) {
  return { name, dtype: 'F32' as const, shape, data };
}

export async function gradientsCommand(args: readonly string[], output: Output): Promise<void> {
  const flags = new Flags(gradientsFlags, args);
  const out = flags.required('out');
  const method = flags.choice('method', METHOD_NAMES);
  const full = method === 'full';
  const adapterPath = flags.text('adapter');
  const targets = flags.list('targets');
  if (adapterPath !== undefined && (method !== undefined || targets !== undefined))
    throw new GraftError(
      'arguments',
      `--adapter names an adapter that is there, and --${method === undefined ? 'targets' : 'method'} a new one.`,
      'Give one of them.',
    );
  const path = flags.required('data');
  checkOutput('--out', out, [
    { what: 'the model', path: flags.required('model') },
    { what: 'the data', path },
    { what: 'the adapter', path: adapterPath },
  ]);
  const given = readSettings(flags, OBJECTIVE_SETTINGS);
  checkOwners(OBJECTIVE_SETTINGS, given);
  const options = trainOptionsOf(given);
  checkOptions(options);
  const learning = learningOf(options);
  const { examples } = readExamples(await readWhole(path), readReadOptions(flags));
  const { model, files } = await openSession(flags, output, { trainable: full, precision: 'f32' });
  const { shape } = model.definition;
  const { rows } = prepareRows(examples.slice(0, flags.whole('rows', 1)), await tokenizerOf(files), {
    maxLength: shape.maxPositions,
    vocabSize: shape.vocabulary,
  });
  if (rows.length === 0)
    throw new GraftError(
      'train-rows',
      `${path} has no row with a supervised token.`,
      'Give a file with examples.',
    );

  for (const row of rows) checkKind(learning.objective, kindOfRow(row));
  let adapter: Adapter | undefined;
  if (!full) {
    if (adapterPath === undefined) {
      const fresh = withUsualTargets(trainOptionsOf({ method, targets }), model.definition);
      adapter = (await makeTrainable(model, fresh)).trainable.adapter;
    } else {
      const { modules, tensors } = await readPeft(folder(adapterPath), model.definition);
      adapter = new Adapter(model.device, modules, tensors, { trainable: true });
    }
  }
  const store = adapter?.store ?? model.parameters!;
  const computed = await computeGradients({ model, adapter, store }, rows, { learning });
  const { loss, gradients } = computed;
  const tensors = adapter
    ? [...adapterShapes(adapter.modules)].map(([name, shape]) => asF32(name, shape, gradients.get(name)!))
    : model.definition.weights.map((spec) =>
        asF32(spec.name, folderShape(spec), toFolder(spec, gradients.get(spec.name)!)),
      );
  await writeWhole(
    out,
    concatBytes(
      writeSafetensors([asF32('loss', [1], Float32Array.of(loss)), ...answersOf(computed), ...tensors]),
    ),
  );
  output.line(
    `Loss ${loss.toFixed(6)} over ${rows.length} rows; wrote ${tensors.length} gradients to ${out}`,
  );
}

/** Log-probabilities of both answers of each pair, f32 [N]. */
function answersOf({
  logProbabilities,
  referenceLogProbabilities,
}: BatchGradients): ReturnType<typeof asF32>[] {
  const sides = (prefix: string, values: Float32Array | undefined): ReturnType<typeof asF32>[] =>
    values
      ? ['chosen', 'rejected'].map((side, at) =>
          asF32(
            `${prefix}${side}_logps`,
            [values.length / 2],
            Float32Array.from(values.filter((_, i) => i % 2 === at)),
          ),
        )
      : [];
  return [...sides('', logProbabilities), ...sides('ref_', referenceLogProbabilities)];
}
