/** A run in the browser's database: its record with the curve, its rows, one checkpoint, and at the end its adapter. */
import type { AdapterData } from '../../export/peft.ts';
import type { RunEvent } from '../../runs/events.ts';
import type { LossCurve, Ending, Learned, RunRows, Store } from '../../runs/store.ts';
import type { AdapterShape } from '../../runs/trainable.ts';
import type { StoredCheckpoint, StoredRun } from '../../storage/records.ts';
import { checkpointRevision, saveCheckpoint, saveEndedRun } from '../../storage/runs.ts';
import type { Reading } from '../../train/reading.ts';
import { licenceOf } from '../../weights/licence.ts';
import { writeState } from '../../train/state-files.ts';
import type { TrainerState } from '../../train/state.ts';
import type { EvalPoint, FormSpec, RunStatus, StepPoint } from '../api.ts';
import { keptAdapter } from './kept-adapter.ts';
import { BUNDLED_LICENCE, type OpenModel } from '../models/model.ts';
import { rowsToKeep, type RowsOfRun } from './rows-of-run.ts';
import { pointOf, runReading } from './run-records.ts';

/** The start of a run, new or from storage. */
export interface RunSeed {
  readonly run: StoredRun;
  readonly rows: RowsOfRun;
  /** Whether the rows are those of a large file, which are not stored with the run. */
  readonly isLarge: boolean;
  readonly checkpoint?: StoredCheckpoint;
  /** An adapter that it starts from. */
  readonly start?: AdapterData;
}

interface PageCurve extends LossCurve {
  readonly steps: readonly StepPoint[];
}

export class PageStore implements Store {
  status: RunStatus = 'running';
  /** The measurement of forgetting, if there is one. */
  forgetting: StoredRun['forgetting'];
  /** The result at the end. */
  learned: Learned | undefined;
  /** Peak bytes on the GPU while it was trained here. */
  takenBytes = 0;
  /** The id of the adapter that the run made; undefined if it made a model. */
  keptId: string | undefined;
  readonly #run: StoredRun;
  readonly #seed: Pick<RunSeed, 'rows' | 'isLarge'>;
  /** Grow with the run. */
  readonly #steps: StepPoint[];
  readonly #evals: EvalPoint[];
  readonly #samples: { step: number; text: string }[];
  #rollout: StoredRun['rollout'];
  /** The revision of the last checkpoint. */
  #revision: string | undefined;
  /** Its loss was not finite: that ends it. */
  #broke = false;
  /** The name of the model that full fine-tuning has become. */
  #keptModel: string | undefined;

  constructor(
    { run, checkpoint, ...seed }: RunSeed,
    private readonly open: OpenModel,
    /** Missing if all weights are trained. */
    private readonly adapter: AdapterShape | undefined,
    /** Reads how much GPU memory is in use. */
    private readonly weigh: () => void,
  ) {
    this.#run = run;
    this.#seed = seed;
    this.#steps = [...run.steps];
    this.#evals = [...run.evals];
    this.#samples = [...run.samples];
    this.#rollout = run.rollout;
    this.#revision = checkpoint?.revision;
    this.forgetting = run.forgetting;
  }

  get record(): StoredRun {
    return {
      ...this.#run,
      status: this.status,
      steps: this.#steps,
      evals: this.#evals,
      samples: this.#samples,
      ...(this.#rollout && { rollout: this.#rollout }),
      reading: this.reading,
      ...(this.takenBytes > 0 && { takenBytes: this.takenBytes }),
      ...(this.#keptModel !== undefined && { keptModel: this.#keptModel }),
      ...(this.forgetting && { forgetting: this.forgetting }),
    };
  }

  get curve(): PageCurve {
    return { steps: this.#steps, evals: this.#evals, samples: this.#samples };
  }

  /** The reading of the curve so far. */
  get reading(): Reading {
    return runReading({ ...this.#run, steps: this.#steps, evals: this.#evals }, this.#broke);
  }

  hear(event: RunEvent): void {
    if (event.type === 'step') this.#steps.push(pointOf(event));
    if (event.type === 'eval') {
      const { type: _, best: __, ...point } = event;
      this.#evals.push(point);
    }
    if (event.type === 'general' && this.forgetting) {
      const { step, loss } = event;
      const during = [...(this.forgetting.during ?? []), { step, loss }];
      this.forgetting = { ...this.forgetting, during };
    }
    if (event.type === 'rollout') this.#rollout = event;
    if (event.type === 'sample') this.#samples.push({ step: event.step, text: event.text });
  }

  /** The curve is kept with the checkpoint: a resumed run continues it. */
  async settle(): Promise<void> {
    // There is nothing to wait for.
  }

  /** Writes a checkpoint, the record as it stands now, and the first time the rows. @throws GraftError `storage-…` */
  async state(state: TrainerState, _rows: RunRows, status: 'running' | 'paused'): Promise<void> {
    this.weigh();
    const revision = crypto.randomUUID();
    await saveCheckpoint(
      { ...this.record, status },
      {
        revision,
        step: state.counters.step,
        files: writeState({ state, fingerprint: this.open.fingerprint }),
      },
      this.#revision === undefined ? rowsToKeep(this.#seed.rows, this.#seed.isLarge) : undefined,
    );
    this.#revision = revision;
  }

  /** Puts the result into the library, or among the kept models, and ends the run. @throws GraftError `storage-…` */
  async result(learned: Learned, ending: Ending): Promise<void> {
    this.#broke = ending === 'failed';
    this.weigh();
    const run = { ...this.record, status: ending };
    const { adapter, open } = this;
    const kept = await endRun({ run, learned, adapter, rows: this.#seed.rows.train.length }, open);
    this.keptId = kept.adapterId;
    this.#keptModel = kept.run.keptModel;
    this.learned = learned;
  }

  /** Ends the run without an adapter; its curve stays. `failed` is a loss that was not finite. @throws GraftError `storage-…` */
  async discard(status: 'cancelled' | 'failed'): Promise<void> {
    this.#broke = status === 'failed';
    await saveEndedRun({ ...this.record, status });
  }

  /** Whether the checkpoint is still the one that was written here, and not by another tab that resumed the run. */
  async isCurrent(): Promise<boolean> {
    return (await checkpointRevision(this.#run.id)) === this.#revision;
  }
}

interface EndedRun {
  readonly run: StoredRun;
  readonly learned: Learned;
  /** Missing if all weights were trained. */
  readonly adapter: AdapterShape | undefined;
  /** Rows that it was trained on. */
  readonly rows: number;
}

/** A run that has ended. */
interface KeptRun {
  readonly run: StoredRun;
  /** Missing if all weights were trained. */
  readonly adapterId?: string;
}

/** Keeps the result of a run, and writes the run as ended. @throws GraftError `storage-…` */
export async function endRun(ended: EndedRun, open: OpenModel): Promise<KeptRun> {
  const { run, learned, adapter } = ended;
  if (!adapter) {
    // The model first: if the tab is closed between the two, the run can still be resumed.
    const { name } = run.settings as FormSpec;
    // Rarely needed code is loaded on demand.
    const { keepModel } = await import('./kept-model.ts');
    const stored = { ...run, keptModel: await keepModel(name, learned.tensors, open) };
    await saveEndedRun(stored);
    return { run: stored };
  }
  const baseLicence = open.info.bundled ? BUNDLED_LICENCE : await licenceOf(open.source.files);
  const made = keptAdapter({ ...ended, adapter, baseLicence }, open);
  await saveEndedRun(run, made);
  return { run, adapterId: made.adapter.id };
}
