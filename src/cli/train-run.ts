/** The run of `graft train`: its output, its interruption by signals, and the state that is left however it ends. */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { kindOf } from '../adapters/registry.ts';
import { GraftError, messageOf } from '../errors.ts';
import { memoryOf } from './open-device.ts';
import type { Forgetting } from '../evaluate/forgetting.ts';
import { isHeld, spread } from '../lists.ts';
import { plural } from '../numbers.ts';
import { OBJECTIVES, objectiveOf } from '../objectives/registry.ts';
import { passMarkOf } from '../scorers/rewards/reward.ts';
import { computingName } from '../runs/card-facts.ts';
import type { RunEvent } from '../runs/events.ts';
import { FORGETTING, ForgettingWatch, tellForgetting, type ForgettingInputs } from './forgetting.ts';
import { writeLearned } from '../runs/learned.ts';
import { TrainingRun } from '../runs/run.ts';
import { SaveClock, type SaveEvery } from '../runs/save-clock.ts';
import type { RunRows } from '../runs/store.ts';
import type { TrainedSubject, TimedStart } from '../runs/trainable.ts';
import { shellLine } from '../text/shell.ts';
import type { StepEvent } from '../train/events.ts';
import type { Scoring } from '../train/policy/scoring.ts';
import { readbackBytes } from '../train/memory-plan.ts';
import { layoutWords } from '../train/layout-words.ts';
import { unigramLoss } from '../train/spike.ts';
import { commandWords } from './command-words.ts';
import { checkDisk } from './disk-room.ts';
import { EXIT, SIGNALS } from './exit.ts';
import { LongRunWarning } from './long-run.ts';
import { formatBytes, formatSeconds, type Output } from './output.ts';
import { claimFiles } from './own-files.ts';
import { describeEnd, type EndedRun } from './run-end.ts';
import { resultOfRun, type ResultOfRun } from './run-result.ts';
import { FileStore, type FolderOfRun } from './run-store.ts';
import { findSaved } from './saved-run.ts';
import type { LoadedModel } from './session.ts';

/** Rows whose tokens are counted for the verdict, of a file whose rows are made as they are taken. */
const COUNTED_ROWS = 2048;
/** The name of a temporary folder for the state, if the run's own folder has no room. */
/** The variable by which `graft sweep` marks its runs: they end with it. */
export const IN_SWEEP = 'GRAFT_IN_SWEEP';
const RESCUED = 'graft-rescued-';

interface TrainRun extends Omit<FolderOfRun, 'rows' | 'session'> {
  /** The words after `graft train`. */
  readonly args: readonly string[];
  readonly session: LoadedModel;
  readonly subject: TrainedSubject;
  readonly output: Output;
  readonly saveEvery: SaveEvery;
  /** The step after which it pauses. */
  readonly pauseAfter: number | undefined;
  /** Whether the result is printed as JSON. */
  readonly json: boolean;
  /** The rewards, for an objective that samples answers. */
  readonly scoring: Scoring | undefined;
  /** The measurement of forgetting, before and after. */
  readonly check?: ForgettingInputs;
  /** What else is measured before and after. */
  readonly around?: Around;
  /** Steps between two measurements of the loss on general text; 0 for none. */
  readonly checkEvery?: number;
}

/** What is measured of a run before its first step, and with its result. */
export interface Around {
  before(session: LoadedModel): Promise<void>;
  /** The values of the result are on the device. */
  after(session: LoadedModel, subject: TrainedSubject): Promise<void>;
}

/** A run while it trains. */
interface Live {
  readonly asked: TrainRun;
  readonly run: TrainingRun;
  readonly store: FileStore;
  /** What was measured before the first step. */
  readonly watch: ForgettingWatch | undefined;
}

/**
 * Trains until the run is done or interrupted.
 *
 * @throws GraftError of the trainer and of the disk, naming the state that is left and the command that resumes from it
 */
