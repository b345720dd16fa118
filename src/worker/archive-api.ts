/** The part of the worker's API that is about all that is kept: taking it along, bringing it back, deleting it. */
import { deleteEverything } from '../storage/everything.ts';
import type { GraftWorker } from './api.ts';
import type { Downloads } from './downloads.ts';
import type { Models } from './models.ts';
import { listener, outcome } from './outcome.ts';
import type { Runs } from './runs.ts';
import type { Session } from './session.ts';
import { otherTab, someTabTrains } from './training-lock.ts';

type ArchiveApi = Pick<GraftWorker, 'exportAll' | 'stopExport' | 'importAll' | 'deleteAll'>;

interface Rooms {
  readonly models: Models;
  readonly downloads: Downloads;
  readonly session: Session;
  readonly runs: Runs;
}

export function archiveApi({ models, downloads, session, runs }: Rooms): ArchiveApi {
  let exporting: AbortController | undefined;
  return {
    exportAll: (withModels, onProgress) =>
      outcome(async () => {
        // What is rarely needed is loaded when it is.
        const { exportEverything } = await import('./archive/export.ts');
        exporting = new AbortController();
        const file = await exportEverything({
          store: models.store,
          models: withModels,
          onProgress: listener(onProgress),
          signal: exporting.signal,
        });
        return { fileName: `graft-${new Date().toISOString().slice(0, 10)}.zip`, file };
      }),
    stopExport: async () => exporting?.abort(),
    importAll: (file, onProgress) =>
      outcome(async () => {
        const { importEverything } = await import('./archive/import.ts');
        const report = await importEverything(file.name, file, {
          store: models.store,
          onProgress: listener(onProgress),
        });
        return { report };
      }),
    deleteAll: () =>
      outcome(async () => {
        if (!runs.busy && (await someTabTrains())) throw otherTab();
        await runs.withGpu(async () => {
          await runs.release();
          await session.dropModel();
        });
        await downloads.cancelAll();
        for (const { name } of await models.store.list()) await models.store.delete(name);
        await deleteEverything();
        return {};
      }),
  };
}
