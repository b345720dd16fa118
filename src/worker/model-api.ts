/** The worker's API for base models: those that a person brings, and those that this browser keeps. */
import { GraftError } from '../errors.ts';
import { fileNameOf, type FolderFile } from '../export/folder-sink.ts';
import type { FileSet } from '../weights/bytes.ts';
import { modelFolder } from '../weights/folder.ts';
import type { BaseWeights, GraftWorker, ModelRef, Progress } from './api.ts';
import { baseOptions, chosenWeights, forgetWeights, keepWeights } from './base-weights.ts';
import { BUNDLED, folderOfFiles, type OpenModel } from './model.ts';
import type { Bases } from './bases.ts';
import type { Models } from './models.ts';
import { listener, outcome } from './outcome.ts';
import type { Runs } from './runs.ts';
import type { Session } from './session.ts';
import { stepping } from './slices.ts';

type ModelApi = Pick<
  GraftWorker,
  | 'openBundledModel'
  | 'openModel'
  | 'openKeptModel'
  | 'planBase'
  | 'holdBase'
  | 'stopModel'
  | 'exportModel'
  | 'stopModelExport'
  | 'listModels'
  | 'deleteModel'
>;

interface Rooms {
  readonly models: Models;
  readonly session: Session;
  readonly runs: Runs;
  readonly bases: Bases;
  readonly openRef: (
    model: ModelRef,
    onProgress: (progress: Progress) => void,
    baseWeights?: BaseWeights,
  ) => Promise<OpenModel>;
}

export function modelApi({ models, session, runs, bases, openRef }: Rooms): ModelApi {
  /** One for each model that is being copied or opened. */
  const working = new Set<AbortController>();
  const exporting = new Set<AbortController>();

  /** Work that `stopModel` ends at its next report of progress. */
  const stoppable = async <T>(
    onProgress: Parameters<GraftWorker['openBundledModel']>[0],
    work: (report: (progress: Progress) => void, signal: AbortSignal) => Promise<T>,
  ): Promise<T> => {
    const controller = new AbortController();
    const report = listener(onProgress);
    working.add(controller);
    try {
      return await work((progress) => {
        if (controller.signal.aborted) throw stopped();
        report(progress);
      }, controller.signal);
    } finally {
      working.delete(controller);
    }
  };
  /** The tensors in which a kept model differs from its base, as a file. */
  const deltaOf = async (base: ModelRef, tuned: FileSet): Promise<FolderFile> => {
    const { deltaFile } = await import('../export/delta.ts');
    const files = base.bundled ? await bases.bundled() : (await models.open(base.name)).files;
    return deltaFile(await modelFolder(files), tuned);
  };
  const openNamed = (
    model: ModelRef,
    onProgress: Parameters<GraftWorker['openBundledModel']>[0],
    baseWeights: BaseWeights | undefined,
  ): ReturnType<GraftWorker['openBundledModel']> =>
    outcome(() =>
      runs.withDevice(() =>
        stoppable(onProgress, async (report) => {
          if (!session.has(model, baseWeights)) await runs.release();
          return { model: (await openRef(model, report, baseWeights)).info };
        }),
      ),
    );

  return {
    openBundledModel: (onProgress, baseWeights) =>
      openNamed({ name: BUNDLED, bundled: true }, onProgress, baseWeights),
    openModel: (name, files, onProgress) =>
      outcome(() =>
        runs.withDevice(() =>
          stoppable(onProgress, async (report, signal) => {
            const folder = folderOfFiles(name || 'The folder', files, 'config.json');
            const { source, notKept } = await models.add(name, folder, report, signal);
            await runs.release();
            const baseWeights = await chosenWeights(source, await session.device());
            const { info } = await session.openModel({ ...source, baseWeights }, report);
            return { model: info, ...(notKept && { notKept }) };
          }),
        ),
      ),
    openKeptModel: (name, onProgress, baseWeights) =>
      openNamed({ name, bundled: false }, onProgress, baseWeights),
    planBase: (embeddings) =>
      outcome(async () => ({
        options: baseOptions(session.opened ?? (await session.model()), embeddings),
      })),
    holdBase: (baseWeights, onProgress) =>
      outcome(() =>
        runs.withDevice(() =>
          stoppable(onProgress, async (report) => {
            const { source } = await session.model(report);
            if (!session.has(source, baseWeights)) await runs.release();
            const { info } = await openRef(source, report, baseWeights);
            await keepWeights(source, baseWeights);
            return { model: info };
          }),
        ),
      ),
    stopModel: async () => {
      for (const controller of working) controller.abort();
    },
    exportModel: (name, target, onProgress, base) =>
      outcome(async () => {
        const controller = new AbortController();
        exporting.add(controller);
        try {
          const { files } = await models.open(name);
          // Rarely needed code is loaded on demand.
          const [{ filesOfFolder }, { deliverFolder }] = await Promise.all([
            import('../export/model-folder.ts'),
            import('./folder-zip.ts'),
          ]);
          const watch = { onProgress: listener(onProgress), signal: controller.signal };
          return await deliverFolder(
            fileNameOf(base ? `${name}-delta` : name),
            base ? [await deltaOf(base, files)] : await filesOfFolder(files),
            target,
            stepping('keeping', watch),
          );
        } finally {
          exporting.delete(controller);
        }
      }),
    stopModelExport: async () => {
      for (const controller of exporting) controller.abort();
    },
    listModels: () => outcome(async () => ({ models: await models.list() })),
    deleteModel: (name) =>
      outcome(async () => {
        if (session.source?.name === name && !session.source.bundled) {
          await runs.withDevice(async () => {
            await runs.release();
            await session.dropModel();
          });
        }
        await models.store.delete(name);
        await forgetWeights({ name, bundled: false });
        return {};
      }),
  };
}

function stopped(): GraftError {
  return new GraftError('worker-aborted', 'Opening the model was stopped.', 'Open it again when you like.');
}