export async function runTraining(asked: TrainRun, rows: RunRows): Promise<void> {
  const { output, session, subject, resumed } = asked;
  const state = resumed?.saved.state;
  await checkDisk(asked, rows);
  const store = new FileStore({ ...asked, rows: rows.train.length });
  await asked.around?.before(session);
  const watch = await beginWatch(asked);
  const every = asked.checkEvery ?? 0;
  const long = new LongRunWarning();
  const run = await TrainingRun.create({
    ...{ trainable: subject.trainable, options: subject.options, rows, state, store },
    scoring: asked.scoring,
    clock: new SaveClock(asked.saveEvery, state?.counters.step),
    pauseAfter: asked.pauseAfter,
    fromUntrained: true,
    ...(watch && every > 0 && { watch: { every, measure: ({ adapter }) => watch.loss(adapter) } }),
    onEvent(event) {
      tell(event, output);
      const warning = event.type === 'step' ? long.after(event) : undefined;
      if (warning !== undefined) output.line(warning);
    },
  });
  let interrupted = false;
  const interrupt = (): void => {
    // The second time, the person does not want to wait.
    if (interrupted) process.exit(EXIT.interrupted);
    interrupted = true;
    run.pause();
  };
  for (const signal of SIGNALS) process.on(signal, interrupt);
  // A command that runs others has died: nobody waits for the result, but the next one continues from what is saved.
  if (process.env[IN_SWEEP] !== undefined) {
    process.on('disconnect', interrupt);
    process.channel?.unref();
    if (!process.connected) interrupt();
  }
  try {
    await store.open();
    const { device } = session;
    const peakBytes = device.allocatedBytes + readbackBytes(device.lowering, subject.trainable.store);
    store.peakBytes = peakBytes;
    output.line(
      `Training ${describeTrainable(subject)} on ${plural(rows.train.length, 'row')}, ${plural(run.steps, 'step')}, ${session.model.dtype}, on ${computingName(device)} (${formatBytes(peakBytes)} of ${memoryOf(device.adapter)} at its peak)`,
    );
    if (resumed) output.line(`Resumed after step ${run.step}`);
    const live: Live = { asked, run, store, watch };
    let ended: Ended;
    try {
      ended = await toTheEnd(live, rows);
    } catch (error) {
      throw await withSurvivor(live, error);
    }
    // What the run leaves is on the disk by now, whether or not its report can be written.
    printResult(live, rows, ended);
  } finally {
    store.close();
    for (const signal of SIGNALS) process.off(signal, interrupt);
    process.off('disconnect', interrupt);
  }
}

/** Also for a resumed run, whose saved state is not on the device yet: the base is there, but not the adapter that it started from. */
async function beginWatch({
  check,
  session,
  subject,
  resumed,
  output,
}: TrainRun): Promise<ForgettingWatch | undefined> {
  if (!check) return undefined;
  // A run that started without an adapter started from the model itself.
  const adapter = resumed ? undefined : subject.trainable.adapter;
  return ForgettingWatch.begin(check, session, output, adapter);
}

/** Measures the result, and prints what it forgot. */
async function endWatch({ asked, store, watch }: Live): Promise<Forgetting | undefined> {
  if (!watch) return undefined;
  const forgetting = await watch.end(asked.subject.trainable.adapter);
  await claimFiles(asked.out, [FORGETTING], asked);
  store.note(await tellForgetting(forgetting, asked.out, asked.output));
  return forgetting;
}

/** How a run ended. */
interface Ended extends Pick<ResultOfRun, 'status' | 'resume' | 'broke'> {
  readonly forgetting?: Forgetting | undefined;
}

