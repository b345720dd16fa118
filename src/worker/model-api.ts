/** The part of the worker's API that is about base models: those that a person brings, and those that this browser keeps. */
import type { BaseWeights, GraftWorker, ModelRef, Progress } from './api.ts';
import { baseOptions, chosenWeights, forgetWeights, keepWeights } from './base-weights.ts';
import { folderOfFiles, type OpenModel } from './model.ts';
import type { Models } from './models.ts';
import { listener, outcome } from './outcome.ts';
import type { Runs } from './runs.ts';
import type { Session } from './session.ts';

type ModelApi = Pick<
  GraftWorker,
  'openModel' | 'openKeptModel' | 'planBase' | 'holdBase' | 'stopModel' | 'listModels' | 'deleteModel'
>;

interface Rooms {
  readonly models: Models;
  readonly session: Session;
  readonly runs: Runs;
  readonly openRef: (
    model: ModelRef,
    onProgress: (progress: Progress) => void,
    baseWeights?: BaseWeights,
  ) => Promise<OpenModel>;
}

export function modelApi({ models, session, runs, openRef }: Rooms): ModelApi {
  let copying: AbortController | undefined;
  return {
    openModel: (name, files, onProgress) =>
      outcome(() =>
        runs.withGpu(async () => {
          const told = listener(onProgress);
          copying = new AbortController();
          const { source, notKept } = await models.add(
            name,
            folderOfFiles(name || 'The folder', files, 'config.json'),
            told,
            copying.signal,
          );
          copying = undefined;
          await runs.release();
          const baseWeights = await chosenWeights(source, await session.device());
          const { info } = await session.openModel({ ...source, baseWeights }, told);
          return { model: info, ...(notKept && { notKept }) };
        }),
      ),
    openKeptModel: (name, onProgress, baseWeights) =>
      outcome(() =>
        runs.withGpu(async () => {
          const model = { name, bundled: false };
          if (!session.has(model, baseWeights)) await runs.release();
          return { model: (await openRef(model, listener(onProgress), baseWeights)).info };
        }),
      ),
    planBase: (embeddings) =>
      outcome(async () => ({
        options: baseOptions(session.opened ?? (await session.model()), embeddings),
      })),
    holdBase: (baseWeights, onProgress) =>
      outcome(() =>
        runs.withGpu(async () => {
          const told = listener(onProgress);
          const { source } = await session.model(told);
          if (!session.has(source, baseWeights)) await runs.release();
          const { info } = await openRef(source, told, baseWeights);
          await keepWeights(source, baseWeights);
          return { model: info };
        }),
      ),
    stopModel: async () => copying?.abort(),
    listModels: () => outcome(async () => ({ models: await models.list() })),
    deleteModel: (name) =>
      outcome(async () => {
        if (session.source?.name === name && !session.source.bundled) {
          await runs.withGpu(async () => {
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
