/** The Web Worker that owns the GPU: one comlink API over the rooms. */
import { expose, transferHandlers } from 'comlink';
import { carryAbortSignals } from '../abort-signals.ts';
import { GraftError } from '../errors.ts';
import { observeRequests } from '../requests.ts';
import { purgeDeletedAdapters } from '../storage/adapters.ts';
import { purgeDeleted } from '../storage/projects.ts';
import { measureSpace } from '../storage/space.ts';
import { adapterApi } from './library/adapter-api.ts';
import { APP } from './app-address.ts';
import { Library } from './library/adapters.ts';
import { archiveApi } from './archive/archive-api.ts';
import type { WeightChoices, GraftWorker, ModelRef, Progress } from './api.ts';
import { chosenWeights } from './models/base-weights.ts';
import { Bases } from './models/bases.ts';
import { runBenchmark } from './device/benchmark.ts';
import { chat, previewPrompt } from './chat/chat.ts';
import { Checks } from './data/checks.ts';
import { curatedApi } from './curated/curated-api.ts';
import { unasked, type DataSet } from './data/data.ts';
import { editsApi } from './edits/edits-api.ts';
import { Histories, revisionToOpen } from './edits/history.ts';
import { countingLooks, haveSameRows, Looks, type LooksApi } from './edits/looks.ts';
import type { TunedAnswerer } from './evaluation/eval-session.ts';
import { evaluate, instructionFor, measureFewShot } from './evaluation/evaluation.ts';
import { Documents, documentsApi } from './documents/documents-api.ts';
import { questionLibrary, questionsApi } from './documents/questions-api.ts';
import { retrieversApi } from './documents/retrievers-api.ts';
import { downloadApi, makeDownloads } from './models/download-api.ts';
import { feedbackApi } from './chat/feedback-api.ts';
import { exampleEncoder } from './models/example-encoder.ts';
import { bytesOf } from '../data/file-content.ts';
import { fitOf } from '../data/fit.ts';
import { withHashes } from './data/file-hashes.ts';
import { versionOf } from '../data/options.ts';
import { onlyTask, preview } from '../data/row-set.ts';
import { headOf } from '../data/sheet-types.ts';
import { forecastApi } from './runs/forecast-api.ts';
import { describeDevice } from './device/devices.ts';
import { fetchBundled, openModel, type OpenModel } from './models/model.ts';
import { modelApi } from './models/model-api.ts';
import { Models } from './models/models.ts';
import { planRun } from '../runs/run-memory.ts';
import { readingWith, withNewTokens } from './runs/new-tokens.ts';
import { listener, outcome } from './outcome.ts';
import { keepOpened, projectApi } from './projects/project-api.ts';
import { Projects } from './projects/projects.ts';
import { Queue } from './queue.ts';
import { Readings } from './projects/readings.ts';
import { rewardsApi } from './evaluation/rewards-api.ts';
import { makeRowDownloads, rowFilesApi } from './data/row-files-api.ts';
import { resultsApi } from './evaluation/results-api.ts';
import { Kernels, kernelsApi } from './device/kernels-api.ts';
import { listFound, type RowQuery } from '../data/row-list.ts';
import { RowSearches } from './data/row-searches.ts';
import { Runs } from './runs/runs.ts';
import { chatTokens, Session } from './session.ts';
import { sharingApi } from './library/sharing.ts';
import { readingStopped, Slices } from './slices.ts';
import { following, unstopped } from './stopping.ts';
import { arrive, holdLock } from './tabs.ts';
import { sweepApi } from './sweep/sweep-api.ts';
import { TurnsOfRows } from './chat/taught-turns.ts';
import { watchTabs } from './device/training-lock.ts';
import { workshopApi } from './data/workshop-api.ts';

