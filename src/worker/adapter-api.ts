/** The part of the worker's API that is about adapters that are kept: the library, and models merged of them. */
import type { Merge } from '../export/merge-folder.ts';
import { adapterFiles, findAdapter } from '../storage/adapters.ts';
import { listRuns } from '../storage/runs.ts';
import { measureSpace } from '../storage/space.ts';
import type { Library } from './adapters.ts';
import type { BaseWeights, GraftWorker, ModelRef } from './api.ts';
import { isSameBase, type Bases } from './bases.ts';
import type { OpenModel } from './model.ts';
import { listener, outcome } from './outcome.ts';
import type { Projects } from './projects.ts';
import type { Queue } from './queue.ts';
import { unknownAdapter, type Session } from './session.ts';
import { stepping } from './slices.ts';

type AdapterApi = Pick<
  GraftWorker,
  | 'listAdapters'
  | 'updateAdapter'
  | 'deleteAdapter'
  | 'restoreAdapter'
  | 'exportAdapter'
  | 'importAdapter'
  | 'stopAdapters'
  | 'planMerge'
  | 'merge'
  | 'stopMerging'
>;

interface Rooms {
  readonly library: Library;
  readonly bases: Bases;
  readonly projects: Projects;
  readonly session: Session;
  readonly queue: Queue;
  readonly openOrThrow: () => Promise<OpenModel>;
}

export function adapterApi({ library, bases, projects, session, queue, openOrThrow }: Rooms): AdapterApi {
  const moving = new Set<AbortController>();
  const merging = new Set<AbortController>();
  const stoppable = async <T>(
    controllers: Set<AbortController>,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> => {
    const controller = new AbortController();
    controllers.add(controller);
    try {
      return await work(controller.signal);
    } finally {
      controllers.delete(controller);
    }
  };
  const stop = async (controllers: Set<AbortController>): Promise<void> => {
    for (const controller of controllers) controller.abort();
  };

  return {
    listAdapters: () => outcome(async () => ({ adapters: await library.list() })),
    updateAdapter: (id, change) => outcome(async () => ({ adapter: await library.update(id, change) })),
    deleteAdapter: (id) =>
      outcome(async () => {
        await library.delete(id);
        // Its place on the GPU is freed when the GPU is free; the page does not wait for that.
        void outcome(() => queue.run(() => session.forget(id)).then(() => ({})));
        return {};
      }),
    restoreAdapter: (id) => outcome(async () => ({ adapter: await library.restore(id) })),
    exportAdapter: (id, beside, onProgress) =>
      outcome(() =>
        stoppable(moving, (signal) =>
          library.export(id, bases, beside, { onProgress: listener(onProgress), signal }),
        ),
      ),
    importAdapter: (name, files, onProgress) =>
      outcome(async () => {
        const open = await openOrThrow();
        const adapter = await stoppable(moving, (signal) =>
          library.import(name, files, open, () => projects.ensure(name), {
            onProgress: listener(onProgress),
            signal,
          }),
        );
        return { adapter };
      }),
    stopAdapters: () => stop(moving),

    planMerge: (id) =>
      outcome(async () => {
        const found = await prepare(id, session, bases);
        if ('otherBase' in found) return found;
        const { usage, quota } = await measureSpace();
        return { plan: { ...found.merge.plan, free: Math.max(0, quota - usage) } };
      }),
    merge: (id, target, onProgress) =>
      outcome(() =>
        stoppable(merging, async (signal) => {
          const found = await prepare(id, session, bases);
          if ('otherBase' in found) throw bases.notOpen(found.otherBase.baseModel);
          const { merge } = found;
          const { deliverFolder } = await import('./merged-zip.ts');
          const step = stepping('merging', { onProgress: listener(onProgress), signal });
          return deliverFolder(merge.plan.folder, merge.files, target, step);
        }),
      ),
    stopMerging: () => stop(merging),
  };
}

/** @throws GraftError `worker-no-adapter`, `adapter-…`, `weights-…` */
async function prepare(
  id: string,
  session: Session,
  bases: Bases,
): Promise<{ merge: Merge } | { otherBase: { baseModel: string; model?: ModelRef } }> {
  const [adapter, files] = await Promise.all([findAdapter(id), adapterFiles(id)]);
  if (!adapter || !files) throw unknownAdapter();
  const { baseModel, name, runId } = adapter;
  const open = session.opened;
  if (!open || !isSameBase(open.source.name, baseModel)) {
    const model = await bases.find(baseModel);
    return { otherBase: { baseModel, ...(model && { model }) } };
  }
  const held =
    (adapter.baseWeights as BaseWeights | undefined) ??
    ((await listRuns()).find(({ run }) => run.id === runId)?.run.baseWeights as BaseWeights | undefined);
  // What is rarely needed is loaded when it is.
  const { prepareMerge } = await import('../export/merge-folder.ts');
  const merge = await prepareMerge({
    ...{ baseModel, adapterName: name, adapter: files },
    base: open.source.files,
    model: open.model.definition,
    ...(held && { baseWeights: held }),
  });
  return { merge };
}
