/** `graft train`: examples in, adapter (or model) out. */
import { kindOf } from '../adapters/registry.ts';
import { afterPrompt } from '../data/questions.ts';
import type { Bytes } from '../data/lines.ts';
import { GraftError } from '../errors.ts';
import { isHeld, spread } from '../lists.ts';
import { readPeft, type AdapterData } from '../export/peft.ts';
import { tellUntied } from '../export/untie.ts';
import { contentOf } from '../model/content.ts';
import { parametersOf, readModel } from '../model/family.ts';
import type { LanguageModel } from '../model/language-model.ts';
import { checkLastLayers } from '../model/trained-part.ts';
import { baseInWords } from '../model/weight-types.ts';
import { deviceName } from '../runs/card-facts.ts';
import {
  checkResumed,
  clockTime,
  digestedAll,
  fingerprintOf,
  otherDevice,
  toldSettingsOf,
  runParts,
  type RunParts,
  type ToldSettings,
} from '../runs/fingerprint.ts';
import type { SaveEvery } from '../runs/save-clock.ts';
import { makeTrainable, type AdapterShape, type Beginnings, type Subject } from '../runs/trainable.ts';
import { objectiveOf } from '../objectives/registry.ts';
import { doubtRewards } from '../rewards/doubts.ts';
import { openRewards } from '../rewards/reward.ts';
import { rowsFor } from '../runs/asked-rows.ts';
import { hasAdded } from '../text/added-tokens.ts';
import type { Given } from '../settings/setting.ts';
import { optimiserOf } from '../optimisers/registry.ts';
import { findDoubts } from '../train/doubts.ts';
import {
  adapterConfigOf,
  checkOptions,
  countSteps,
  optionsFor,
  trainOptionsOf,
  withUsualTargets,
  type TrainOptions,
} from '../train/options.ts';
import type { PromptRow } from '../train/policy/prompts.ts';
import { newTokensOf, vocabularyOf, withTokens } from './asked-run.ts';
import { folder, modelOf, openBytes } from './files.ts';
import { readReadOptions, readRowOptions } from './data-flags.ts';
import { checkReading } from './file-kinds.ts';
import { lockFolder } from './folder-lock.ts';
import { openCheck } from './forgetting.ts';
import { BUNDLED_TEXT } from './general-text.ts';
import { lineageOf } from './lineage.ts';
import { checkOutput } from './output-path.ts';
import type { Output } from './output.ts';
import { tellFailures } from './reward-flags.ts';
import { flagsWithRecipe } from './recipe-flags.ts';
import { chosenSettings, recipeOfRun } from './recipe.ts';
import { reportData } from './report-data.ts';
import { version } from './version.ts';
import { checkFree, runWrites } from './run-folder.ts';
import { readSaveEvery } from './save-every.ts';
import { openSaved, runFolderOf, type SavedRun } from './saved-run.ts';
import { startSandbox } from './sandbox.ts';
import { openSession, tokenizerOf, type Session } from './session.ts';
import { sha256 } from './sha256.ts';
import { toldSettings } from './told-settings.ts';
import { areTaken, takeRunRows } from './taken-rows.ts';
import { makeRunRows, readRunFiles, type RunRows } from './train-data.ts';
import {
  checkLength,
  checkOverlap,
  readDataOptions,
  readGiven,
  startKind,
  trainFlags,
  type DataOptions,
  type TrainFlags,
} from './train-flags.ts';
import { runTraining, tellStart } from './train-run.ts';
import { warnOfAnswers } from './warn-of-answers.ts';

/** Rows whose prompts the measurement of forgetting chooses from, of a file whose rows are made as they are taken. */
const OWN_ROWS = 512;
/** Samples of a file of weights that identify it for a resumed run: a megabyte in all, several in every layer. */
const WEIGHT_PIECES = 256;

export async function trainCommand(args: readonly string[], output: Output): Promise<void> {
  const flags = await flagsWithRecipe(trainFlags, args, (line) => output.line(line));
  const from = flags.text('resume');
  const resumed = from === undefined ? undefined : await openSaved(from);
  // Other versions have other defaults: the run goes on with those that it began with.
  if (resumed) flags.complete(savedDefaults(resumed.saved.fingerprint, flags), resumed.path);
  const out = flags.text('out') ?? (resumed && runFolderOf(resumed)) ?? flags.required('out');
  const rows = readRowOptions(flags);
  checkOutput('--out', out, [
    { what: 'the base model', path: flags.required('model') },
    { what: 'the data', path: readReadOptions(flags).fileName },
    { what: 'the test data', path: rows.test },
    ...(rows.more ?? []).map((path) => ({ what: 'the data', path })),
    { what: 'the adapter', path: flags.text('init-adapter') },
  ]);
  const given = readGiven(flags, await startKind(flags));
  await checkReading(flags);
  const saveEvery = readSaveEvery(flags.text('save-every'));
  const release = await lockFolder(out, 'graft train');
  try {
    const { method } = trainOptionsOf(given);
    await checkFree(out, { overwrite: flags.on('overwrite'), writes: runWrites(method), resumed });
    await train({ args, flags, out, output, given, saveEvery, resumed });
  } finally {
    await release();
  }
}