const session = new Session();
const queue = new Queue();
const library = new Library();
const projects = new Projects(() => session.source);
const runs = new Runs(
  session,
  queue,
  projects,
  (model, held) => openRef(model, () => undefined, held),
  (name) => openEncoder(name),
);
const models = new Models();
const bases = new Bases(
  async () => (await fetchBundled(APP, () => undefined)).files,
  () => models.store.list(),
  async (name) => (await models.open(name)).files,
);
const downloads = makeDownloads(models);
const documents = new Documents({
  ...{ models, session, runs },
  bundled: async () => (await fetchBundled(APP, () => undefined)).files,
});
const questions = questionLibrary(documents);
const rowDownloads = makeRowDownloads();
const readings = new Readings();
const histories = new Histories();
const looks = new Looks(projects);
const searches = new RowSearches(() => runs.busy);
const checks = new Checks();
const turnsOfRows = new TurnsOfRows();

async function openRef(
  model: ModelRef,
  onProgress: (progress: Progress) => void,
  baseWeights?: WeightChoices,
): Promise<OpenModel> {
  if (session.has(model, baseWeights)) return session.model(onProgress);
  const source =
    session.has(model) ??
    (model.bundled ? await fetchBundled(APP, onProgress) : await models.open(model.name));
  const held = baseWeights ?? (await chosenWeights(model, await session.device()));
  return session.openModel({ ...source, baseWeights: held }, onProgress);
}

/** An encoder for a run, which closes it. @throws GraftError `model-missing`, and as `openModel` */
async function openEncoder(name: string): Promise<OpenModel> {
  const { files } = await models.open(name);
  const device = await session.tunedDevice();
  const source = { name, files, bundled: false, encodes: true } as const;
  const open = await openModel(device, source, () => undefined);
  let isOpen = true;
  return {
    ...open,
    async close() {
      if (isOpen && !device.failure) await open.model.destroy();
      isOpen = false;
    },
  };
}

/** Work on a model or on data: in turn with work on the GPU, except for data while a run trains. */
function inTurn<T>(work: () => Promise<T>, stop?: AbortSignal): Promise<T> {
  return runs.busy ? work() : queue.run(work, stop);
}

/** A run gets the memory that the encoder of documents has. */
async function makeRoom(): Promise<void> {
  if (documents.onDevice && !runs.busy) await queue.run(() => documents.release());
}

const forecasts = forecastApi(session, checks, openOrThrow);

