/** The worker's API for all stored data: exporting all of it or one project, importing, and deleting. */
import { contentOf } from '../../model/content.ts';
import { deleteEverything } from '../../storage/everything.ts';
import type { GraftWorker, ModelRef, OnProgress } from '../api.ts';
import type { BaseFile } from './layout.ts';
import type { Downloads } from '../models/downloads.ts';
import type { Models } from '../models/models.ts';
import { listener, outcome } from '../outcome.ts';
import type { Projects } from '../projects/projects.ts';
import type { RowDownloads } from '../data/row-downloads.ts';
import type { Runs } from '../runs/runs.ts';
import type { Session } from '../session.ts';
import { unstopped } from '../stopping.ts';
import { otherTab, someTabTrains } from '../device/training-lock.ts';

type ArchiveApi = Pick<GraftWorker, 'exportAll' | 'exportProject' | 'importAll' | 'deleteAll'>;

interface Rooms {
  readonly models: Models;
  readonly downloads: Downloads;
  readonly rowDownloads: RowDownloads;
  readonly session: Session;
  readonly runs: Runs;
  readonly projects: Projects;
}

/** Answers the page's calls about everything that is stored. */
export function archiveApi({ models, downloads, rowDownloads, session, runs, projects }: Rooms): ArchiveApi {
  const { store } = models;

  /** Every Graft has the bundled model, so its content is only included if it is known anyway. */
  const describeBase = async ({ name, bundled }: ModelRef): Promise<BaseFile> => {
    const open = session.opened;
    if (open?.source.name === name && open.source.bundled === bundled && bundled)
      return { name, bundled, content: open.content };
    const kept = bundled ? undefined : (await store.list()).find((model) => model.name === name);
    if (!kept) return { name, bundled };
    const { source, licence } = kept;
    return {
      ...{ name, bundled, content: await contentOf(await store.open(name)) },
      ...(source !== undefined && { source }),
      ...(licence !== undefined && { licence }),
    };
  };

  const pack = async (
    what: { readonly models: boolean; readonly project?: string },
    onProgress: OnProgress | undefined,
    signal: AbortSignal,
  ): Promise<Blob> => {
    // Rarely needed code is loaded on demand.
    const { exportArchive } = await import('./export.ts');
    return exportArchive({ ...what, store, describeBase, onProgress: listener(onProgress), signal });
  };

  return {
    exportAll: (withModels, onProgress, signal = unstopped()) =>
      outcome(async () => {
        const file = await pack({ models: withModels }, onProgress, signal);
        return { fileName: `graft-${today()}.zip`, file };
      }),
    exportProject: (id, onProgress, signal = unstopped()) =>
      outcome(async () => {
        const { name } = await projects.find(id);
        const file = await pack({ models: false, project: id }, onProgress, signal);
        return { fileName: `graft-${fileWords(name)}-${today()}.zip`, file };
      }),
    importAll: (file, onProgress, signal = unstopped()) =>
      outcome(async () => {
        const { importArchive } = await import('./import.ts');
        const report = await importArchive(file.name, file, {
          store,
          onProgress: listener(onProgress),
          signal,
        });
        return { report };
      }),
    deleteAll: () =>
      outcome(async () => {
        if (!runs.busy && (await someTabTrains())) throw otherTab();
        await runs.withDevice(async () => {
          await runs.release();
          await session.dropModel();
        });
        await downloads.cancelAll();
        await rowDownloads.dropAll();
        for (const { name } of await store.list()) await store.delete(name);
        await (await import('./folder-zip.ts')).clearExported();
        await deleteEverything();
        return {};
      }),
  };
}

const today = (): string => new Date().toISOString().slice(0, 10);

/** The characters of a name that every file system takes. */
function fileWords(name: string): string {
  const words = name
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '-');
  return words.replace(/^-|-$/g, '').slice(0, 40) || 'project';
}
