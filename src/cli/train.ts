/** `graft train`: examples in, adapter (or model) out. */
import { existsSync } from 'node:fs';
import { appendFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { basename, join, resolve } from 'node:path';
import { readExamples } from '../data/formats.ts';
import { prepareRows, type PreparedRow } from '../data/prepare.ts';
import { splitExamples } from '../data/split.ts';
import { GraftError } from '../errors.ts';
import { readPeft, writePeft, type AdapterData } from '../export/peft.ts';
import type { CardFacts } from '../export/model-card.ts';
import { Adapter, initialTensors, loraModules } from '../model/lora.ts';
import type { StepEvent, TrainEvent } from '../train/events.ts';
import type { TrainOptions } from '../train/options.ts';
import { readState, writeState, type SavedState } from '../train/state-files.ts';
import { Trainer } from '../train/trainer.ts';
import type { Trainable } from '../train/step-plans.ts';
import { folder, readWhole, replaceFolder, writeFolder } from './files.ts';
import { Flags } from './flags.ts';
import { writeModelFolder } from './model-folder.ts';
import { formatBytes, formatSeconds, type Output } from './output.ts';
import { reportData } from './report-data.ts';
import { openSession, tokenizerOf, type Session } from './session.ts';
import { readDataOptions, readTrainOptions, trainFlags, type TrainFlags } from './train-flags.ts';

const STATE = 'state';
const METRICS = 'metrics.jsonl';

interface Run {
  readonly flags: TrainFlags;
  readonly session: Session;
  readonly options: TrainOptions;
  readonly trainable: Trainable;
  readonly adapter: AdapterData | undefined;
  readonly out: string;
  readonly output: Output;
  readonly fingerprint: string;
  readonly rows: number;
}

export async function trainCommand(args: readonly string[], output: Output): Promise<void> {
  const flags = new Flags(trainFlags, args);
  const out = flags.required('out');
  const dataPath = flags.required('data');
  const asked = readTrainOptions(flags);
  const dataOptions = readDataOptions(flags);
  const saved =
    flags.text('resume') === undefined
      ? undefined
      : await readState(folder(stateFolder(flags.required('resume'))));
  const bytes = await readWhole(dataPath);
  const { examples, problems, problemCount, format } = readExamples(bytes, { fileName: dataPath });

  const session = await openSession(flags, output, { trainable: asked.method === 'full' });
  const { shape } = session.model.definition;
  const options = {
    ...asked,
    maxLength:
      flags.text('max-length') === undefined
        ? Math.min(asked.maxLength, shape.maxPositions)
        : asked.maxLength,
  };
  const { rows, report } = prepareRows(examples, await tokenizerOf(session.files), {
    maxLength: options.maxLength,
    overlong: dataOptions.overlong,
    vocabSize: shape.vocabulary,
  });
  reportData(output, { format, problems, problemCount, report, maxLength: options.maxLength });
  const split = splitExamples(rows.length, {
    validation: dataOptions.validationFraction,
    test: 0,
    seed: options.seed,
  });
  const pick = (indices: readonly number[]): PreparedRow[] => indices.map((index) => rows[index]);

  const { trainable, adapter } = await createTrainable(flags, session, options);
  const fingerprint = fingerprintOf(bytes, session, options, adapter);
  if (saved && saved.fingerprint !== fingerprint) {
    throw new GraftError(
      'train-resume',
      'The saved run had other data, another model or other settings.',
      'Resume with exactly the arguments of the interrupted run.',
    );
  }
  const run: Run = {
    flags,
    session,
    options,
    trainable,
    adapter,
    out,
    output,
    fingerprint,
    rows: split.train.length,
  };
  await train(run, pick(split.train), pick(split.validation), saved);
}

async function train(
  run: Run,
  rows: readonly PreparedRow[],
  validation: readonly PreparedRow[],
  saved: SavedState | undefined,
): Promise<void> {
  const { output, options, out, session } = run;
  await mkdir(out, { recursive: true });
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
  const { adapter } = session.device;
  output.line(
    `Training ${describeTrainable(run)} on ${rows.length} rows, ${trainer.steps} steps, ${session.model.dtype}, on ${adapter.description || adapter.vendor} (${formatBytes(session.device.allocatedBytes)} of GPU memory)`,
  );
  if (saved) output.line(`Resumed after step ${trainer.step}`);

  const interrupt = (): void => trainer.pause();
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  const saveEvery = run.flags.whole('save-every', 1);
  try {
    while (trainer.status === 'ready' || trainer.status === 'paused') {
      const untilSave = saveEvery === undefined ? undefined : saveEvery - (trainer.step % saveEvery);
      const before = trainer.step;
      const status = await trainer.run(untilSave);
      await metrics.flush();
      if (status !== 'paused') break;
      await saveState(run, trainer);
      if (trainer.step - before !== untilSave) {
        output.line(
          `Interrupted after step ${trainer.step} of ${trainer.steps}. Everything is saved; to go on, run the same command with --resume ${out}`,
        );
        process.exitCode = 130;
        return;
      }
    }
  } catch (error) {
    await metrics.flush();
    if (error instanceof GraftError && error.code === 'train-diverged') {
      await writeResult(run, trainer, steps);
      output.line(`The result until then is in ${out}`);
    }
    throw error;
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
  await writeResult(run, trainer, steps);
  await rm(join(out, STATE), { recursive: true, force: true });
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
  };
  await writeFolder(out, writePeft({ ...adapter, tensors: values }, facts));
}

async function saveState({ out, fingerprint }: Run, trainer: Trainer): Promise<void> {
  const files = writeState({ state: await trainer.state(), fingerprint });
  await replaceFolder(join(out, STATE), (path) => writeFolder(path, files));
}

function stateFolder(path: string): string {
  const inside = join(path, STATE);
  return existsSync(inside) ? inside : path;
}

/** Names what a resumed run must share with the saved one: data, model and every setting. */
function fingerprintOf(
  data: Uint8Array,
  { model }: Session,
  options: TrainOptions,
  adapter: AdapterData | undefined,
): string {
  const { shape, modelType } = model.definition;
  const settings = {
    options,
    modelType,
    vocabulary: shape.vocabulary,
    layers: shape.layers,
    channels: shape.channels,
    dtype: model.dtype,
    modules: adapter?.modules,
  };
  return createHash('sha256').update(data).update(JSON.stringify(settings)).digest('hex');
}

interface Metrics {
  add(event: TrainEvent): void;
  flush(): Promise<void>;
}

/** metrics.jsonl: one line a step. A resumed run keeps the lines of the steps before it. */
async function openMetrics(out: string, stepsDone: number): Promise<Metrics> {
  const path = join(out, METRICS);
  const old =
    stepsDone > 0 && existsSync(path) ? (await readFile(path, 'utf8')).split('\n').slice(0, stepsDone) : [];
  await writeFile(
    path,
    old
      .filter((line) => line !== '')
      .map((line) => `${line}\n`)
      .join(''),
  );
  const lines: Record<string, number>[] = [];
  return {
    add(event) {
      if (event.type === 'step') {
        lines.push({
          step: event.step,
          loss: event.loss,
          lr: event.lr,
          grad_norm: event.gradNorm,
          supervised_tokens: event.supervisedTokens,
          seconds: event.seconds,
        });
      } else if (event.type === 'eval' && lines.length > 0) {
        lines[lines.length - 1].eval_loss = event.loss;
      }
    },
    async flush() {
      await appendFile(
        path,
        lines
          .splice(0)
          .map((line) => `${JSON.stringify(line)}\n`)
          .join(''),
      );
    },
  };
}

function describeTrainable({ adapter, trainable }: Run): string {
  return adapter
    ? `a LoRA adapter on ${adapter.modules.length} layers`
    : `all ${trainable.store.specs.length} tensors`;
}

function describeStep({ step, steps, loss, tokensPerSecond, secondsLeft }: StepEvent): string {
  return `Step ${step} of ${steps}  loss ${loss.toFixed(4)}  ${Math.round(tokensPerSecond)} tokens/s  ${formatSeconds(secondsLeft)} left`;
}
