/** The run of `graft train`: it trains, logs, saves, and leaves something to go on with however it ends. */
import { existsSync } from 'node:fs';
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { GraftError, messageOf } from '../errors.ts';
import { writePeft, type AdapterData } from '../export/peft.ts';
import { describeChoices } from '../model/weight-types.ts';
import { shellLine } from '../text/shell.ts';
import type { StepEvent, TrainEvent } from '../train/events.ts';
import type { TrainOptions } from '../train/options.ts';
import type { Trainable } from '../train/step-plans.ts';
import { Trainer } from '../train/trainer.ts';
import { EXIT } from './exit.ts';
import { writeFolder } from './files.ts';
import { linesUntil, METRICS, MetricsLog, readLine } from './metrics-log.ts';
import { writeModelFolder } from './model-folder.ts';
import { formatBytes, formatSeconds, type Output } from './output.ts';
import { belongs, discard, weightsLast } from './run-folder.ts';
import { SaveClock, type SaveEvery } from './save-clock.ts';
import { findSaved, forgetEarlier, forgetSaved, saveRun, type SavedRun } from './saved-run.ts';
import type { Session } from './session.ts';
import type { RunRows } from './train-data.ts';

/** Ctrl-C, a polite kill, and a terminal that was closed. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** A folder of this name among the temporary files takes the state that the run's own folder has no room for. */
const RESCUED = 'graft-rescued-';

export interface Run {
  /** The words after `graft train`. */
  readonly args: readonly string[];
  readonly session: Session;
  readonly options: TrainOptions;
  readonly trainable: Trainable;
  /** What an adapter is made of; undefined where all weights are trained. */
  readonly adapter: AdapterData | undefined;
  /** Path of the base model, as it was given. */
  readonly baseModel: string;
  readonly out: string;
  readonly output: Output;
  readonly fingerprint: string;
  /** When it began, on the clock of that machine. */
  readonly begun: string;
  readonly saveEvery: SaveEvery;
  readonly resumed: SavedRun | undefined;
}

/** A run while it trains. */
interface Live extends Run {
  readonly trainer: Trainer;
  readonly log: MetricsLog;
  readonly rows: number;
}

/**
 * Trains until the run is done or interrupted.
 *
 * @throws GraftError of the trainer and of the disk, naming the state that is left and the command that goes on from it
 */
export async function runTraining(run: Run, { train: rows, validation }: RunRows): Promise<void> {
  const { output, options, session, resumed } = run;
  const clock = new SaveClock(run.saveEvery);
  let log: MetricsLog | undefined;
  const trainer = await Trainer.create({
    trainable: run.trainable,
    options,
    rows,
    validation,
    state: resumed?.saved.state,
    onEvent(event) {
      tell(event, output);
      log?.add(event);
      if (event.type === 'step' && clock.due) trainer.pause();
    },
  });
  let interrupted = false;
  const interrupt = (): void => {
    // The second time, the person does not want to wait.
    if (interrupted) process.exit(EXIT.interrupted);
    interrupted = true;
    trainer.pause();
  };
  for (const signal of SIGNALS) process.on(signal, interrupt);
  try {
    log = await openLog(run, trainer);
    const live: Live = { ...run, trainer, log, rows: rows.length };
    const { adapter } = session.device;
    output.line(
      `Training ${describeTrainable(run)} on ${rows.length} rows, ${trainer.steps} steps, ${session.model.dtype}, on ${adapter.description || adapter.vendor} (${formatBytes(session.device.allocatedBytes)} of GPU memory)`,
    );
    if (resumed) output.line(`Resumed after step ${trainer.step}`);
    try {
      await toTheEnd(live, clock, () => interrupted);
    } catch (error) {
      throw await withSurvivor(live, error);
    }
  } finally {
    log?.close();
    for (const signal of SIGNALS) process.off(signal, interrupt);
  }
}

/** The folder as a new or a resumed run finds it: without an old result, and with the lines of the steps done. */
async function openLog({ out, resumed }: Run, trainer: Trainer): Promise<MetricsLog> {
  const own = resumed !== undefined && (await belongs(out, resumed));
  const path = join(out, METRICS);
  const before =
    resumed?.metrics ?? (own && existsSync(path) ? (await readFile(path, 'utf8')).split('\n') : []);
  await discard(out, { resumed: own });
  return MetricsLog.open(out, linesUntil(before, trainer.step), () => trainer.pause());
}

