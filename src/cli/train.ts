/** `graft train`: examples in, adapter (or model) out. */
import { closeSync, existsSync, openSync, writeSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { PreparedRow } from '../data/prepare.ts';
import { GraftError } from '../errors.ts';
import { readPeft, writePeft, type AdapterData } from '../export/peft.ts';
import type { CardFacts } from '../export/model-card.ts';
import { contentOf } from '../model/content.ts';
import { readModel } from '../model/family.ts';
import { Adapter, initialTensors, loraModules } from '../model/lora.ts';
import { describeChoices } from '../model/weight-types.ts';
import type { StepEvent, TrainEvent } from '../train/events.ts';
import { countSteps, defaultWarmup, type TrainOptions } from '../train/options.ts';
import { readState, writeState, type SavedState } from '../train/state-files.ts';
import { Trainer } from '../train/trainer.ts';
import type { Trainable } from '../train/step-plans.ts';
import { isObject } from '../json.ts';
import {
  folder,
  makeFolder,
  modelOf,
  replacedFolder,
  readWhole,
  replaceFolder,
  writeFolder,
  writeWhole,
} from './files.ts';
import { Flags } from './flags.ts';
import { writeModelFolder } from './model-folder.ts';
import { formatBytes, formatSeconds, type Output } from './output.ts';
import { reportData } from './report-data.ts';
import { checkResumed, clockTime, fingerprintOf, runParts, type RunParts } from './resume.ts';
import { openSession, tokenizerOf, type Session } from './session.ts';
import { readRows } from './rows.ts';
import { makeRunRows, type RunRows } from './train-data.ts';
import {
  checkLength,
  readDataOptions,
  readTrainOptions,
  trainFlags,
  type DataOptions,
  type TrainFlags,
} from './train-flags.ts';

const STATE = 'state';
const METRICS = 'metrics.jsonl';
/** Pieces of a file of weights by which a resumed run knows it again: a megabyte, and several in every layer. */
const WEIGHT_PIECES = 256;
/** What a shell reports for a command that SIGINT ended. */
const INTERRUPTED = 130;

interface Run {
  readonly flags: TrainFlags;
  readonly session: Session;
  readonly options: TrainOptions;
  readonly trainable: Trainable;
  readonly adapter: AdapterData | undefined;
  readonly out: string;
  readonly output: Output;
  readonly fingerprint: string;
  /** When it began, on the clock of that machine. */
  readonly begun: string;
  readonly rows: number;
  readonly saveEvery: number | undefined;
}

export async function trainCommand(args: readonly string[], output: Output): Promise<void> {
  const flags = new Flags(trainFlags, args);
  const out = flags.text('out') ?? outOfSaved(flags.text('resume')) ?? flags.required('out');
  const dataPath = flags.required('data');
  const asked = readTrainOptions(flags);
  const dataOptions = readDataOptions(flags, asked.seed);
  const saveEvery = flags.whole('save-every', 1);
  const saved =
    flags.text('resume') === undefined
      ? undefined
      : await readState(folder(stateFolder(flags.required('resume'))));
  const bytes = await readWhole(dataPath);
  const read = readRows(bytes, dataOptions.read, output);

  // Before gigabytes of weights are loaded.
  const files = await modelOf(flags.required('model'));
  const { shape } = await readModel(files);
  if (flags.text('max-length') !== undefined) checkLength(asked.maxLength, shape);
  const maxLength = Math.min(asked.maxLength, shape.maxPositions);
  const session = await openSession(flags, output, { trainable: asked.method === 'full', files });
  // A resumed run makes its rows anew: a template that tells the date should tell the one that it told first.
  const begun = saved?.begun ?? clockTime(new Date());
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
  const parts = await partsOf(bytes, rows, session, options, dataOptions, adapter);
  const unknown = saved ? checkResumed(saved.fingerprint, parts) : [];
  if (unknown.length > 0)
    output.line(
      `An earlier version saved this run: that ${unknown.join(' and ')} are those it began with is not checked.`,
    );
  const run: Run = {
    flags,
    session,
    options,
    trainable,
    adapter,
    out,
    output,
    fingerprint: fingerprintOf(parts),
    begun,
    rows: rows.train.length,
    saveEvery,
  };
  await train(run, rows.train, rows.validation, saved);
}

async function train(
  run: Run,
  rows: readonly PreparedRow[],
  validation: readonly PreparedRow[],
  saved: SavedState | undefined,
): Promise<void> {
  const { output, options, out, session } = run;
  await makeFolder(out);
  const metrics = await openMetrics(out, saved?.state.counters.step ?? 0);
  const steps: StepEvent[] = [];
  const onEvent = (event: TrainEvent): void => {
    if (event.type === 'compile') output.progress(`Compiling shaders: ${event.done} of ${event.total}`);
    if (event.type === 'eval')
      output.line(
        `Step ${event.step}: validation loss ${event.loss.toFixed(4)}${event.best ? ', the best so far' : ''}`,
      );
    if (event.type === 'step') steps.push(event);
    if (event.type === 'step')
      output.progress(describeStep(event), event.step === 1 || event.step === event.steps);
    metrics.add(event);
  };
  const trainer = await Trainer.create({
    trainable: run.trainable,
    options,
    rows,
    validation,
    state: saved?.state,
    onEvent,
  });
  let interrupted = false;
  const interrupt = (): void => {
    // The second time, the person does not want to wait.
    if (interrupted) process.exit(INTERRUPTED);
    interrupted = true;
    trainer.pause();
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  const { adapter } = session.device;
  output.line(
    `Training ${describeTrainable(run)} on ${rows.length} rows, ${trainer.steps} steps, ${session.model.dtype}, on ${adapter.description || adapter.vendor} (${formatBytes(session.device.allocatedBytes)} of GPU memory)`,
  );
  if (saved) output.line(`Resumed after step ${trainer.step}`);

  try {
    while (trainer.status === 'ready' || trainer.status === 'paused') {
      const { saveEvery } = run;
      const untilSave = saveEvery === undefined ? undefined : saveEvery - (trainer.step % saveEvery);
      const status = await trainer.run(untilSave);
      metrics.flush();
      if (status !== 'paused') break;
      await saveState(run, trainer);
      // Asked here and not of the trainer: the signal may have come while the state was written.
      if (interrupted) {
        output.line(
          `Interrupted after step ${trainer.step} of ${trainer.steps}. Everything is saved; to go on, run the same command with --resume ${out}`,
        );
        process.exitCode = INTERRUPTED;
        return;
      }
    }
  } catch (error) {
    if (error instanceof GraftError && error.code === 'train-diverged') {
      await writeResult(run, trainer, steps);
      output.line(`The result until then is in ${out}`);
    }
    throw error;
  } finally {
    metrics.close();
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
  await writeResult(run, trainer, steps);
  for (const path of [join(out, STATE), replacedFolder(join(out, STATE))])
    await rm(path, { recursive: true, force: true });
  const seconds = steps.reduce((sum, step) => sum + step.seconds, 0);
  const first = steps.at(0);
  const last = steps.at(-1);
  if (first && last)
    output.line(`Loss ${first.loss.toFixed(4)} → ${last.loss.toFixed(4)} in ${formatSeconds(seconds)}`);
  output.line(`Wrote ${run.adapter ? 'the adapter' : 'the model'} to ${resolve(out)}`);
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

async function writeResult(run: Run, trainer: Trainer, steps: readonly StepEvent[]): Promise<void> {
  const { options, adapter, out, session, flags } = run;
  const values = await trainer.result();
  if (!adapter) {
    await writeModelFolder(session, values, out);
    return;
  }
  const facts: CardFacts = {
    baseModel: basename(resolve(flags.required('model'))),
    steps: trainer.step,
    rows: run.rows,
    lr: options.lr,
    schedule: options.schedule,
    batch: options.batch * options.accumulate,
    seed: options.seed,
    firstLoss: steps.at(0)?.loss,
    lastLoss: steps.at(-1)?.loss,
    evalLoss: trainer.bestEvalLoss,
    adapterName: session.device.adapter.description,
    baseWeights: describeChoices(session.model.weightChoices),
  };
  await writeFolder(out, writePeft({ ...adapter, tensors: values }, facts));
}

async function saveState({ out, fingerprint, begun }: Run, trainer: Trainer): Promise<void> {
  const files = writeState({ state: await trainer.state(), fingerprint, begun });
  await replaceFolder(join(out, STATE), (path) => writeFolder(path, files));
}

function stateFolder(path: string): string {
  const inside = join(path, STATE);
  return [inside, replacedFolder(inside)].find((candidate) => existsSync(candidate)) ?? path;
}

/** Where the run that is resumed was written: the folder that its state lies in. */
function outOfSaved(resume: string | undefined): string | undefined {
  if (resume === undefined) return undefined;
  const state = resolve(stateFolder(resume));
  return [STATE, replacedFolder(STATE)].includes(basename(state)) ? dirname(state) : undefined;
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

interface Metrics {
  add(event: TrainEvent): void;
  /** Writes the last step's line. */
  flush(): void;
  close(): void;
}

/**
 * metrics.jsonl: one line a step, written when the next step is done, since an evaluation may come in between. A resumed run keeps the
 * lines of the steps before it.
 */
async function openMetrics(out: string, stepsDone: number): Promise<Metrics> {
  const path = join(out, METRICS);
  const old = stepsDone > 0 && existsSync(path) ? (await readFile(path, 'utf8')).split('\n') : [];
  const kept = old.filter((line) => stepOf(line) <= stepsDone).map((line) => `${line}\n`);
  await writeWhole(path, new TextEncoder().encode(kept.join('')));
  const handle = openSync(path, 'a');
  let waiting: Record<string, number> | undefined;
  const flush = (): void => {
    if (waiting) writeSync(handle, `${JSON.stringify(waiting)}\n`);
    waiting = undefined;
  };
  return {
    add(event) {
      if (event.type === 'step') {
        flush();
        waiting = {
          step: event.step,
          loss: event.loss,
          lr: event.lr,
          grad_norm: event.gradNorm,
          supervised_tokens: event.supervisedTokens,
          seconds: event.seconds,
        };
      } else if (event.type === 'eval' && waiting) {
        waiting['eval_loss'] = event.loss;
      }
    },
    flush,
    close() {
      flush();
      closeSync(handle);
    },
  };
}

/** The step of a line of metrics.jsonl; Infinity for one that a crash cut short. */
function stepOf(line: string): number {
  try {
    const json = JSON.parse(line) as unknown;
    return isObject(json) && typeof json['step'] === 'number' ? json['step'] : Infinity;
  } catch {
    return Infinity;
  }
}

function describeTrainable({ adapter, trainable }: Run): string {
  return adapter
    ? `a LoRA adapter on ${adapter.modules.length} layers`
    : `all ${trainable.store.specs.length} tensors`;
}

function describeStep({ step, steps, loss, tokensPerSecond, secondsLeft }: StepEvent): string {
  return `Step ${step} of ${steps}  loss ${loss.toFixed(4)}  ${Math.round(tokensPerSecond)} tokens/s  ${formatSeconds(secondsLeft)} left`;
}