const api: Omit<GraftWorker, LooksApi> = {
  useDevice: (choice) =>
    outcome(async () => {
      const use = () => session.useDevice(choice, chosenWeights);
      const chosen = session.leavesDevice(choice)
        ? await runs.withDevice(async () => {
            await runs.release();
            return use();
          })
        : await use();
      return { device: describeDevice(chosen) };
    }),

  ...modelApi({ models, session, runs, bases, openRef }),
  ...downloadApi(downloads),
  ...documentsApi(documents, { models, runs }),
  ...questionsApi({ questions, session, runs }),
  ...retrieversApi({ documents, questions, library, models, session, runs, openEncoder }),
  ...rowFilesApi(rowDownloads, openDataOrThrow),
  ...curatedApi(session, runs, async (model) =>
    model.bundled ? (await fetchBundled(APP, () => undefined)).files : models.store.open(model.name),
  ),
  ...forecasts,
  ...sweepApi({
    ...{ runs, projects, openOrThrow, openDataOrThrow, makeRoom, session },
    encoderOf: (prompting, onProgress) => exampleEncoder(documents, prompting, onProgress),
    forecastRuns: forecasts.forecastRuns,
  }),
  ...rewardsApi(session, openOrThrow),
  ...projectApi(projects, session, runs, readings, histories),
  ...resultsApi,
  ...feedbackApi(session),

  openData: (given, options, beside = {}, onProgress, keep, stop) =>
    outcome(() => {
      const read = async (signal: AbortSignal) => {
        const slices = new Slices(listener(onProgress), signal, () => runs.busy);
        slices.check();
        const model = await openOrThrow();
        // The code that reads files is loaded with the first file.
        const [{ openData }, { partsGivenIn }] = await Promise.all([
          import('../data/open-data.ts'),
          import('../data/given-parts.ts'),
        ]);
        const { file, ...others } = await withHashes({ file: given, ...beside }, (done, total) =>
          slices.due ? slices.pause({ what: 'hashing', done, total }) : undefined,
        );
        const version = await versionOf(file, others);
        const asked = { version, options, ...(keep && { keep }) };
        const { changes, steps, options: asRead } = await revisionToOpen(asked, session, projects, histories);
        const withChanges = { ...others, ...(changes && { changes }) };
        const first = await openData(model, file, asRead, withChanges, slices, session.data);
        const isOneFile = beside.heldOut === undefined && beside.more === undefined;
        const parts =
          keep?.isNew && isOneFile ? partsGivenIn(first.data.entries, first.summary.columns) : undefined;
        const how = { ...asRead, ...parts };
        const { data, summary } = parts
          ? await openData(model, file, how, withChanges, slices, first.data)
          : first;
        if (keep?.keepsTest && session.data && haveSameRows(session.data, data))
          await looks.guard(session.data, data);
        const opened = { data: unasked(data), summary };
        // From here on it is open, and remains to be kept.
        await slices.pause({ what: 'keeping', done: 0, total: 0 });
        const what = { file, version, options: how, others, steps, ...(keep && { keep }) };
        return keepOpened(opened, session, projects, histories, what);
      };
      return readings.run(inTurn, read, following(stop, readingStopped).signal);
    }),
  checkData: (onProgress, signal = unstopped()) =>
    outcome(() => {
      const watch = { onProgress: listener(onProgress), signal };
      return checks.run(openDataOrThrow(), session.opened, watch, () => runs.busy);
    }),
  fitOfRows: () =>
    outcome(async () => {
      const { tokenizer } = await openedOrInTurn();
      const fit = fitOf(openDataOrThrow(), tokenizer);
      return fit ? { fit } : {};
    }),

  inspectData: ({ name, bytes }, options) =>
    outcome(async () => {
      const { inspectHead } = await import('../data/sheet.ts');
      return { sheet: inspectHead(headOf(bytesOf(bytes)), name, options) };
    }),

  ...editsApi({
    ...{ session, projects, histories, looks, readings, inTurn, openOrThrow, openDataOrThrow },
    find: async (data, query, watch) =>
      searches.find(data, query, (await openedOrInTurn()).tokenizer, amongOf(data, query), watch),
  }),

  listRows: (query, addTokens = [], onProgress, signal = unstopped()) =>
    outcome(async () => {
      const open = await openedOrInTurn();
      const { data, tokenizer, info, added } = await readingWith(open, openDataOrThrow(), addTokens);
      const watch = { onProgress: listener(onProgress), signal };
      const found = await searches.find(data, query, tokenizer, amongOf(data, query), watch);
      return listFound(data, found, query, tokenizer, added && info.vocabulary);
    }),

  rowStatistics: (options, onProgress, signal = unstopped()) =>
    outcome(async () => {
      const data = openDataOrThrow();
      const [{ distributing }, { labelsOf }, { epochStatistics }] = await Promise.all([
        import('../data/distribution.ts'),
        import('../data/row-columns.ts'),
        import('../runs/epoch-statistics.ts'),
      ]);
      const slices = new Slices(listener(onProgress), signal, () => runs.busy);
      const work = distributing(data, labelsOf(data.places) !== undefined);
      const distribution = await slices.through('counting', data.places.length, work);
      const batches = epochStatistics(options, onlyTask(data, options.task));
      const epoch = await slices.through('counting', data.places.length, batches);
      return { distribution, ...(epoch && { epoch }) };
    }),

  previewRow: (at, addTokens = []) =>
    outcome(async () => {
      const open = await openedOrInTurn();
      const { data, tokenizer, added } = await readingWith(open, openDataOrThrow(), addTokens);
      // A text has fewer rows with new tokens.
      const row = preview(data, added ? Math.min(at, data.entries.length - 1) : at, tokenizer);
      return { row: added ? { ...row, added, of: data.entries.length } : row };
    }),

  planRun: (options) =>
    outcome(async () => {
      const plain = await openOrThrow();
      const { maxPositions } = plain.model.definition.shape;
      const given = { options, open: plain, data: session.data };
      const { options: own, open, data } = await withNewTokens(given);
      return {
        memory: await planRun(own, open, data && onlyTask(data, options.task), chatTokens(maxPositions)),
      };
    }),
  startRun: (options, onEvent) =>
    outcome(async () => {
      await makeRoom();
      return { run: await runs.start(options, listener(onEvent)) };
    }),
  resumeRun: (id, onEvent) =>
    outcome(async () => {
      await makeRoom();
      return { run: await runs.resume(id, listener(onEvent)) };
    }),
  pauseRun: async () => runs.pause(),
  stopRun: () => runs.stop(),
  cancelRun: () => runs.cancel(),
  endRun: (id, how) => outcome(async () => ({ run: await runs.endSaved(id, how) })),
  watchTabs(onChange) {
    const tell = listener(onChange);
    watchTabs(() => tell(undefined), tell);
    return new Promise<never>(() => undefined);
  },
  listRuns: () => outcome(async () => ({ runs: await runs.list() })),
  readRun: (id) => outcome(async () => ({ run: await runs.read(id) })),
  deleteRun: (id) =>
    outcome(async () => {
      await runs.delete(id);
      return {};
    }),

  chat: (adapter, messages, settings, onText, passages, signal = unstopped()) =>
    outcome(() =>
      runs.withDevice(() =>
        chat(session, { adapter, messages, settings, onText: listener(onText), signal, passages }),
      ),
    ),
  previewPrompts: (conversations) =>
    outcome(async () => {
      // A preview never opens a model.
      const open = session.opened;
      if (!open) throw new GraftError('worker-no-model', 'No model is open.', 'Choose a model first.');
      return { prompts: conversations.map((messages) => previewPrompt(open, messages, session.data)) };
    }),
  taughtTurns: (choices) =>
    outcome(async () => {
      const turns = await turnsOfRows.of(session, choices);
      return turns ? { turns } : {};
    }),

  evaluate: (adapters, sample, onProgress, signal = unstopped()) =>
    outcome(async () => {
      const watch = { onProgress: listener(onProgress), signal };
      const tuned = sample.forgetting && (await import('./evaluation/tuned.ts'));
      const passages =
        sample.documents &&
        (await (
          await import('./documents/passage-port.ts')
        ).passagePort(documents, sample.documents, session.data));
      const encoder = await exampleEncoder(documents, sample.prompting, watch.onProgress);
      const request = {
        ...{ adapters, sample, passages, encoder, ...watch },
        ...(tuned && {
          forgetting: (of: TunedAnswerer | undefined) => tuned.forgetter(session, of, watch),
        }),
      };
      const evaluation = await runs.withDevice(() => evaluate(session, request));
      return { evaluation, stopped: signal.aborted };
    }),
  usualInstruction: (goal) => outcome(async () => ({ instruction: instructionFor(session, goal) })),
  measureFewShot: (shots, sample, onProgress, adapter = 'base', signal = unstopped()) =>
    outcome(async () => {
      const request = { shots, sample, adapter, onProgress: listener(onProgress), signal };
      const evaluation = await runs.withDevice(() => measureFewShot(session, request));
      return { evaluation, stopped: signal.aborted };
    }),
  measureTuned: (tuned, sample, onProgress, signal = unstopped()) =>
    outcome(async () => {
      const { measureTuned } = await import('./evaluation/tuned.ts');
      const request = { tuned, sample, onProgress: listener(onProgress), signal };
      return {
        measured: await runs.withDevice(() => measureTuned(session, request, (name) => models.open(name))),
      };
    }),
  lossByToken: (at, adapter, onProgress, signal = unstopped()) =>
    outcome(async () => {
      const { lossByToken } = await import('./evaluation/token-losses.ts');
      const request = { at, adapter, onProgress: listener(onProgress), signal };
      return { losses: await runs.withDevice(() => lossByToken(session, request)) };
    }),
  checkLabels: (adapter, onProgress, signal = unstopped()) =>
    outcome(async () => {
      const { checkOpenLabels } = await import('./data/label-check.ts');
      const request = { adapter, onProgress: listener(onProgress), signal };
      const { finding, check } = await runs.withDevice(() =>
        checkOpenLabels(session, openDataOrThrow(), checks, request),
      );
      return { ...(finding && { finding }), measured: check.measured };
    }),
  judge: (request, onJudged, signal = unstopped()) =>
    outcome(async () => {
      const { judgeWithModel } = await import('./evaluation/judge.ts');
      const watch = { onJudged: listener(onJudged), signal };
      return { judged: await runs.withDevice(() => judgeWithModel(session, request, watch)) };
    }),
  tookOfRuns: (ids) =>
    outcome(async () => {
      const { tookOfRuns } = await import('./evaluation/tuned.ts');
      return { took: await tookOfRuns(ids, session.opened) };
    }),
  measureLineage: (id, rows, onProgress, signal = unstopped()) =>
    outcome(async () => {
      const { measureLineage } = await import('./library/lineage.ts');
      const request = { id, rows, onProgress: listener(onProgress), signal };
      return { report: await runs.withDevice(() => measureLineage(session, request, looks)) };
    }),

  benchmark: (onProgress, signal = unstopped()) =>
    outcome(async () => ({
      benchmark: await runs.withDevice(() =>
        runBenchmark(session, {
          source: () => fetchBundled(APP, () => undefined),
          onProgress: listener(onProgress),
          signal,
        }),
      ),
    })),

  ...kernelsApi(new Kernels(session, queue)),
  ...workshopApi(session, runs, projects),
  ...sharingApi(library, bases),
  ...adapterApi({ library, bases, projects, session, queue, openOrThrow }),

  watchRequests(onRequest) {
    observeRequests(listener(onRequest));
    return new Promise<never>(() => undefined);
  },

  holdLock,

  ...archiveApi({ models, downloads, rowDownloads, session, runs, projects }),
  storage: () => outcome(measureSpace),
};

