import { learnerOf } from '../adapters/learners.ts';
import { prepareRows } from '../data/prepare.ts';
import { readExamples } from '../data/formats.ts';
import { GraftError } from '../errors.ts';
import { readCheckedPeft } from '../export/checked-peft.ts';
import { folderShape, toFolder } from '../model/folder-layout.ts';
import type { LabelledTokens } from '../model/batch.ts';
import type { LanguageModel } from '../model/language-model.ts';
import { Adapter } from '../adapters/adapter.ts';
import { adapterShapes } from '../adapters/registry.ts';
import { checkEncoder, longestOf, readModelFor } from '../runs/run-model.ts';
import { makeTrainable } from '../runs/trainable.ts';
import type { Objective } from '../objectives/objective.ts';
import { FULL_SETTINGS } from '../adapters/full/settings.ts';
import { METHODS } from '../settings/registry.ts';
import { settingOf, TABLE } from '../settings/table.ts';
import { mayShare } from '../train/buckets.ts';
import { computeGradients, type BatchGradients } from '../train/gradients.ts';
import { checkKind, kindOfRow, learningOf } from '../train/learning.ts';
import { policyGradients, type PolicyGradients } from '../train/policy/gradients.ts';
import type { Trainable } from '../train/step-plans.ts';
import { concatBytes, writeSafetensors } from '../weights/safetensors.ts';
import { dataFlags, readReadOptions } from './row-flags.ts';
import { checkReading } from './file-kinds.ts';
import { folder, modelOf, readWhole, writeWhole } from './files.ts';
import { Flags, type FlagSpecs } from './flags.ts';
import { checkFile, checkOutput } from './output-path.ts';
import type { Output } from './output.ts';
import { readPolicyRows } from './policy-rows.ts';
import { modelFlags, openSession, folderTokenizer, tokenizerOfAdapter } from './session.ts';
import { checkOwners, settingsOfFlags, settingFlags } from './setting-flags.ts';
import { checkSpec, specOf, specWithIdle } from '../settings/spec.ts';
import { withUsualTargets } from '../adapters/chosen.ts';

/** The inputs of a loss. The reference policy is the base model alone. */
const OBJECTIVE_SETTINGS = TABLE.settings.filter(
  (setting) =>
    setting.name === 'objective' || (TABLE.owners(setting).objective && setting.name !== 'reference'),
);

const SHARING = [settingOf('sharePrefixes')];

const METHOD_NAMES = METHODS.map(({ name }) => name);

export const gradientsFlags = {
  ...modelFlags,
  adapter: { value: 'DIR', help: 'a PEFT adapter folder (default: a new adapter on all linear layers)' },
  method: {
    value: 'M',
    help: `a new adapter of this kind, or all base weights: ${METHOD_NAMES.join(', ')} (default: ${METHOD_NAMES[0]})`,
  },
  targets: { value: 'A,B', help: 'layers of the new adapter (default: as graft train has them)' },
  ...settingFlags(FULL_SETTINGS),
  ...dataFlags,
  ...settingFlags(OBJECTIVE_SETTINGS),
  ...settingFlags(SHARING),
  rows: { value: 'N', help: 'the first N rows are the batch (default: all)' },
  out: {
    value: 'FILE',
    help: "where to write loss [1], the gradients under PEFT's names, and, if the objective compares answers, their log-probabilities and its reports, as safetensors",
  },
  overwrite: { help: 'replace the file that is at --out' },
} as const satisfies FlagSpecs;

function asF32(name: string, shape: readonly number[], data: Float32Array<ArrayBuffer>) {
  return { name, dtype: 'F32' as const, shape, data };
}