async function toTheEnd(live: Live, rows: RunRows): Promise<Ended> {
  const { asked, run } = live;
  const { out, output, subject } = asked;
  try {
    if ((await run.train()) === 'paused') {
      const resume = commandFrom(asked, out);
      if (run.step === asked.pauseAfter) {
        output.line(`Paused after step ${run.step} of ${run.steps}. To continue: ${resume}`);
        return { status: 'paused', resume };
      }
      output.line(
        `Interrupted after step ${run.step} of ${run.steps}. Everything is saved. To continue: ${resume}`,
      );
      process.exitCode = EXIT.interrupted;
      return { status: 'interrupted', resume };
    }
  } catch (error) {
    if (error instanceof GraftError && error.code === 'train-diverged') {
      await run.keep('failed');
      output.line(`The result until then is in ${out}`);
      printResult(live, rows, { status: 'failed', broke: true });
    }
    throw error;
  }
  await run.keep('done');
  if (subject.adapter) await keepEnd(live);
  const { around, session } = asked;
  if (live.store.learned && (live.watch ?? around)) writeLearned(subject.trainable, live.store.learned);
  const forgetting = await endWatch(live);
  for (const line of describeEnd(endedRun(live, rows, forgetting))) output.line(line);
  await around?.after(session, subject);
  output.line(`Wrote ${subject.adapter ? 'the adapter' : 'the model'} to ${resolve(out)}`);
  return { status: 'done', forgetting };
}

/** The result is complete without it. */
async function keepEnd({ asked, run, store }: Live): Promise<void> {
  try {
    await store.keepEnd(await run.state());
  } catch (error) {
    if (!(error instanceof GraftError)) throw error;
    asked.output.line(
      `Warning: the state of the optimiser is not kept, so that graft export --run cannot continue this run elsewhere: ${error.what}`,
    );
  }
}

function endedRun({ asked, run, store }: Live, rows: RunRows, forgetting?: Forgetting): EndedRun {
  const { objective, rewards } = asked.subject.options;
  return {
    ...{ steps: run.steps, points: store.steps, evals: store.curve.evals },
    // Other objectives have losses of other kinds.
    ...(objectiveOf(objective) === OBJECTIVES[0] && {
      unigramLoss: unigramLoss(isHeld(rows.train) ? rows.train : spread(rows.train, COUNTED_ROWS)),
    }),
    ...(objective !== undefined && { objective }),
    ...(rewards && { fullMarks: passMarkOf(rewards) }),
    start: asked.lineage?.parent === undefined ? 'base' : 'adapter',
    forgetting,
  };
}

function printResult(live: Live, rows: RunRows, { forgetting, ...ending }: Ended): void {
  const { json, subject, session, out, output, baseModel } = live.asked;
  if (!json) return;
  const { method, objective } = subject.options;
  const result = resultOfRun({
    ...endedRun(live, rows, forgetting),
    ...ending,
    ...{ out, method, objective: objectiveOf(objective).name, base: baseModel },
    device: computingName(session.device),
    rows: { train: rows.train.length, validation: rows.validation.length },
    learned: live.store.learned,
    isAdapter: subject.adapter !== undefined,
    peakBytes: live.store.peakBytes,
  });
  output.result(`${JSON.stringify(result)}\n`);
}

/** The error that ended a run, with the state that is left and the command that resumes from it. */
async function withSurvivor(live: Live, error: unknown): Promise<unknown> {
  // A run that diverged keeps what it had learned before.
  if (!(error instanceof GraftError) || error.code === 'train-diverged') return error;
  const { asked, run } = live;
  const gone = error.code === 'file-gone';
  const disk = gone || error.code === 'file-write' || error.code === 'folder-used';
  const place = disk && !run.failed ? await rescue(live, gone) : undefined;
  const left = place === undefined ? await findSaved(asked.out) : undefined;
  const survivor =
    place !== undefined
      ? `The run after step ${run.step} of ${run.steps} is saved in ${place}. To continue: ${commandFrom(asked, place)}`
      : left !== undefined
        ? `The state after step ${left.saved.state.counters.step} of ${run.steps} is left in ${left.path}. To continue from it: ${commandFrom(asked, left.path)}`
        : 'No state of the run could be saved: start it again.';
  return new GraftError(error.code, error.what, `${error.remedy} ${survivor}`, { cause: error });
}

/** Saves the run in its folder or, if that fails, in a temporary folder. */
async function rescue({ asked, run, store }: Live, gone: boolean): Promise<string | undefined> {
  const places = [...(gone ? [] : [async () => asked.out]), () => mkdtemp(join(tmpdir(), RESCUED))];
  for (const place of places) {
    try {
      const folder = await place();
      await store.saveTo(folder, await run.state());
      return folder;
    } catch (error) {
      asked.output.line(`The state could not be saved: ${messageOf(error)}`);
    }
  }
  return undefined;
}

