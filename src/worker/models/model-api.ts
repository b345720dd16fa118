/** The worker's API for base models: those that a person brings, and those that this browser keeps. */
import { GraftError } from '../../errors.ts';
import { fileNameOf, type FolderFile } from '../../export/folder-sink.ts';
import type { FileSet } from '../../weights/bytes.ts';
import { modelFolder } from '../../weights/folder.ts';
import type { WeightChoices, GraftWorker, ModelRef, OnProgress, Progress } from '../api.ts';
import { baseOptions, chosenWeights, forgetWeights, keepWeights } from './base-weights.ts';
import { BUNDLED, folderOfFiles, type OpenModel } from './model.ts';
import type { Bases } from './bases.ts';
import type { Models } from './models.ts';
import { listener, outcome } from '../outcome.ts';
import type { Runs } from '../runs/runs.ts';
import type { Session } from '../session.ts';
import { stepping } from '../slices.ts';
import { unstopped } from '../stopping.ts';

type ModelApi = Pick<
  GraftWorker,
  | 'openBundledModel'
  | 'openModel'
  | 'openKeptModel'
  | 'planBase'
  | 'holdBase'
  | 'exportModel'
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
    baseWeights?: WeightChoices,
  ) => Promise<OpenModel>;
}

/** Answers the page's calls about base models. */
export function modelApi({ models, session, runs, bases, openRef }: Rooms): ModelApi {
  /** Reports of progress that end the work once it is stopped. */
  const stoppable = (
    onProgress: OnProgress | undefined,
    signal: AbortSignal | undefined,
  ): ((progress: Progress) => void) => {
    const report = listener(onProgress);
    return (progress) => {
      if (signal?.aborted) throw stopped();
      report(progress);
    };
  };
  /** The tensors in which a kept model differs from its base, as a file. */
  const deltaOf = async (base: ModelRef, tuned: FileSet): Promise<FolderFile> => {
    const { deltaFile } = await import('../../export/delta.ts');
    const files = base.bundled ? await bases.bundled() : (await models.open(base.name)).files;
    return deltaFile(await modelFolder(files), tuned);
  };
  const openNamed = (
    model: ModelRef,
    ...[onProgress, baseWeights, signal]: Parameters<GraftWorker['openBundledModel']>
  ): ReturnType<GraftWorker['openBundledModel']> =>
    outcome(() =>
      runs.withDevice(async () => {
        if (!session.has(model, baseWeights)) await runs.release();
        return { model: (await openRef(model, stoppable(onProgress, signal), baseWeights)).info };
      }),
    );

  return {
    openBundledModel: (...asked) => openNamed({ name: BUNDLED, bundled: true }, ...asked),
    openModel: (name, files, onProgress, signal = unstopped()) =>
      outcome(() =>
        runs.withDevice(async () => {
          const report = stoppable(onProgress, signal);
          const folder = folderOfFiles(name || 'The folder', files, 'config.json');
          const { source, notKept } = await models.add(name, folder, report, signal);
          await runs.release();
          const baseWeights = await chosenWeights(source, await session.device());
          const { info } = await session.openModel({ ...source, baseWeights }, report);
          return { model: info, ...(notKept && { notKept }) };
        }),
      ),
    openKeptModel: (name, ...asked) => openNamed({ name, bundled: false }, ...asked),
    planBase: (embeddings) =>
      outcome(async () => ({
        options: baseOptions(session.opened ?? (await session.model()), embeddings),
      })),
    holdBase: (baseWeights, onProgress, signal) =>
      outcome(() =>
        runs.withDevice(async () => {
          const report = stoppable(onProgress, signal);
          const { source } = await session.model(report);
          if (!session.has(source, baseWeights)) await runs.release();
          const { info } = await openRef(source, report, baseWeights);
          await keepWeights(source, baseWeights);
          return { model: info };
        }),
      ),
    exportModel: (name, target, onProgress, base, signal = unstopped()) =>
      outcome(async () => {
        const { files } = await models.open(name);
        // Rarely needed code is loaded on demand.
        const [{ filesOfFolder }, { deliverFolder }] = await Promise.all([
          import('../../export/model-folder.ts'),
          import('../archive/folder-zip.ts'),
        ]);
        return deliverFolder(
          fileNameOf(base ? `${name}-delta` : name),
          base ? [await deltaOf(base, files)] : await filesOfFolder(files),
          target,
          stepping('keeping', { onProgress: listener(onProgress), signal }),
        );
      }),
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
