/** The folder of a run: metrics.jsonl as it trains, saved states, and at the end the result. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { GraftError } from '../errors.ts';
import { addedTokens } from '../adapters/tokens/tokens.ts';
import { tokenizerFiles } from '../export/grown-folder.ts';
import { companionsOf, MODEL_WEIGHTS } from '../export/model-folder.ts';
import { writePeft } from '../export/peft.ts';
import { cardFacts } from '../runs/card-facts.ts';
import type { RunEvent } from '../runs/events.ts';
import type { LossCurve, Ending, Learned, RunRows, Store } from '../runs/store.ts';
import type { TrainedSubject } from '../runs/trainable.ts';
import type { TrainerState } from '../train/state.ts';
import { endedFiles } from './ended-run.ts';
import { writeFolder } from './files.ts';
import { LINEAGE, writeLineage, type LineageBefore } from './lineage.ts';
import { linesUntil, METRICS, MetricsLog, readLine, type LoggedStep } from './metrics-log.ts';
import { writeModelFolder } from './model-folder.ts';
import { claimFiles } from './own-files.ts';
import { belongs, discard, runWrites, weightsLast } from './run-folder.ts';
import { forgetEarlier, forgetSaved, saveRun, STATE, type SavedRun } from './saved-run.ts';
import { licenceOf } from '../weights/licence.ts';
import type { LoadedModel } from './session.ts';

export interface FolderOfRun {
  readonly out: string;
  readonly session: Pick<LoadedModel, 'model' | 'files'>;
  readonly subject: Pick<TrainedSubject, 'adapter' | 'options'>;
  /** Path of the base model, as it was given. */
  readonly baseModel: string;
  /** Rows that are trained on. */
  readonly rows: number;
  /** SHA-256 of the first file of data, as sha256sum prints it. */
  readonly dataSha256?: string;
  /** The text between prompt and answer in the rows, for a model without a chat template. */
  readonly afterPrompt: string;
  readonly fingerprint: string;
  /** When it began, on the clock of that machine. */
  readonly begun: string;
  readonly resumed: SavedRun | undefined;
  /** Whether it may replace files of others. */
  readonly overwrite: boolean;
  /** Its origin and the rows that it was trained on. */
  readonly lineage?: LineageBefore;
}

export class FileStore implements Store {
  /** The result, once it is saved. */
  learned: Learned | undefined;
  /** The run's peak memory on the device, once known. */
  peakBytes: number | undefined;
  #log: MetricsLog | undefined;

  constructor(private readonly run: FolderOfRun) {}

  /** Prepares the folder for this run: removes an old result, and writes the lines of the steps that are done. @throws GraftError `file-write` */
  async open(): Promise<void> {
    const { out, resumed, overwrite, subject } = this.run;
    const own = resumed !== undefined && (await belongs(out, resumed));
    const path = join(out, METRICS);
    const before =
      resumed?.metrics ?? (own && existsSync(path) ? (await readFile(path, 'utf8')).split('\n') : []);
    const writes = runWrites(subject.options.method);
    await discard(out, { overwrite, writes }, { resumed: own });
    // The log of a continued run is its own, also if an earlier version listed nothing.
    await claimFiles(out, [METRICS, STATE], { overwrite: overwrite || own });
    const step = resumed?.saved.state.counters.step ?? 0;
    this.#log = await MetricsLog.open(out, linesUntil(before, step));
    const { lineage, rows } = this.run;
    // A run that is paused is exported by its files, too.
    if (!lineage) return;
    await claimFiles(out, [LINEAGE], { overwrite: overwrite || own });
    await writeFolder(out, { [LINEAGE]: writeLineage({ ...lineage, trainRows: rows, steps: step }) });
  }

  /** The numbers of every step. */
  get steps(): LoggedStep[] {
    return this.#lines.flatMap((line) => readLine(line) ?? []);
  }

