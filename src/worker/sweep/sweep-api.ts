/** Sweeps for the page. Their code is loaded with the first call. */
import { GraftError } from '../../errors.ts';
import type { EncoderPort } from '../../evaluate/methods/method.ts';
import {
  adapterOfRun,
  adaptersOfSweep,
  deleteSweep,
  dropRun,
  keepAdapterOfRun,
  listSweeps,
  putSweep,
  findSweep,
} from '../../storage/sweeps.ts';
import type { GraftWorker, Progress, Prompting } from '../api.ts';
import type { SweepsApi } from '../api/sweeps.ts';
import type { DataSet } from '../data/data.ts';
import { evaluate } from '../evaluation/evaluation.ts';
import type { OpenModel } from '../models/model.ts';
import { listener, outcome } from '../outcome.ts';
import type { Projects } from '../projects/projects.ts';
import type { Runs } from '../runs/runs.ts';
import { unknownAdapter, type Session } from '../session.ts';
import { otherTab, tellTabs } from '../device/training-lock.ts';
import type { Sweeps } from './sweeps.ts';

interface Rooms {
  readonly runs: Runs;
  readonly projects: Projects;
  readonly openOrThrow: () => Promise<OpenModel>;
  readonly openDataOrThrow: () => DataSet;
  readonly forecastRuns: GraftWorker['forecastRuns'];
  /** Before the first run: the encoder of documents leaves the device. */
  readonly makeRoom: () => Promise<void>;
  readonly session: Session;
  /** The encoder that finds examples for prompts, where it is asked for. */
  readonly encoderOf: (
    prompting: Prompting | undefined,
    onProgress: (progress: Progress) => void,
  ) => Promise<EncoderPort | undefined>;
}

/** A sweep holds it from its first run to its last. */
const SWEEPING = 'graft-sweep';

const alone = <T>(work: () => Promise<T>): Promise<T> =>
  navigator.locks.request(SWEEPING, { ifAvailable: true }, (lock) => {
    if (!lock) throw otherTab();
    return work();
  }) as Promise<T>;

const elsewhere = async (): Promise<boolean> =>
  (await navigator.locks.query()).held?.some(({ name }) => name === SWEEPING) ?? false;

/** The calls of the page for sweeps, each with its outcome. */
export function sweepApi({
  runs,
  projects,
  openOrThrow,
  openDataOrThrow,
  forecastRuns,
  makeRoom,
  session,
  encoderOf,
}: Rooms): SweepsApi {
  let loading: Promise<Sweeps> | undefined;
  const load = (): Promise<Sweeps> =>
    (loading ??= import('./sweeps.ts').then(
      ({ Sweeps: Made }) =>
        new Made({
          store: {
            list: listSweeps,
            read: findSweep,
            put: putSweep,
            delete: deleteSweep,
            drop: dropRun,
            adapters: adaptersOfSweep,
            keepAdapter: keepAdapterOfRun,
          },
          trainer: runs,
          open: openOrThrow,
          data: openDataOrThrow,
          projectOf: (name) => projects.ensureForRun(name),
          async forecast(asked) {
            const found = await forecastRuns(asked);
            return found.ok ? found.times : [];
          },
          async measure({ projectId, runId, data, sample, onProgress, signal }) {
            const id = await adapterOfRun(projectId, runId);
            if (id === undefined) throw unknownAdapter();
            const encoder = await encoderOf(sample.prompting, onProgress);
            const request = { adapters: [{ id }], sample, data, encoder, onProgress, signal };
            const record = await runs.withDevice(() => evaluate(session, request));
            // A stopped one has the first rows only.
            if (!signal.aborted) return record;
            throw new GraftError(
              'worker-aborted',
              'The measurement was stopped.',
              'Continue it when you like.',
            );
          },
          ...{ alone, elsewhere, changed: tellTabs },
        }),
    ));
  return {
    planSweep: (ask, form) => outcome(async () => ({ forecast: await (await load()).plan(ask, form) })),
    startSweep: (ask, form, onEvent, sample) =>
      outcome(async () => {
        await makeRoom();
        return (await load()).start(ask, form, listener(onEvent), sample);
      }),
    continueSweep: (id, onEvent) =>
      outcome(async () => {
        await makeRoom();
        return (await load()).continue(id, listener(onEvent));
      }),
    async pauseSweep() {
      if (loading) (await loading).pause();
    },
    cancelSweep: (id) => outcome(async () => ({ sweep: await (await load()).cancel(id) })),
    listSweeps: () => outcome(async () => ({ sweeps: await (await load()).list() })),
    deleteSweep: (id) =>
      outcome(async () => {
        await (await load()).delete(id);
        return {};
      }),
    readFolds: (id) => outcome(async () => ({ evaluation: await (await load()).joined(id) })),
    keepSwept: (id, run) => outcome(async () => ({ sweep: await (await load()).keep(id, run) })),
  };
}
