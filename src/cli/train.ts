/** `graft train`: examples in, adapter (or model) out. */
import { loadingOf } from '../train/loading.ts';
import { afterPrompt } from '../data/questions.ts';
import { GraftError } from '../errors.ts';
import { tellUntied } from '../export/untie.ts';
import { isHeld, spread } from '../lists.ts';
import { contentOf } from '../model/content.ts';
import { parametersOf } from '../model/definition.ts';
import type { LanguageModel } from '../model/language-model.ts';
import { baseInWords } from '../model/weight-types.ts';
import { clockTime } from '../numbers.ts';
import { objectiveOf } from '../objectives/registry.ts';
import { rewardWarnings } from '../scorers/rewards/reward-warnings.ts';
import { openRewards } from '../scorers/rewards/reward.ts';
import { computingName } from '../runs/card-facts.ts';
import { earlierRun } from '../runs/earlier-runs.ts';
import {
  checkResumed,
  digestedAll,
  fingerprintOf,
  otherDevice,
  runParts,
  savedSpec,
  toldSettingsOf,
  type EarlierRun,
  type RunParts,
} from '../runs/fingerprint.ts';
import type { SaveEvery } from '../runs/save-clock.ts';
import { makeTrainable, type InitialValues, type TrainedSubject } from '../runs/trainable.ts';
import { recipeOf } from '../settings/recipe.ts';
import type { Given } from '../settings/setting.ts';
import { countSteps, specOf, type RunSpec } from '../settings/spec.ts';
import { asSaved } from '../settings/table.ts';
import { hasAdded } from '../text/added-tokens.ts';
import { findRunWarnings } from '../train/run-warnings.ts';
import type { PromptRow } from '../train/policy/prompts.ts';
import { readAskedRun, type AskedRun } from './asked-run.ts';
import { EXIT } from './exit.ts';
import { lockFolder } from './folder-lock.ts';
import { openCheck } from './forgetting.ts';
import { BUNDLED_TEXT } from './general-text.ts';
import { lineageOfCall } from './lineage.ts';
import { checkOutput } from './output-path.ts';
import type { Output } from './output.ts';
import { flagsWithRecipe } from './recipe-flags.ts';
import { tellRewardFailures } from './reward-flags.ts';
import { readPaths } from './row-flags.ts';
import { checkFree, runWrites } from './run-folder.ts';
import { startSandbox } from './sandbox.ts';
import { readSaveEvery } from './save-every.ts';
import { openSaved, runFolderOf, type SavedRun } from './saved-run.ts';
import { openSession, type LoadedModel } from './session.ts';
import { sha256 } from './sha256.ts';
import { readGiven, startKind, trainFlags, WEIGHT_PIECES, type TrainFlags } from './train-flags.ts';
import { runTraining, tellStart, type Around } from './train-run.ts';
import { version } from './version.ts';
import { warnOfAnswers } from './warn-of-answers.ts';

/** Rows whose prompts the measurement of forgetting chooses from, of a file whose rows are made as they are taken. */
const OWN_ROWS = 512;
/** Rows of such a file whose prompts are looked at for what rewards count. */
const ASKED_ROWS = 32;

export const trainCommand = (args: readonly string[], output: Output): Promise<void> => trainBy(args, output);

/** What a command that trains adds to a run: `graft demo` asks the model before and after. */
interface Added {
  /** Whether a result of Graft's own that the folder holds may be replaced unasked. */
  readonly again?: boolean;
  readonly around?: Around;
}

/** @param args as after `graft train`. @throws GraftError as `graft train` */
export async function trainBy(
  args: readonly string[],
  output: Output,
  { again = false, around }: Added = {},
): Promise<void> {
  const flags = await flagsWithRecipe(trainFlags, args, (line) => output.line(line));
  const from = flags.text('resume');
  const resumed = from === undefined ? undefined : await openSaved(from);
  // Other versions have other defaults: the run goes on with those that it began with.
  if (resumed) flags.complete(savedDefaults(resumed.saved.fingerprint, flags), resumed.path);
  const out = flags.text('out') ?? (resumed && runFolderOf(resumed)) ?? flags.required('out');
  checkOutput('--out', out, [
    { what: 'the base model', path: flags.required('model') },
    ...readPaths(flags),
    { what: 'the adapter', path: flags.text('init-adapter') },
  ]);
  const called = readGiven(flags, await startKind(flags));
  const given = resumed ? { ...savedLayout(resumed.saved.fingerprint), ...called } : called;
  const saveEvery = readSaveEvery(flags.text('save-every'));
  const pauseAfter = readPauseAfter(flags, resumed);
  // The command that runs this one has died, and the next one may want the folder.
  if (process.connected === false) process.exit(EXIT.interrupted);
  const release = await lockFolder(out, 'graft train');
  try {
    const { method } = specOf(given);
    await checkFree(out, { overwrite: flags.on('overwrite'), writes: runWrites(method), resumed, again });
    await train({ args, flags, out, output, given, saveEvery, pauseAfter, resumed, around });
  } finally {
    await release();
  }
}