async function toTheEnd(run: Live, clock: SaveClock, isInterrupted: () => boolean): Promise<void> {
  const { trainer, log, out, output } = run;
  try {
    while (trainer.status === 'ready' || trainer.status === 'paused') {
      const status = await trainer.run(clock.stepsLeft(trainer.step));
      flush(log);
      if (status !== 'paused') break;
      await clock.save(() => save(run, out).then(() => undefined));
      // Asked here and not of the trainer: the signal may have come while the state was written.
      if (isInterrupted()) {
        output.line(
          `Interrupted after step ${trainer.step} of ${trainer.steps}. Everything is saved. To go on: ${commandFrom(run, out)}`,
        );
        process.exitCode = EXIT.interrupted;
        return;
      }
    }
  } catch (error) {
    if (error instanceof GraftError && error.code === 'train-diverged') {
      flush(log);
      await writeResult(run);
      output.line(`The result until then is in ${out}`);
    }
    throw error;
  }
  flush(log);
  await forgetEarlier(out);
  await writeResult(run);
  await forgetSaved(out);
  const told = log.lines.flatMap((line) => readLine(line) ?? []);
  const [first, last] = [told.at(0), told.at(-1)];
  if (first?.step === 1 && last)
    output.line(
      `Loss ${first.loss.toFixed(4)} → ${last.loss.toFixed(4)} in ${formatSeconds(told.reduce((sum, { seconds }) => sum + seconds, 0))}`,
    );
  output.line(`Wrote ${run.adapter ? 'the adapter' : 'the model'} to ${resolve(out)}`);
}

/** Has all lines of the log on the disk. @throws GraftError `file-write`, `file-gone` */
function flush(log: MetricsLog): void {
  log.sync();
  if (log.failure) throw log.failure;
}

async function writeResult(run: Live): Promise<void> {
  const { options, adapter, out, session, trainer, log } = run;
  const values = await trainer.result();
  if (!adapter) {
    await writeModelFolder(session, values, out);
    return;
  }
  const told = log.lines.flatMap((line) => readLine(line) ?? []);
  const facts = {
    baseModel: basename(resolve(run.baseModel)),
    steps: trainer.step,
    rows: run.rows,
    lr: options.lr,
    schedule: options.schedule,
    batch: options.batch * options.accumulate,
    seed: options.seed,
    firstLoss: told.find(({ step }) => step === 1)?.loss,
    lastLoss: told.at(-1)?.loss,
    evalLoss: trainer.bestEvalLoss,
    adapterName: session.device.adapter.description,
    baseWeights: describeChoices(session.model.weightChoices),
  };
  await writeFolder(out, weightsLast(writePeft({ ...adapter, tensors: values }, facts)));
}

/** @returns the folder of the state */
async function save({ trainer, log, fingerprint, begun }: Live, out: string): Promise<string> {
  return saveRun(out, { state: await trainer.state(), fingerprint, begun }, log.lines);
}

/** What ended a run, with the state that is left of it and the command that goes on from there. */
async function withSurvivor(run: Live, error: unknown): Promise<unknown> {
  // What a run that diverged had learned before is its result.
  if (!(error instanceof GraftError) || error.code === 'train-diverged') return error;
  const { trainer, out } = run;
  const { steps } = trainer;
  const gone = error.code === 'file-gone';
  const disk = gone || error.code === 'file-write';
  const place = disk && trainer.status !== 'failed' ? await rescue(run, gone) : undefined;
  const left = place === undefined ? await findSaved(out) : undefined;
  const survivor =
    place !== undefined
      ? `The run after step ${trainer.step} of ${steps} is saved in ${place}. To go on: ${commandFrom(run, place)}`
      : left !== undefined
        ? `What is left is the state after step ${left.saved.state.counters.step} of ${steps}, in ${left.path}. To go on from it: ${commandFrom(run, left.path)}`
        : 'No state of the run could be saved: start it again.';
  return new GraftError(error.code, error.what, `${error.remedy} ${survivor}`, { cause: error });
}

/** Saves the run in its folder or, where that cannot be, among the temporary files. */
async function rescue(run: Live, gone: boolean): Promise<string | undefined> {
  const places = [...(gone ? [] : [async () => run.out]), () => mkdtemp(join(tmpdir(), RESCUED))];
  for (const place of places) {
    try {
      const folder = await place();
      await save(run, folder);
      return folder;
    } catch (error) {
      run.output.line(`The state could not be saved: ${messageOf(error)}`);
    }
  }
  return undefined;
}

/** The command that goes on with a run from a saved state. */
function commandFrom({ args, out }: Run, place: string): string {
  const kept = args.filter(
    (word, i) => word !== '--overwrite' && !/^--resume(=|$)/.test(word) && args[i - 1] !== '--resume',
  );
  const named = kept.some((word) => /^--out(=|$)/.test(word)) ? [] : ['--out', out];
  return shellLine(['graft', 'train', ...kept, ...named, '--resume', place]);
}

function tell(event: TrainEvent, output: Output): void {
  if (event.type === 'compile') output.progress(`Compiling shaders: ${event.done} of ${event.total}`);
  if (event.type === 'eval')
    output.line(
      `Step ${event.step}: validation loss ${event.loss.toFixed(4)}${event.best ? ', the best so far' : ''}`,
    );
  if (event.type === 'step')
    output.progress(describeStep(event), event.step === 1 || event.step === event.steps);
}

function describeTrainable({ adapter, trainable }: Run): string {
  return adapter
    ? `a LoRA adapter on ${adapter.modules.length} layers`
    : `all ${trainable.store.specs.length} tensors`;
}

function describeStep({ step, steps, loss, tokensPerSecond, secondsLeft }: StepEvent): string {
  return `Step ${step} of ${steps}  loss ${loss.toFixed(4)}  ${Math.round(tokensPerSecond)} tokens/s  ${formatSeconds(secondsLeft)} left`;
}