/** The open model, as far as its tokenizer and its shape: these survive a lost device. */
async function openOrThrow(): Promise<OpenModel> {
  return session.opened ?? session.model();
}

/** The same for looking at rows, which need not wait for the GPU while the model is there. */
async function openedOrInTurn(): Promise<OpenModel> {
  return session.opened ?? inTurn(openOrThrow);
}

/** The rows of the finding that a query asks for. */
function amongOf(data: DataSet, { finding }: Pick<RowQuery, 'finding'>): ReadonlySet<number> | undefined {
  return finding === undefined ? undefined : checks.rowsOf(data, finding);
}

function openDataOrThrow(): DataSet {
  if (!session.data) throw new GraftError('worker-no-data', 'No data is open.', 'Open examples first.');
  return session.data;
}

/** Deletes leftovers, unless another tab may still need them. It is not awaited, and failures show where storage is used. */
void outcome(async () => {
  // Records that are deleted from now on can still be restored: their page is open.
  const started = Date.now();
  if (!(await arrive())) return {};
  await models.store.clean();
  await purgeDeleted(started);
  await purgeDeletedAdapters(started);
  await (await import('./archive/folder-zip.ts')).clearExported();
  return {};
});
carryAbortSignals(transferHandlers);
expose(countingLooks(api, session, looks));
