/** The worker's API for kept adapters: the library, and folders in other formats. */
import { GraftError } from '../../errors.ts';
import type { ChatDefaults } from '../../export/chat-page/settings.ts';
import { writtenOf } from '../../export/folder-sink.ts';
import { USUAL_TYPE, type PreparedExport } from '../../export/formats/format.ts';
import type { EXPORT_FORMATS } from '../../export/formats/registry.ts';
import { storedAdapterFiles, findAdapter } from '../../storage/adapters.ts';
import { listRuns } from '../../storage/runs.ts';
import { measureSpace } from '../../storage/space.ts';
import type { Library } from './adapters.ts';
import type { WeightChoices, ExportedChat, FormatChoice, GraftWorker, ModelRef } from '../api.ts';
import { isSameBase, type Bases } from '../models/bases.ts';
import type { OpenModel } from '../models/model.ts';
import { listener, outcome } from '../outcome.ts';
import type { Projects } from '../projects/projects.ts';
import type { Queue } from '../queue.ts';
import { unknownAdapter, type Session } from '../session.ts';
import { stepping } from '../slices.ts';
import { unstopped } from '../stopping.ts';

type AdapterApi = Pick<
  GraftWorker,
  | 'listAdapters'
  | 'updateAdapter'
  | 'deleteAdapter'
  | 'restoreAdapter'
  | 'exportAdapter'
  | 'importAdapter'
  | 'importFromHub'
  | 'exportFormats'
  | 'planExport'
  | 'exportFolder'
>;

interface Rooms {
  readonly library: Library;
  readonly bases: Bases;
  readonly projects: Projects;
  readonly session: Session;
  readonly queue: Queue;
  readonly openOrThrow: () => Promise<OpenModel>;
}

/** Answers the page's calls about kept adapters. */
export function adapterApi({ library, bases, projects, session, queue, openOrThrow }: Rooms): AdapterApi {
  return {
    listAdapters: () => outcome(async () => ({ adapters: await library.list() })),
    updateAdapter: (id, change) => outcome(async () => ({ adapter: await library.update(id, change) })),
    deleteAdapter: (id) =>
      outcome(async () => {
        await library.delete(id);
        // Its GPU memory is freed when the GPU is idle; the page does not wait for that.
        void outcome(() => queue.run(() => session.forget(id)).then(() => ({})));
        return {};
      }),
    restoreAdapter: (id) => outcome(async () => ({ adapter: await library.restore(id) })),
    exportAdapter: (id, beside, onProgress, signal = unstopped()) =>
      outcome(() => library.export(id, bases, beside, { onProgress: listener(onProgress), signal })),
    importAdapter: (name, files, onProgress, signal = unstopped()) =>
      outcome(async () => {
        const open = await openOrThrow();
        const watch = { onProgress: listener(onProgress), signal };
        return { adapters: await library.import(name, files, open, () => projects.ensure(name), watch) };
      }),
    importFromHub: (asked, token, onProgress, signal = unstopped()) =>
      outcome(async () => {
        const open = await openOrThrow();
        const { fetchAdapter } = await import('./hub-adapter.ts');
        const watch = { onProgress: listener(onProgress), signal };
        const { name, files } = await fetchAdapter(asked, token, watch);
        return { adapters: await library.import(name, files, open, () => projects.ensure(name), watch) };
      }),

    exportFormats: () =>
      outcome(async () => ({
        formats: (await allFormats()).map((format) => ({
          ...{ name: format.name, label: format.label, help: format.help },
          ...{ loses: format.loses, proof: format.proof },
          ...{ takesSystem: format.takesSystem ?? false, takesChat: format.takesChat ?? false },
          ...(format.types && { types: format.types, type: USUAL_TYPE }),
        })),
      })),
    planExport: (id, choice) =>
      outcome(async () => {
        const found = await prepare(id, choice, session, bases);
        if ('otherBase' in found) return found;
        const { folder, files, summary } = found.prepared;
        const { usage, quota } = await measureSpace();
        const { names, bytes } = writtenOf(files);
        const plan = { folder, files: names, bytes, summary };
        return { plan: { ...plan, free: Math.max(0, quota - usage) } };
      }),
    exportFolder: (id, choice, target, onProgress, signal = unstopped()) =>
      outcome(async () => {
        const found = await prepare(id, choice, session, bases);
        if ('otherBase' in found) throw bases.notOpen(found.otherBase.baseModel);
        const { folder, files } = found.prepared;
        const { deliverFolder } = await import('../archive/folder-zip.ts');
        const step = stepping('exporting', { onProgress: listener(onProgress), signal });
        return deliverFolder(folder, files, target, step);
      }),
  };
}

/** The formats are rarely needed: they are loaded on demand. */
const allFormats = async (): Promise<typeof EXPORT_FORMATS> =>
  (await import('../../export/formats/registry.ts')).EXPORT_FORMATS;

/** @throws GraftError `worker-no-adapter`, `export-format`, `adapter-…`, `weights-…` */
async function prepare(
  id: string,
  { format: formatName, type, chat }: FormatChoice,
  session: Session,
  bases: Bases,
): Promise<{ prepared: PreparedExport } | { otherBase: { baseModel: string; model?: ModelRef } }> {
  const [adapter, files] = await Promise.all([findAdapter(id), storedAdapterFiles(id)]);
  if (!adapter || !files) throw unknownAdapter();
  const { baseModel, name, runId } = adapter;
  const open = session.opened;
  if (!open || !isSameBase(open.source.name, baseModel)) {
    const model = await bases.find(baseModel);
    return { otherBase: { baseModel, ...(model && { model }) } };
  }
  const held =
    (adapter.baseWeights as WeightChoices | undefined) ??
    ((await listRuns()).find(({ run }) => run.id === runId)?.run.baseWeights as WeightChoices | undefined);
  const formats = await allFormats();
  const format = formats.find((one) => one.name === formatName);
  if (!format)
    throw new GraftError(
      'export-format',
      `There is no format ${formatName}.`,
      `Choose among ${formats.map((one) => one.name).join(', ')}.`,
    );
  const { withWholeCard } = await import('./adapter-card.ts');
  const prepared = await format.prepare({
    ...{ baseModel, adapterName: name, adapter: await withWholeCard(files, adapter, bases) },
    base: open.source.files,
    model: open.model.definition,
    place: await bases.placeOf(baseModel, false),
    ...(format.takesSystem && chat && chat.system !== '' && { system: chat.system }),
    ...(format.takesChat && chat && { chat: defaultsOf(chat) }),
    chatPage: async () => (await import('./chat-page.ts')).fetchChatPageProgram(),
    ...(held && { baseWeights: held }),
    ...(type !== undefined && { type }),
  });
  return { prepared };
}

/** Its seed stays here: each answer of a program draws its own. */
function defaultsOf({
  settings: { maxNewTokens, seed: _, ...sampling },
  single,
}: ExportedChat): ChatDefaults {
  return { sampling, maxNewTokens, stopStrings: [], ...(single && { single }) };
}