/** The command that resumes a run from a saved state. */
function commandFrom({ args, out }: TrainRun, place: string): string {
  const gone = ['--resume', '--pause-after'];
  const kept = args.filter(
    (word, i) =>
      word !== '--overwrite' && !gone.includes(word.split('=')[0]) && !gone.includes(args[i - 1] ?? ''),
  );
  const named = kept.some((word) => /^--out(=|$)/.test(word)) ? [] : ['--out', out];
  return shellLine([...commandWords(), 'train', ...kept, ...named, '--resume', place]);
}

function tell(event: RunEvent, output: Output): void {
  if (event.type === 'compile') output.progress(`Compiling shaders: ${event.done} of ${event.total}`);
  if (event.type === 'layout') output.line(layoutWords(event));
  if (event.type === 'reference') {
    if (event.done < event.total) output.progress(`Reference: ${event.done} of ${event.total} rows`);
    else output.line(`Reference: ${event.total} of ${event.total} rows`);
  }
  if (event.type === 'general')
    output.line(`Step ${event.step}: loss on general text ${event.loss.toFixed(4)}`);
  if (event.type === 'sampling') output.progress(describeSampling(event));
  if (event.type === 'validate') output.progress(describeValidation(event));
  if (event.type === 'eval')
    output.line(
      `${event.step === 0 ? 'Before the first step' : `Step ${event.step}`}: validation ${describeMeasured(event)}${event.best ? ', the best so far' : ''}`,
    );
  if (event.type === 'step')
    output.progress(describeStep(event), event.step === 1 || event.step === event.steps);
}

/** The progress of an adapter's start. */
export function tellStart({ what, done, total, seconds }: TimedStart, output: Output): void {
  const left = seconds === undefined || done === total ? '' : `, about ${formatSeconds(seconds)} left`;
  output.progress(
    what === 'reading'
      ? `Reading activations: ${done} of at most ${total} batches`
      : `Singular vectors: ${done} of ${total} matrices${left}`,
  );
}

function describeTrainable({ adapter, trainable }: TrainedSubject): string {
  if (adapter) {
    const { label } = kindOf(adapter.config);
    return `${/^[AEIOU]/.test(label) ? 'an' : 'a'} ${label} adapter on ${adapter.modules.length} layers`;
  }
  return `all ${trainable.store.specs.length} tensors`;
}

/** The first two of what the objective reports: for pairs accuracy and margin. */
function describeReport({ report = {} }: Pick<StepEvent, 'report'>): string {
  return Object.entries(report)
    .slice(0, 2)
    .map(([name, value]) => `  ${name.replaceAll('_', ' ')} ${value === null ? '–' : value.toFixed(3)}`)
    .join('');
}

/** The loss; for a run that learns from rewards the reward, since its loss means little. */
function describeMeasured({ loss, report }: Pick<StepEvent, 'loss' | 'report'>): string {
  const reward = report?.['reward'];
  return typeof reward !== 'number'
    ? `loss ${loss.toFixed(4)}${describeReport({ report })}`
    : `reward ${reward.toFixed(3)}`;
}

function describeSampling({ step, done, total }: Extract<RunEvent, { type: 'sampling' }>): string {
  return `Step ${step}: sampling, ${Math.floor(done)} of ${total} answers`;
}

function describeValidation({ done, total, seconds }: Extract<RunEvent, { type: 'validate' }>): string {
  const left = seconds === undefined || done === total ? '' : `, ${formatSeconds(seconds)} left`;
  return `Validating: ${done} of ${total} rows${left}`;
}

function describeStep({ step, steps, loss, report, tokensPerSecond, secondsLeft }: StepEvent): string {
  const alike =
    report?.['frac_reward_zero_std'] === 1 ? ', alike in every group: nothing was learned from it' : '';
  return `Step ${step} of ${steps}  ${describeMeasured({ loss, report })}${alike}  ${Math.round(tokensPerSecond)} tokens/s  ${formatSeconds(secondsLeft)} left`;
}
