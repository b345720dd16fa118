/** All stored data, or one project → one zip. Records are read one at a time; weights are referenced, not copied. */
import { listDataSteps } from '../../storage/data-steps.ts';
import { GraftError } from '../../errors.ts';
import { readDocument } from '../../storage/documents.ts';
import { listKeys, listProjectKeys, storedRecord } from '../../storage/everything.ts';
import type { ModelStore } from '../../storage/models.ts';
import type { ModelRef, StoredFiles } from '../../storage/records.ts';
import type { Progress } from '../api.ts';
import { missingProject } from '../projects/projects.ts';
import { packDocument } from './documents.ts';
import { ARCHIVE_FORMAT, VERSION, type BaseFile } from './layout.ts';
import { documentSettings } from '../documents/settings.ts';
import { ZipWriter } from '../../export/zip/writer.ts';

export interface ExportOptions {
  readonly store: ModelStore;
  /** This project alone, without the settings of the browser. */
  readonly project?: string;
  /** Whether it contains base models: they are large, and can be downloaded again. */
  readonly models: boolean;
  /** The facts about a project's base model. */
  readonly describeBase: (model: ModelRef) => Promise<BaseFile>;
  readonly onProgress: (progress: Progress) => void;
  readonly signal: AbortSignal;
}

/** @throws GraftError `storage-…`, `project-missing`, `worker-aborted` */
export async function exportArchive(options: ExportOptions): Promise<Blob> {
  const { models, project: only, describeBase, onProgress, signal } = options;
  const zip = new ZipWriter();
  const json = (path: string, value: unknown): Promise<void> => zip.text(path, JSON.stringify(value));
  await json('graft.json', { format: ARCHIVE_FORMAT, version: VERSION, created: Date.now() });
  const keys = await listProjectKeys(only);
  const total = Object.values(keys).reduce((sum, list) => sum + list.length, 0);
  let done = 0;
  const next = (): void => {
    if (signal.aborted) throw stopped();
    onProgress({ what: 'packing', done: done++, total, bytes: zip.size });
  };
  const hidden = new Set<string>();
  for (const key of keys.projects) {
    next();
    const project = await storedRecord('projects', key);
    if (only !== undefined && (!project || project.deleted !== undefined)) throw missingProject();
    if (project?.deleted !== undefined) hidden.add(key);
    if (!project || hidden.has(key)) continue;
    await json(`projects/${key}/project.json`, project);
    await json(`projects/${key}/base.json`, await describeBase(project.model));
    const index = await storedRecord('document-indexes', key);
    if (index)
      await json(`projects/${key}/documents/index.json`, {
        revision: index.revision,
        settings: documentSettings(index.settings),
      });
  }
  for (const key of keys.sets) {
    next();
    const [set, files] = [await storedRecord('data-sets', key), await storedRecord('data-files', key)];
    if (!set || !files || hidden.has(set.projectId)) continue;
    const folder = `projects/${set.projectId}/data/${set.version}`;
    await json(`${folder}/data.json`, set);
    const steps = await listDataSteps(set.projectId, set.version);
    if (steps.length > 0) await json(`${folder}/steps.json`, { steps });
    const { file: rows, heldOut, more = [] } = files;
    for (const [at, file] of [rows, ...(heldOut ? [heldOut] : []), ...more].entries())
      await zip.file(`${folder}/${at}`, new Blob([file.bytes]));
  }
  const addFiles = async (folder: string, files: StoredFiles): Promise<void> => {
    for (const [name, bytes] of Object.entries(files)) await zip.file(`${folder}/${name}`, new Blob([bytes]));
  };
  for (const key of keys.runs) {
    next();
    const run = await storedRecord('runs', key);
    if (!run || hidden.has(run.projectId)) continue;
    const folder = `projects/${run.projectId}/runs/${key}`;
    await json(`${folder}/run.json`, run);
    const [rows, checkpoint] = [await storedRecord('rows', key), await storedRecord('checkpoints', key)];
    if (!rows || !checkpoint) continue;
    const { files, ...state } = checkpoint;
    await json(`${folder}/rows.json`, rows);
    await json(`${folder}/checkpoint.json`, state);
    await addFiles(`${folder}/checkpoint`, files);
  }
  for (const key of keys.adapters) {
    next();
    const [adapter, files] = [await storedRecord('adapters', key), await storedRecord('adapter-files', key)];
    if (!adapter || adapter.deleted !== undefined || !files || hidden.has(adapter.projectId)) continue;
    const folder = `projects/${adapter.projectId}/adapters/${key}`;
    await json(`${folder}/adapter.json`, adapter);
    await addFiles(folder, files);
  }
  for (const key of keys.results) {
    next();
    const result = await storedRecord('results', key);
    if (result && !hidden.has(result.projectId))
      await json(`projects/${result.projectId}/results/${result.kind}.json`, result);
  }
  for (const key of keys.feedback) {
    next();
    const said = await storedRecord('feedback', key);
    if (said && !hidden.has(said.projectId))
      await json(`projects/${said.projectId}/feedback/${said.id}.json`, said);
  }
  for (const key of keys.sweeps) {
    next();
    const sweep = await storedRecord('sweeps', key);
    if (sweep && !hidden.has(sweep.projectId))
      await json(`projects/${sweep.projectId}/sweeps/${key}.json`, sweep);
  }
  for (const [at, [projectId, name]] of keys.documents.entries()) {
    next();
    const kept = hidden.has(projectId) ? undefined : await readDocument(projectId, name);
    if (!kept) continue;
    const { file, vectors } = packDocument(kept);
    const folder = `projects/${projectId}/documents/${at}`;
    await json(`${folder}/document.json`, file);
    if (vectors) await zip.file(`${folder}/vectors`, new Blob([vectors]));
  }
  if (only === undefined) {
    const settings = (await listKeys('settings')).map(async (key) => [
      key,
      await storedRecord('settings', key),
    ]);
    await json('settings.json', Object.fromEntries(await Promise.all(settings)));
  }
  if (models) await addModels(zip, options);
  return zip.finish();
}

async function addModels(zip: ZipWriter, { store, onProgress, signal }: ExportOptions): Promise<void> {
  const kept = await store.list();
  const total = kept.reduce((sum, { bytes }) => sum + bytes, 0);
  let done = 0;
  for (const [at, { name, source, licence, files }] of kept.entries()) {
    const names = files.map((file) => file.name);
    await zip.text(`models/${at}/model.json`, JSON.stringify({ name, source, licence, files: names }));
    for (const file of names) {
      if (signal.aborted) throw stopped();
      const blob = await store.blob(name, file);
      await zip.file(`models/${at}/files/${file}`, blob, (bytes) =>
        onProgress({ what: 'keeping', done: (done += bytes), total }),
      );
    }
  }
}

function stopped(): GraftError {
  return new GraftError('worker-aborted', 'The export was stopped.', 'Start it again when you like.');
}
