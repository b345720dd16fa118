/** Something tuned, measured for the table: on the test rows and by what it forgot, next to the base. */
import { learnerOf } from '../../adapters/learners.ts';
import { sizeOf } from '../../engine/tensor.ts';
import type { Forgetting } from '../../evaluate/forgetting.ts';
import type { AskedModel } from '../../evaluate/forgetting-check.ts';
import { medianSeconds, type RunTook } from '../../evaluate/run-took.ts';
import { GraftError } from '../../errors.ts';
import { trainedPart } from '../../model/trained-part.ts';
import { readRun } from '../../storage/runs.ts';
import type { StoredRun } from '../../storage/records.ts';
import type { Progress, FormSpec, Sample, TunedChoice, TunedMeasurement } from '../api.ts';
import { isSameBase } from '../models/bases.ts';
import { rowsOf } from '../data/data.ts';
import { evaluate, type TunedModel } from './evaluation.ts';
import { askedAbout, measureAfter, measureBase } from './general-text.ts';
import { openModel, type ModelSource, type OpenModel } from '../models/model.ts';
import { otherModel } from '../runs/other-model.ts';
import type { Session } from '../session.ts';
import type { TunedAnswerer, EvalWatch } from './eval-session.ts';

/**
 * The resources that runs took.
 *
 * @param open the open model, for the number of trained weights of a full fine-tuning
 */
export async function tookOfRuns(
  ids: readonly string[],
  open: OpenModel | undefined,
): Promise<Record<string, RunTook>> {
  const kept = await Promise.all(ids.map((id) => readRun(id)));
  return Object.fromEntries(
    kept.flatMap((found) => (found ? [[found.run.id, tookOfRun(found.run, open)] as const] : [])),
  );
}

function tookOfRun({ steps, settings, takenBytes, baseModel }: StoredRun, open?: OpenModel): RunTook {
  const options = settings as FormSpec;
  const secondsPerStep = medianSeconds(steps);
  const isOpen = open !== undefined && isSameBase(baseModel, open.source.name);
  return {
    ...(takenBytes !== undefined && { peakBytes: takenBytes }),
    ...(secondsPerStep !== undefined && { secondsPerStep }),
    ...(learnerOf(options).trainsModel && isOpen && { parameters: learned(open, options) }),
  };
}

function learned({ model: { definition } }: OpenModel, options: FormSpec): number {
  return definition.weights
    .filter(trainedPart(definition, options))
    .reduce((sum, { shape }) => sum + sizeOf(shape), 0);
}

interface Request {
  readonly tuned: TunedChoice;
  readonly sample: Sample;
  readonly onProgress: (progress: Progress) => void;
  readonly signal: AbortSignal;
}

/**
 * A model that full fine-tuning left is opened next to the base while it is measured.
 *
 * @param openKept finds a model that this browser keeps
 * @throws GraftError `worker-aborted`, `run-missing`, `run-other-model`, `model-missing`, and those of an evaluation
 */
export async function measureTuned(
  session: Session,
  { tuned, sample, onProgress, signal }: Request,
  openKept: (name: string) => Promise<ModelSource>,
): Promise<TunedMeasurement> {
  const open = await session.model();
  const subject = 'id' in tuned ? tuned : await openTuned(tuned.runId, open, openKept, onProgress);
  try {
    const forgetting = (of: TunedAnswerer | undefined) => forgetter(session, of, { onProgress, signal });
    const request = { adapters: [subject], sample, forgetting, onProgress, signal };
    const evaluation = await evaluate(session, request);
    // An incomplete measurement cannot be compared with the others.
    if (signal.aborted) throw stopped();
    const lacks = evaluation.subjects.flatMap((one) => one.lacks ?? []);
    const forgot = lacks.find(({ name }) => name === 'Forgetting');
    if (forgot)
      throw new GraftError(
        'worker-forgetting',
        `${forgot.name} could not be measured. ${forgot.reason}`,
        'Measure again.',
      );
    return { sample, evaluation };
  } catch (error) {
    throw signal.aborted && !open.model.device.failure ? stopped() : error;
  } finally {
    if ('model' in subject) await free(subject);
  }
}

/** Measures what something tuned forgot, next to what the base knows; for the base alone what it knows. */
export const forgetter =
  (session: Session, tuned: TunedAnswerer | undefined, watch: EvalWatch) => async (): Promise<Forgetting> =>
    forgottenBy(session, await session.model(), tuned, watch);

async function forgottenBy(
  session: Session,
  open: OpenModel,
  tuned: TunedAnswerer | undefined,
  { onProgress, signal }: EvalWatch,
): Promise<Forgetting> {
  const { data } = session;
  if (!data) throw new GraftError('worker-no-data', 'No data is open.', 'Open examples first.');
  const validation = rowsOf(data, 'validation');
  const own = askedAbout(validation.length > 0 ? validation : rowsOf(data, 'train'));
  const toldBy =
    (by: Progress['by']): AskedModel['onDone'] =>
    (what, done, total) => {
      signal.throwIfAborted();
      onProgress({ what, by, general: true, done, total });
    };
  const known = (data.base.knows ??= await measureBase(open, own, toldBy('base')));
  if (!tuned) return known.forgetting;
  const asked =
    'model' in tuned
      ? { model: tuned.model, onDone: toldBy('model') }
      : { model: open.model, adapter: tuned.adapter, onDone: toldBy('adapter') };
  return measureAfter(open, asked, own, known);
}

/** The model that a run left, on the device next to the base. */
async function openTuned(
  runId: string,
  open: OpenModel,
  openKept: (name: string) => Promise<ModelSource>,
  onProgress: (progress: Progress) => void,
): Promise<TunedModel> {
  const kept = await readRun(runId);
  if (kept?.run.keptModel === undefined)
    throw new GraftError(
      'run-missing',
      'This run has no model that is kept.',
      'It was deleted, perhaps in another tab: choose another.',
    );
  const { run } = kept;
  if (!isSameBase(run.baseModel, open.source.name)) throw otherModel(run, open);
  const source = await openKept(kept.run.keptModel);
  const { model } = await openModel(open.model.device, source, onProgress);
  const { name } = run.settings as FormSpec;
  return {
    model,
    origin: { name, runId, step: stepsOf(run) },
    trainedOn: {
      ...{ projectId: run.projectId, runId },
      ...(run.data && { data: run.data }),
      ...(run.dataOptions && { dataOptions: run.dataOptions }),
    },
  };
}

const stepsOf = ({ steps }: StoredRun): number => steps.at(-1)?.step ?? 0;

async function free({ model }: TunedModel): Promise<void> {
  if (model.device.failure) return;
  await model.device.settle();
  await model.destroy();
}

const stopped = (): GraftError =>
  new GraftError(
    'worker-aborted',
    'The measurement was stopped before it was complete.',
    'Complete measurements are kept.',
  );