/** Flags of settings that depend on model and rows where they are not chosen ({@link optionsFor}). */
const DEFAULTED = ['lr', 'batch', 'accumulate', 'warmup', 'eval-every', 'patience'] as const;

/** What a saved run took of these, so far as the call does not say it. */
function savedDefaults(fingerprint: string, flags: TrainFlags): Record<string, string> {
  const told = toldSettingsOf(fingerprint);
  const length =
    flags.isGiven('steps') || flags.isGiven('epochs') ? [] : told['steps'] ? ['steps'] : ['epochs'];
  return Object.fromEntries(
    [...DEFAULTED, ...length].flatMap((name) => {
      const value = told[name];
      return typeof value === 'string' ? [[name, value]] : [];
    }),
  );
}

interface Call {
  readonly args: readonly string[];
  readonly flags: TrainFlags;
  readonly out: string;
  readonly output: Output;
  /** The settings of the trainer that the call chooses. */
  readonly given: Given;
  readonly saveEvery: SaveEvery;
  readonly resumed: SavedRun | undefined;
}

async function train({ args, flags, out, output, given, saveEvery, resumed }: Call): Promise<void> {
  const chosen = trainOptionsOf(given);
  const isSampled = objectiveOf(chosen.objective).rows === 'prompts';
  const dataOptions = readDataOptions(flags, chosen.seed, isSampled);
  const bytes = await openBytes(dataOptions.read.fileName);
  const read = await readRunFiles(bytes, dataOptions, output);

  // Checked before gigabytes of weights are loaded.
  const files = await modelOf(flags.required('model'));
  const definition = await readModel(files);
  const { shape } = definition;
  if (flags.text('max-length') !== undefined) checkLength(chosen.maxLength, shape);
  if (!resumed) checkLastLayers(shape, chosen);
  const maxLength = Math.min(chosen.maxLength, shape.maxPositions);
  checkOverlap(dataOptions.text?.overlap, maxLength);
  const base = await tokenizerOf(files);
  const path = flags.text('init-adapter');
  const start = path === undefined ? undefined : await readPeft(folder(path), definition);
  const { added, tokenizer } = await newTokensOf(flags, chosen, { files, base, start });
  const session = await openSession(flags, output, {
    ...(chosen.method === 'full' && { trainable: chosen }),
    state: optimiserOf(chosen.optimiser).kernel.planes,
    files,
  });
  // A resumed run makes its rows again: a template that prints the date should print the same one.
  const begun = resumed?.saved.begun ?? clockTime(new Date());
  const vocabSize = vocabularyOf(definition, added);
  const limits = { maxLength, vocabSize, now: new Date(begun) };
  const made =
    tokenizer && areTaken(read, dataOptions) && takesRows(chosen, resumed)
      ? takeRunRows(read, tokenizer, limits, dataOptions, output)
      : makeRunRows(read, tokenizer, limits, dataOptions, output);
  reportData(output, made.told);
  const forObjective = (some: RunRows['train']): RunRows['train'] =>
    isHeld(some) ? rowsFor(chosen.objective, some, made.placed) : some;
  const rows: RunRows = {
    ...made,
    train: forObjective(made.train),
    validation: forObjective(made.validation),
  };
  const parameters = parametersOf(definition);
  const about = { parameters, rows: rows.train.length, validation: rows.validation.length };
  const asked = withTokens({ ...optionsFor(given, about), maxLength }, flags, added);
  checkOptions(asked);

  const subject = await makeSubject(
    flags,
    session.model,
    { asked, start },
    {
      ...(base && { encode: (text, how) => base.encode(text, how) }),
      ...(isHeld(rows.train) && { rows: rows.train }),
      saved: resumed?.saved.state.values,
      tell: (progress) => tellStart(progress, output),
    },
  );
  const becomes = subject.adapter && tellUntied(subject.adapter.modules, session.model.definition);
  if (becomes !== undefined) output.line(becomes);
  const steps = countSteps(asked, rows.train.length);
  // A run that starts from an adapter has that adapter's kind and settings.
  const { options } = subject;
  const asks = { steps, rows: rows.train.length, parameters };
  const prompts = isHeld(rows.train) ? rows.train.flatMap((row: PromptRow) => row.asked ?? []) : [];
  const doubts = [...findDoubts(options, asks), ...doubtRewards(asked.rewards ?? [], prompts)];
  for (const { what, usual } of doubts) output.line(`Warning: ${what} ${usual}`);
  if (tokenizer)
    await warnOfAnswers(
      { files, tokenizer, added, definition: session.model.definition },
      made,
      options,
      output,
    );
  const told = toldSettings(flags, options, session.model.dtype);
  const parts = await partsOf(bytes, rows, session, { options, dataOptions, told }, subject.adapter);
  const unknown = resumed ? checkResumed(resumed.saved.fingerprint, parts) : [];
  if (unknown.length > 0)
    output.line(
      `An earlier version saved this run. Graft cannot check that ${unknown.join(' and ')} are the ones it began with.`,
    );
  const before = resumed && otherDevice(resumed.saved.fingerprint, parts);
  if (before)
    output.line(
      `Warning: this run began on ${before} and continues on ${parts.device}. From here on its numbers differ in their last bits from those of an uninterrupted run.`,
    );
  // A recipe says only that forgetting is measured.
  const general = flags.text('forgetting') ?? (flags.on('forgetting') ? BUNDLED_TEXT : undefined);
  // The base has no rows for new tokens.
  const ofPart = rows.validation.length > 0 ? rows.validation : rows.train;
  const own = (isHeld(ofPart) ? ofPart : spread(ofPart, OWN_ROWS)).filter(({ ids }) => !hasAdded(added, ids));
  const check = general === undefined ? undefined : await openCheck(general, session, own);
  const rewards = isSampled
    ? await openRewards(asked.rewards!, { where: '--reward', startSandbox })
    : undefined;
  try {
    await runTraining(
      {
        ...{ args, session, out, output, begun, saveEvery, resumed },
        overwrite: flags.on('overwrite'),
        json: flags.on('json'),
        subject,
        scoring: tokenizer && rewards && { tokenizer, rewards },
        baseModel: flags.required('model'),
        afterPrompt:
          tokenizer?.chatTemplate === undefined ? afterPrompt({ questions: [], places: rows.placed }) : '',
        fingerprint: fingerprintOf(parts),
        ...(check && { check, checkEvery: flags.whole('forgetting-every') ?? 0 }),
        lineage: lineageOf(
          flags,
          out,
          {
            splitSeed: dataOptions.splitSeed,
            maxLength,
            objective: asked.objective,
            reference: asked.reference,
            rewards: isSampled ? asked.rewards : undefined,
          },
          {
            recipe: recipeOfRun(options, chosenSettings(flags), start !== undefined),
            made: {
              graft: version(),
              device: deviceName(session.device.adapter),
              precision: session.model.dtype,
              base: baseInWords(session.model.weightChoices),
            },
          },
        ),
      },
      rows,
    );
    if (rewards) tellFailures(rewards, output);
  } finally {
    rewards?.close();
  }
}

