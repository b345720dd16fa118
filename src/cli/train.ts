/** `graft train`: examples in, adapter (or model) out. */
import { GraftError } from '../errors.ts';
import { readPeft, type AdapterData } from '../export/peft.ts';
import { contentOf } from '../model/content.ts';
import { parametersOf, readModel } from '../model/family.ts';
import { Adapter, initialTensors, loraModules } from '../model/lora.ts';
import { findDoubts } from '../train/doubts.ts';
import { countSteps, defaultWarmup, type TrainOptions } from '../train/options.ts';
import type { Trainable } from '../train/step-plans.ts';
import { folder, modelOf, readWhole } from './files.ts';
import { readRowOptions } from './data-flags.ts';
import { Flags } from './flags.ts';
import { lockFolder } from './folder-lock.ts';
import { checkOutput } from './output-path.ts';
import type { Output } from './output.ts';
import { reportData } from './report-data.ts';
import { checkResumed, clockTime, fingerprintOf, runParts, type RunParts } from './resume.ts';
import { checkFree } from './run-folder.ts';
import { readSaveEvery, type SaveEvery } from './save-clock.ts';
import { openSaved, runFolderOf, type SavedRun } from './saved-run.ts';
import { openSession, tokenizerOf, type Session } from './session.ts';
import { makeRunRows, readRunFiles, type RunRows } from './train-data.ts';
import {
  checkLength,
  readDataOptions,
  readTrainOptions,
  trainFlags,
  type DataOptions,
  type TrainFlags,
} from './train-flags.ts';
import { runTraining } from './train-run.ts';

/** Pieces of a file of weights by which a resumed run knows it again: a megabyte, and several in every layer. */
const WEIGHT_PIECES = 256;

export async function trainCommand(args: readonly string[], output: Output): Promise<void> {
  const flags = new Flags(trainFlags, args);
  const from = flags.text('resume');
  const resumed = from === undefined ? undefined : await openSaved(from);
  const out = flags.text('out') ?? (resumed && runFolderOf(resumed)) ?? flags.required('out');
  const rows = readRowOptions(flags);
  checkOutput('--out', out, [
    { what: 'the base model', path: flags.required('model') },
    { what: 'the data', path: flags.required('data') },
    { what: 'the test data', path: rows.test },
    ...(rows.more ?? []).map((path) => ({ what: 'the data', path })),
    { what: 'the adapter', path: flags.text('init-adapter') },
  ]);
  const asked = readTrainOptions(flags);
  const saveEvery = readSaveEvery(flags.text('save-every'));
  const release = await lockFolder(out, 'graft train');
  try {
    await checkFree(out, { overwrite: flags.on('overwrite'), resumed });
    await train({ args, flags, out, output, asked, saveEvery, resumed });
  } finally {
    await release();
  }
}

interface Call {
  readonly args: readonly string[];
  readonly flags: TrainFlags;
  readonly out: string;
  readonly output: Output;
  readonly asked: TrainOptions;
  readonly saveEvery: SaveEvery;
  readonly resumed: SavedRun | undefined;
}

async function train({ args, flags, out, output, asked, saveEvery, resumed }: Call): Promise<void> {
  const dataOptions = readDataOptions(flags, asked.seed);
  const bytes = await readWhole(flags.required('data'));
  const read = await readRunFiles(bytes, dataOptions, output);

  // Before gigabytes of weights are loaded.
  const files = await modelOf(flags.required('model'));
  const { shape } = await readModel(files);
  if (flags.text('max-length') !== undefined) checkLength(asked.maxLength, shape);
  const maxLength = Math.min(asked.maxLength, shape.maxPositions);
  const session = await openSession(flags, output, { trainable: asked.method === 'full', files });
  // A resumed run makes its rows anew: a template that tells the date should tell the one that it told first.
  const begun = resumed?.saved.begun ?? clockTime(new Date());
  const rows = makeRunRows(
    read,
    await tokenizerOf(files),
    { maxLength, vocabSize: shape.vocabulary, now: new Date(begun) },
    dataOptions,
    output,
  );
  reportData(output, rows.told);

  const { trainable, adapter } = await createTrainable(flags, session, asked);
  const steps = countSteps(asked, rows.train.length);
  const options: TrainOptions = {
    ...asked,
    maxLength,
    warmup: flags.text('warmup') === undefined ? defaultWarmup(steps) : asked.warmup,
    // An adapter that is trained on has settings of its own.
    lora: adapter?.config ?? asked.lora,
    evalEvery: flags.text('eval-every') === undefined && rows.validation.length > 0 ? steps : asked.evalEvery,
  };
  const asks = { steps, rows: rows.train.length, parameters: parametersOf(session.model.definition) };
  for (const { what, usual } of findDoubts(options, asks)) output.line(`Warning: ${what} ${usual}`);
  const parts = await partsOf(bytes, rows, session, options, dataOptions, adapter);
  const unknown = resumed ? checkResumed(resumed.saved.fingerprint, parts) : [];
  if (unknown.length > 0)
    output.line(
      `An earlier version saved this run. Graft cannot check that ${unknown.join(' and ')} are the ones it began with.`,
    );
  await runTraining(
    {
      args,
      session,
      options,
      trainable,
      adapter,
      baseModel: flags.required('model'),
      out,
      output,
      fingerprint: fingerprintOf(parts),
      begun,
      saveEvery,
      resumed,
    },
    rows,
  );
}

async function createTrainable(
  flags: TrainFlags,
  session: Session,
  options: TrainOptions,
): Promise<{ trainable: Trainable; adapter?: AdapterData }> {
  const { model } = session;
  const path = flags.text('init-adapter');
  if (options.method === 'full') {
    if (path !== undefined)
      throw new GraftError(
        'arguments',
        '--init-adapter is for LoRA.',
        'Merge the adapter first, and train the merged model.',
      );
    return { trainable: { model, store: model.parameters! } };
  }
  let data: AdapterData;
  if (path === undefined) {
    const modules = loraModules(model.definition, options.lora);
    data = { config: options.lora, modules, tensors: initialTensors(modules, options.seed) };
  } else {
    const read = await readPeft(folder(path), model.definition);
    data = { ...read, config: { ...read.config, dropout: flags.number('dropout') ?? read.config.dropout } };
  }
  const adapter = new Adapter(model.device, data.modules, data.tensors, {
    trainable: true,
    rateRatio: options.rateRatio,
  });
  return { trainable: { model, adapter, store: adapter.store }, adapter: data };
}

/** What a resumed run must share with the saved one. */
async function partsOf(
  data: Uint8Array,
  { train: training, validation }: RunRows,
  { model, files }: Session,
  options: TrainOptions,
  dataOptions: DataOptions,
  adapter: AdapterData | undefined,
): Promise<RunParts> {
  const {
    modelType,
    shape: { vocabulary, layers, channels },
  } = model.definition;
  return runParts({
    data,
    rows: [training, validation],
    model: { modelType, vocabulary, layers, channels },
    weights: await contentOf(files, WEIGHT_PIECES),
    base: model.weightChoices,
    settings: { options, dataOptions, dtype: model.dtype, modules: adapter?.modules },
  });
}