/** @throws GraftError `arguments` for a step that the run has behind it */
function readPauseAfter(flags: TrainFlags, resumed: SavedRun | undefined): number | undefined {
  const step = flags.integer('pause-after', 1);
  const done = resumed?.saved.state.counters.step ?? 0;
  if (step !== undefined && step <= done)
    throw new GraftError(
      'arguments',
      `--pause-after is ${step}, and the run has done ${done} steps already.`,
      'Choose a later step, or leave it out.',
    );
  return step;
}

/** Flags of settings that depend on model and rows if they are not chosen (`specFor`). */
const DEFAULTED = ['lr', 'batch', 'accumulate', 'warmup', 'eval-every', 'patience'] as const;

/** What a saved run took of these, so far as the call does not say it. */
function savedDefaults(fingerprint: string, flags: TrainFlags): Record<string, string> {
  const saved = toldSettingsOf(fingerprint);
  const length =
    flags.isGiven('steps') || flags.isGiven('epochs') ? [] : saved['steps'] ? ['steps'] : ['epochs'];
  return Object.fromEntries(
    [...DEFAULTED, ...length].flatMap((name) => {
      const value = saved[name];
      return typeof value === 'string' ? [[name, value]] : [];
    }),
  );
}

/** How a saved run lays out its rows: as it began, if the call does not say it. */
function savedLayout(fingerprint: string): Given {
  const { sharePrefixes } = asSaved<Pick<RunSpec, 'sharePrefixes'>>(savedSpec(fingerprint) ?? {});
  return { sharePrefixes };
}

interface Call {
  readonly args: readonly string[];
  readonly flags: TrainFlags;
  readonly out: string;
  readonly output: Output;
  /** The settings that the call chooses. */
  readonly given: Given;
  readonly saveEvery: SaveEvery;
  readonly pauseAfter: number | undefined;
  readonly resumed: SavedRun | undefined;
  readonly around: Around | undefined;
}