  get curve(): LossCurve {
    const { steps } = this;
    const before = steps.at(0)?.evalLossBefore;
    return {
      steps,
      evals: [
        ...(before === undefined ? [] : [{ step: 0, loss: before }]),
        ...steps.flatMap(({ step, evalLoss }) => (evalLoss === undefined ? [] : [{ step, loss: evalLoss }])),
      ],
      samples: [],
    };
  }

  get failure(): GraftError | undefined {
    return this.#log?.failure;
  }

  hear(event: RunEvent): void {
    if (event.type === 'general') this.note({ general_loss: event.loss });
    else this.#log?.add(event);
  }

  /** Flushes all lines of the log to the disk. @throws GraftError `file-write`, `file-gone` */
  async settle(): Promise<void> {
    this.#log?.sync();
    if (this.failure) throw this.failure;
  }

  /** The rows are made again from their files. @throws GraftError `file-write` */
  async state(state: TrainerState, _rows?: RunRows, _status?: string): Promise<void> {
    await this.saveTo(this.run.out, state);
  }

  /** Saves a state in this folder or another. @returns the folder of the state @throws GraftError `file-write` */
  saveTo(folder: string, state: TrainerState): Promise<string> {
    const { fingerprint, begun } = this.run;
    return saveRun(folder, { state, fingerprint, begun }, this.#lines);
  }

  /** @throws GraftError `file-write`, `file-gone` */
  async result(learned: Learned, ending: Ending): Promise<void> {
    const { out } = this.run;
    await this.settle();
    if (ending !== 'failed') await forgetEarlier(out);
    await this.#write(learned);
    this.learned = learned;
    if (ending !== 'failed') await forgetSaved(out);
  }

  /** Keeps the last state of a run that has a result, from which other programs continue it. @throws GraftError `file-write` */
  async keepEnd({ best: _, start: __, ...state }: TrainerState): Promise<void> {
    const { out, fingerprint, begun, overwrite } = this.run;
    const files = endedFiles({ state, fingerprint, begun });
    await claimFiles(out, Object.keys(files), { overwrite });
    await writeFolder(out, files);
  }

  /** Adds numbers to the line of the last step. */
  note(values: Readonly<Record<string, number>>): void {
    this.#log?.note(values);
  }

  close(): void {
    this.#log?.close();
  }

  async #write(learned: Learned): Promise<void> {
    const { out, session, subject, rows, dataSha256, baseModel, afterPrompt, overwrite } = this.run;
    const { adapter, options } = subject;
    const { tensors } = learned;
    const { lineage } = this.run;
    const lineageFile = lineage && {
      [LINEAGE]: writeLineage({
        ...lineage,
        trainRows: rows,
        steps: learned.step,
        ...(learned.bestEvalLoss !== undefined && { evalLoss: learned.bestEvalLoss }),
        ...(this.peakBytes !== undefined && { peakBytes: this.peakBytes }),
      }),
    };
    if (!adapter) {
      const copied = (await companionsOf(session.files)).map(({ name }) => name);
      await claimFiles(out, [...Object.keys(lineageFile ?? {}), ...copied, MODEL_WEIGHTS], { overwrite });
      if (lineageFile) await writeFolder(out, lineageFile);
      await writeModelFolder(session, tensors, out);
      return;
    }
    const made = {
      baseModel: basename(resolve(baseModel)),
      model: session.model,
      ...{ options, rows, dataSha256, afterPrompt },
      baseLicence: await licenceOf(session.files),
    };
    const how = lineage?.recipe && {
      how: { recipe: lineage.recipe, ...(lineage.made && { made: lineage.made }) },
    };
    const facts = { ...cardFacts(made, learned, this.curve), ...how };
    const added = addedTokens(adapter.modules);
    const beside = { ...lineageFile, ...(added && (await tokenizerFiles(session.files, added))) };
    const files = weightsLast({ ...beside, ...writePeft({ ...adapter, tensors }, facts) });
    await claimFiles(out, Object.keys(files), { overwrite });
    await writeFolder(out, files);
  }

  get #lines(): readonly string[] {
    return this.#log?.lines ?? [];
  }
}