export async function gradientsCommand(args: readonly string[], output: Output): Promise<void> {
  const flags = new Flags(gradientsFlags, args);
  const out = flags.required('out');
  const method = flags.choice('method', METHOD_NAMES);
  const full = learnerOf({ method }).trainsModel === true;
  const adapterPath = flags.text('adapter');
  const targets = flags.list('targets');
  if (adapterPath !== undefined && (method !== undefined || targets !== undefined))
    throw new GraftError(
      'arguments',
      `--adapter names an adapter that is there, and --${method === undefined ? 'targets' : 'method'} a new one.`,
      'Give one of them.',
    );
  const path = flags.required('data');
  await checkReading(flags);
  checkOutput('--out', out, [
    { what: 'the model', path: flags.required('model') },
    { what: 'the data', path },
    { what: 'the adapter', path: adapterPath },
  ]);
  checkFile('--out', out, flags.on('overwrite'));
  const part = FULL_SETTINGS.find(({ flag }) => flags.isGiven(flag));
  if (part && !full)
    throw new GraftError('arguments', `--${part.flag} is for --method full.`, 'Leave it out.');
  const given = { ...settingsOfFlags(flags, OBJECTIVE_SETTINGS), ...settingsOfFlags(flags, SHARING) };
  checkOwners(OBJECTIVE_SETTINGS, given);
  const options = specWithIdle(given);
  checkSpec(options);
  const learning = learningOf(options);
  const bytes = await readWhole(path);
  const named = await modelOf(flags.required('model'));
  const definition = await readModelFor(learning.objective, named);
  checkEncoder(learning.objective, options);
  const { model, files } = await openSession(flags, output, {
    trainable: full && settingsOfFlags(flags, FULL_SETTINGS),
    precision: 'f32',
    ...{ files: named, definition },
  });
  const there = adapterPath === undefined ? undefined : await trainableOf(model, adapterPath);
  if (learning.objective.samples) {
    const rows = readPolicyRows(new TextDecoder().decode(bytes), path, {
      rows: flags.integer('rows', 1),
      scaleRewards: options.scaleRewards!,
    });
    const trainable = there ?? (await newTrainable(model, { method, targets }, rows));
    for (const { ids } of rows) model.checkIds(ids, trainable.adapter);
    const computed = await policyGradients(trainable, [rows], learning, {
      sharePrefixes: mayShare(options),
    });
    await write(out, output, trainable, computed, rows.length, sampledTensors(computed));
    return;
  }
  const { examples } = readExamples(bytes, readReadOptions(flags));
  const base = await folderTokenizer(files);
  const tokenizer =
    adapterPath === undefined || !there?.adapter
      ? base
      : await tokenizerOfAdapter(adapterPath, there.adapter, files, base);
  const { rows } = prepareRows(examples.slice(0, flags.integer('rows', 1)), tokenizer, {
    maxLength: await longestOf(definition, named),
    encodes: learning.objective.encodes,
    vocabSize: model.vocabularyWith(there?.adapter),
  });
  if (rows.length === 0)
    throw new GraftError(
      'train-rows',
      `${path} has no row with a supervised token.`,
      'Give a file with examples.',
    );

  for (const row of rows) checkKind(learning.objective, kindOfRow(row));
  const trainable = there ?? (await newTrainable(model, { method, targets }, rows));
  const computed = await computeGradients(trainable, rows, {
    learning,
    sharePrefixes: mayShare(options),
  });
  await write(out, output, trainable, computed, rows.length, [
    ...answersOf(learning.objective, computed),
    ...reportOf(computed),
  ]);
}

type Tensors = ReturnType<typeof asF32>[];

/** An adapter of a folder. */
async function trainableOf(model: LanguageModel, path: string): Promise<Trainable> {
  const { modules, tensors } = await readCheckedPeft(folder(path), model.definition);
  const adapter = new Adapter(model.device, modules, tensors, { trainable: true });
  return { model, adapter, store: adapter.store };
}

/** A new adapter, or all weights. @param rows for an adapter that starts from rows */
async function newTrainable(
  model: LanguageModel,
  {
    method,
    targets,
  }: {
    readonly method: (typeof METHOD_NAMES)[number] | undefined;
    readonly targets: readonly string[] | undefined;
  },
  rows: readonly LabelledTokens[],
): Promise<Trainable> {
  if (model.parameters) return { model, store: model.parameters };
  const fresh = withUsualTargets(specOf({ method, targets }), model.definition);
  return (await makeTrainable(model, fresh, undefined, { rows })).trainable;
}

async function write(
  out: string,
  output: Output,
  { model, adapter }: Trainable,
  { loss, gradients }: Pick<BatchGradients, 'loss' | 'gradients'>,
  rows: number,
  beside: Tensors,
): Promise<void> {
  const tensors = adapter
    ? [...adapterShapes(adapter.modules)].map(([name, shape]) => asF32(name, shape, gradients.get(name)!))
    : model.definition.weights
        .filter(({ name }) => gradients.has(name))
        .map((spec) => asF32(spec.name, folderShape(spec), toFolder(spec, gradients.get(spec.name)!)));
  await writeWhole(
    out,
    concatBytes(writeSafetensors([asF32('loss', [1], Float32Array.of(loss)), ...beside, ...tensors])),
  );
  output.line(`Loss ${loss.toFixed(6)} over ${rows} rows; wrote ${tensors.length} gradients to ${out}`);
}

/** Log-probabilities of the tokens of each row, 0 after its end, with a mask; and the objective's reports, each f32 [1]. */
function sampledTensors({ logProbabilities, report }: PolicyGradients): Tensors {
  const N = logProbabilities.length;
  const T = Math.max(...logProbabilities.map(({ length }) => length));
  const [logps, mask] = [new Float32Array(N * T), new Float32Array(N * T)];
  logProbabilities.forEach((values, row) => {
    logps.set(values, row * T);
    mask.fill(1, row * T, row * T + values.length);
  });
  return [asF32('logps', [N, T], logps), asF32('mask', [N, T], mask), ...reportOf({ report })];
}

/** Log-probabilities of both sequences of each row, f32 [N], by the trained policy and by the reference. */
function answersOf(
  { sequences }: Objective,
  { logProbabilities, referenceLogProbabilities }: BatchGradients,
): Tensors {
  const sides = (prefix: string, values: Float32Array | undefined): Tensors =>
    values && sequences
      ? sequences.map((name, at) =>
          asF32(
            `${prefix}${name}`,
            [values.length / 2],
            Float32Array.from(values.filter((_, i) => i % 2 === at)),
          ),
        )
      : [];
  return [...sides('', logProbabilities), ...sides('ref_', referenceLogProbabilities)];
}

/** The objective's reports of the batch, [1] each. */
function reportOf({ report = {} }: Pick<BatchGradients, 'report'>): Tensors {
  return Object.entries(report).map(([name, value]) => asF32(name, [1], Float32Array.of(value ?? NaN)));
}