async function train(call: Call): Promise<void> {
  const { args, flags, out, output, given, saveEvery, pauseAfter, resumed, around } = call;
  // A resumed run makes its rows again: a template that prints the date should print the same one.
  const begun = resumed?.saved.begun ?? clockTime(new Date());
  const run = await readAskedRun(flags, given, output, {
    ...{ now: new Date(begun), reports: true, hashes: true },
    // A run that was saved with a digest of all its rows makes all again.
    ...(resumed && { resumed: { mayTake: !digestedAll(resumed.saved.fingerprint) } }),
  });
  const { files, definition, tokens } = run;
  const rows = run.rows!;
  const { base, tokenizer, added } = tokens;
  const session = await openSession(flags, output, {
    ...loadingOf(run.spec),
    ...{ files, definition },
  });
  const subject = await makeSubject(session.model, run, {
    ...(base && { encode: (text, how) => base.encode(text, how) }),
    ...(isHeld(rows.train) && { rows: rows.train }),
    saved: resumed?.saved.state.values,
    report: (progress) => tellStart(progress, output),
  });
  const becomes = subject.adapter && tellUntied(subject.adapter.modules, session.model.definition);
  if (becomes !== undefined) output.line(becomes);
  const { options } = subject;
  const asks = {
    ...{ steps: countSteps(options, rows.train.length), rows: rows.train.length },
    parameters: parametersOf(definition),
  };
  const prompts = (isHeld(rows.train) ? rows.train : spread(rows.train, ASKED_ROWS)).flatMap(
    (row: PromptRow) => row.asked ?? [],
  );
  const warnings = [...findRunWarnings(options, asks), ...rewardWarnings(options.rewards ?? [], prompts)];
  for (const { what, usual } of warnings) output.line(`Warning: ${what} ${usual}`);
  if (tokenizer)
    await warnOfAnswers(
      { files, tokenizer, added, definition: session.model.definition },
      rows,
      options,
      output,
    );
  const parts = await partsOf(run, session, subject);
  const unknown = resumed
    ? checkResumed(resumed.saved.fingerprint, parts, () => earlierOf(run, session, subject))
    : [];
  if (unknown.length > 0)
    output.line(
      `An earlier version saved this run. Graft cannot check that ${unknown.join(' and ')} are the ones that it started with.`,
    );
  const before = resumed && otherDevice(resumed.saved.fingerprint, parts);
  if (before)
    output.line(
      `Warning: this run started on ${before} and continues on ${parts.device}. From here on its numbers differ in their last bits from those of an uninterrupted run.`,
    );
  // A recipe says only that forgetting is measured.
  const general = flags.text('forgetting') ?? (flags.on('forgetting') ? BUNDLED_TEXT : undefined);
  // The base has no rows for new tokens.
  const ofPart = rows.validation.length > 0 ? rows.validation : rows.train;
  const own = (isHeld(ofPart) ? ofPart : spread(ofPart, OWN_ROWS)).filter(({ ids }) => !hasAdded(added, ids));
  const check = general === undefined ? undefined : await openCheck(general, session, own);
  const isSampled = objectiveOf(options.objective).samples === true;
  const rewards = isSampled
    ? await openRewards(options.rewards!, { where: '--reward', startSandbox })
    : undefined;
  try {
    await runTraining(
      {
        ...{ args, session, out, output, begun, saveEvery, pauseAfter, resumed },
        overwrite: flags.on('overwrite'),
        json: flags.on('json'),
        subject,
        scoring: tokenizer && rewards && { tokenizer, rewards },
        baseModel: flags.required('model'),
        afterPrompt:
          tokenizer?.chatTemplate === undefined ? afterPrompt({ questions: [], places: rows.placed }) : '',
        fingerprint: fingerprintOf(parts),
        dataSha256: parts.data,
        ...(check && { check, checkEvery: flags.integer('forgetting-every') ?? 0 }),
        ...(around && { around }),
        lineage: lineageOfCall(flags, out, options, {
          recipe: recipeOf(options),
          made: {
            graft: version(),
            device: computingName(session.device),
            precision: session.model.dtype,
            base: baseInWords(session.model.weightChoices),
          },
        }),
      },
      rows,
    );
    if (rewards) tellRewardFailures(rewards, output);
  } finally {
    rewards?.close();
  }
}

/** @throws GraftError `arguments` for a target or a pattern that no layer of the model has */
async function makeSubject(
  model: LanguageModel,
  { spec, start }: AskedRun,
  beginnings: InitialValues,
): Promise<TrainedSubject> {
  try {
    return await makeTrainable(model, spec, start, beginnings);
  } catch (error) {
    if (!start && error instanceof GraftError && error.code === 'lora-config')
      throw new GraftError('arguments', error.what, error.remedy, { cause: error });
    throw error;
  }
}

/** The fingerprint that a resumed run must share with the saved one. */
async function partsOf(
  { rows }: AskedRun,
  { model, files, device }: LoadedModel,
  { options, adapter }: TrainedSubject,
): Promise<RunParts> {
  const { modelType, shape } = model.definition;
  const { vocabulary, layers, channels } = shape;
  const { bytes, hash, train: training, validation } = rows!;
  const hex = await hash?.();
  const content = {
    data: hex === undefined ? bytes : { sha256: hex },
    rows: [training, validation],
    model: { modelType, vocabulary, layers, channels },
    weights: await contentOf(files, WEIGHT_PIECES),
    base: model.held,
    modules: adapter?.modules,
    spec: { splitSeed: options.seed, ...options, precision: model.dtype },
    device: computingName(device),
  };
  return runParts(content, sha256);
}

/** The settings as an earlier version saved them. */
function earlierOf(
  { spec, asked }: AskedRun,
  { model }: LoadedModel,
  { options, adapter }: TrainedSubject,
): EarlierRun {
  const keepsColumns = objectiveOf(spec.objective).samples === true;
  return earlierRun(
    { spec: options, rows: { ...asked!, keepsColumns }, dtype: model.dtype, modules: adapter?.modules },
    sha256,
  );
}