/** @throws GraftError `arguments` for a target or a pattern that no layer of the model has */
async function newSubject(
  model: LanguageModel,
  asked: TrainOptions,
  beginnings: Beginnings,
): Promise<Subject> {
  try {
    return await makeTrainable(model, withUsualTargets(asked, model.definition), undefined, beginnings);
  } catch (error) {
    if (error instanceof GraftError && error.code === 'lora-config')
      throw new GraftError('arguments', error.what, error.remedy, { cause: error });
    throw error;
  }
}

async function makeSubject(
  flags: TrainFlags,
  model: LanguageModel,
  { asked, start }: { readonly asked: TrainOptions; readonly start: AdapterData | undefined },
  beginnings: Beginnings,
): Promise<Subject> {
  if (!start) return newSubject(model, asked, beginnings);
  const own = kindOf(start.config).settings(start.config)['dropout'];
  const dropout = flags.number('dropout') ?? (typeof own === 'number' ? own : 0);
  return makeTrainable(model, { ...asked, lora: { ...asked.lora, dropout } }, start, beginnings);
}

/**
 * Whether a run needs no row before it takes it: no adapter that begins from rows, no sampling. A run that was saved with a digest of all its rows
 * makes all again.
 */
function takesRows({ method, objective, ...asked }: TrainOptions, resumed: SavedRun | undefined): boolean {
  const fromRows = method !== 'full' && kindOf(adapterConfigOf({ ...asked, method })).fromRows !== undefined;
  return (
    objectiveOf(objective).rows === 'answers' &&
    !fromRows &&
    !(resumed && digestedAll(resumed.saved.fingerprint))
  );
}

/** The fingerprint that a resumed run must share with the saved one. */
async function partsOf(
  data: Bytes,
  { train: training, validation }: RunRows,
  { model, files, device }: Session,
  { told, ...settings }: { options: TrainOptions; dataOptions: DataOptions; told: ToldSettings },
  adapter: AdapterShape | undefined,
): Promise<RunParts> {
  const {
    modelType,
    shape: { vocabulary, layers, channels },
  } = model.definition;
  const content = {
    data,
    rows: [training, validation],
    model: { modelType, vocabulary, layers, channels },
    weights: await contentOf(files, WEIGHT_PIECES),
    base: model.held,
    settings: { ...settings, dtype: model.dtype, modules: adapter?.modules },
    told,
    device: deviceName(device.adapter),
  };
  return runParts(content, sha256);
}
