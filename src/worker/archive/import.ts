/** A zip that Graft exported → records that this browser does not have yet. Records that cannot be read are left out, with the reason. */
import * as v from 'valibot';
import { GraftError } from '../../errors.ts';
import {
  deleteRecords,
  storedRecord,
  writeRecords,
  type AnyRecord,
  type RecordPlace,
} from '../../storage/everything.ts';
import { contentOf } from '../../model/content.ts';
import type { ModelStore } from '../../storage/models.ts';
import { apart, listProjects, purgeProject } from '../../storage/projects.ts';
import type { ModelRef, StoredFiles } from '../../storage/records.ts';
import { ADAPTER_LIMITS, WEIGHTS as ADAPTER_WEIGHTS } from '../library/adapters.ts';
import type { ImportReport, MissingBase, Progress } from '../api.ts';
import { withHashes } from '../data/file-hashes.ts';
import { versionOf } from '../../data/options.ts';
import { unpackDocument, vectorBytes } from './documents.ts';
import * as layout from './layout.ts';
import { ArchiveSource } from './source.ts';
import { ZipReader } from '../../export/zip/reader.ts';

/** Bytes of one JSON file: the rows of a run are the largest. */
const MAX_JSON = 400 * 2 ** 20;
const MAX_SMALL_JSON = 2 ** 20;
/** Bytes of one binary file that is held in memory. */
const MAX_FILE = 2 ** 31 - 1;
/** The largest dtype of an adapter's weights: F64. */
const BYTES_PER_PARAMETER = 8;
const MAX_SETTINGS = 1000;
const CHECKPOINT_FILES = ['state.json', 'state.safetensors'];

const RESULT_NAMES = {
  looks: 'Looks at the test part',
  baseline: 'Baseline',
  fewShot: 'Baseline with examples',
  evaluation: 'Evaluation',
  chat: 'Conversation',
  preferences: 'Preferences',
  further: 'Further run',
  lineage: 'Stages and their tests',
  tuned: 'Table of what was tuned',
  log: 'Log of use',
  questions: 'Questions about documents',
  retrievers: 'Recall of tuned encoders',
};

export interface ImportOptions {
  readonly store: ModelStore;
  readonly onProgress: (progress: Progress) => void;
  readonly signal: AbortSignal;
}

/**
 * @throws GraftError `worker-aborted`: the import is undone. `zip-…`, `archive-format`, `archive-newer`, `storage-…`, which end it too;
 *   records that were added until then are complete, and stay
 */
export async function importArchive(name: string, file: Blob, options: ImportOptions): Promise<ImportReport> {
  const source = new ArchiveSource(await ZipReader.open(name, file), options);
  await checkManifest(name, source);
  const importer = new Importer(source, options);
  try {
    await importer.run();
  } catch (error) {
    if (options.signal.aborted) await importer.takeBack();
    throw error;
  }
  return { ...importer.added, skipped: importer.skipped, missing: importer.missing };
}

async function checkManifest(name: string, source: ArchiveSource): Promise<void> {
  if (!source.names.includes('graft.json')) {
    throw new GraftError(
      'archive-format',
      `${name} is not an export of Graft: it has no graft.json.`,
      'Choose a file that “Export everything” or “Share” wrote. An adapter’s own zip is imported under Use.',
    );
  }
  const { version } = await source.json('graft.json', layout.ManifestFile, MAX_SMALL_JSON);
  if (version > layout.VERSION) {
    throw new GraftError(
      'archive-newer',
      `${name} was written by a newer Graft (format ${version}; this one reads up to ${layout.VERSION}).`,
      'Update the app, then import it.',
    );
  }
}

interface ImportedProject {
  readonly id: string;
  readonly name: string;
  readonly base: layout.BaseFile;
  /** The name of its base model here. */
  readonly here: string;
}

/** Runs and adapters of a project may be of other models than the one that it works with now. */
function nameOf(baseModel: string, { base, here }: ImportedProject): string {
  return baseModel === base.name ? here : baseModel;
}

function placeOf(record: AnyRecord): RecordPlace {
  if (record.store === 'data-sets')
    return { store: record.store, key: [record.value.projectId, record.value.version] };
  if (record.store === 'data-steps')
    return {
      store: record.store,
      key: [record.value.projectId, record.value.version, record.value.number],
    };
  if (record.store === 'results')
    return { store: record.store, key: [record.value.projectId, record.value.kind] };
  if (record.store === 'feedback')
    return { store: record.store, key: [record.value.projectId, record.value.id] };
  if (record.store === 'documents')
    return { store: record.store, key: [record.value.projectId, record.value.file] };
  if (record.store === 'document-indexes') return { store: record.store, key: record.value.projectId };
  if (
    record.store === 'projects' ||
    record.store === 'runs' ||
    record.store === 'adapters' ||
    record.store === 'sweeps'
  )
    return { store: record.store, key: record.value.id };
  return { store: record.store, key: record.key } as RecordPlace;
}

class Importer {
  readonly added = {
    projects: 0,
    dataSets: 0,
    runs: 0,
    adapters: 0,
    results: 0,
    feedback: 0,
    sweeps: 0,
    documents: 0,
    models: 0,
  };
  readonly skipped: { what: string; why: string }[] = [];
  readonly missing: MissingBase[] = [];
  /** Projects that are here, before or now, by their folders. */
  readonly #projects = new Map<string, ImportedProject>();
  /** Projects whose documents this import began. */
  readonly #indexes = new Set<string>();
  /** The places of added records, and names of added models: a stop removes them. */
  readonly #records: RecordPlace[] = [];
  readonly #models: string[] = [];

  constructor(
    private readonly source: ArchiveSource,
    private readonly options: ImportOptions,
  ) {}

  async run(): Promise<void> {
    const { names } = this.source;
    const matching = (pattern: RegExp): string[] => names.filter((path) => pattern.test(path));
    await this.#each(matching(/^projects\/[\w-]{1,64}\/project\.json$/), (path) => this.#project(path));
    await this.#each(matching(/^projects\/[^/]+\/data\/[0-9a-f]{64}\/data\.json$/), (path) =>
      this.#data(path),
    );
    await this.#each(matching(/^projects\/[^/]+\/runs\/[\w-]{1,64}\/run\.json$/), (path) => this.#run(path));
    await this.#each(matching(/^projects\/[^/]+\/adapters\/[\w-]{1,64}\/adapter\.json$/), (path) =>
      this.#adapter(path),
    );
    await this.#each(matching(/^projects\/[^/]+\/results\/\w{1,20}\.json$/), (path) => this.#result(path));
    await this.#each(matching(/^projects\/[^/]+\/feedback\/[\w-]{1,64}\.json$/), (path) =>
      this.#feedback(path),
    );
    await this.#each(matching(/^projects\/[^/]+\/sweeps\/[\w-]{1,64}\.json$/), (path) => this.#sweep(path));
    await this.#each(matching(/^projects\/[^/]+\/documents\/index\.json$/), (path) =>
      this.#documentIndex(path),
    );
    await this.#each(matching(/^projects\/[^/]+\/documents\/\d{1,6}\/document\.json$/), (path) =>
      this.#document(path),
    );
    await this.#each(matching(/^models\/\d{1,6}\/model\.json$/), (path) => this.#model(path));
    await this.#each(matching(/^settings\.json$/), (path) => this.#settings(path));
    for (const project of this.#projects.values()) await this.#checkBase(project);
  }

  /** As if nothing had been imported. */
  async takeBack(): Promise<void> {
    await deleteRecords(this.#records);
    for (const name of this.#models) await this.options.store.delete(name);
  }

  /** One after the other. A fault in one does not stop the next; a full disk does. */
  async #each(paths: readonly string[], add: (path: string) => Promise<void>): Promise<void> {
    for (const path of paths) {
      this.source.begin();
      try {
        await add(path);
      } catch (error) {
        const ends = this.options.signal.aborted || !(error instanceof GraftError);
        if (ends || error.code.startsWith('storage-')) throw error;
        this.#skip(path, error.what);
      }
      this.source.end(path);
    }
  }

  /** Writes records together, and remembers their places. */
  async #write(records: readonly AnyRecord[]): Promise<void> {
    await writeRecords(records);
    this.#records.push(...records.map(placeOf));
  }

  #skip(what: string, why: string): void {
    this.skipped.push({ what, why });
  }

  #projectOf(path: string): ImportedProject {
    const project = this.#projects.get(path.split('/', 2).join('/'));
    if (project) return project;
    throw new GraftError('archive-project', 'Its project could not be read.', '');
  }

  async #project(path: string): Promise<void> {
    const project = await this.source.json(path, layout.ProjectFile, MAX_SMALL_JSON * 16);
    const base = await this.#baseOf(layout.archiveFolder(path), project.model);
    // The same model may have another name here.
    const name = project.model.bundled ? project.model.name : await this.#nameHere(base);
    const before = await storedRecord('projects', project.id);
    if (before?.deleted !== undefined) await purgeProject(project.id);
    if (before && before.deleted === undefined) {
      this.#skip(`Project “${project.name}”`, 'Here already: only what it lacked is added.');
    } else {
      const here = await listProjects();
      const added = apart(
        { ...project, model: { ...project.model, name } },
        here.map((known) => known.project),
      );
      await this.#write([{ store: 'projects', value: added }]);
      this.added.projects++;
    }
    const folder = path.split('/', 2).join('/');
    this.#projects.set(folder, { id: project.id, name: project.name, base, here: name });
  }

  /** Older files only name the base. */
  async #baseOf(folder: string, model: ModelRef): Promise<layout.BaseFile> {
    const path = `${folder}base.json`;
    return this.source.names.includes(path) ? this.source.json(path, layout.BaseFile, MAX_SMALL_JSON) : model;
  }

  /** The name that a base model has in this browser: its own, unless its content is here under another. */
  async #nameHere({ name, content }: layout.BaseFile): Promise<string> {
    if (content === undefined) return name;
    const { store } = this.options;
    const names = (await store.list()).map((model) => model.name);
    const [first, ...others] = [name, ...names.filter((other) => other !== name)];
    for (const candidate of names.includes(first) ? [first, ...others] : others)
      if ((await contentOf(await store.open(candidate))) === content) return candidate;
    return name;
  }

  /** Whether the base is here; models of the same file are by now. */
  async #checkBase({ name: project, base, here }: ImportedProject): Promise<void> {
    if (base.bundled) return;
    const { store } = this.options;
    const found = (await store.list()).some((model) => model.name === here);
    const { content, source } = base;
    const other = found && content !== undefined && (await contentOf(await store.open(here))) !== content;
    if (found && !other) return;
    this.missing.push({
      ...{ project, name: base.name, other },
      ...(content !== undefined && { content }),
      ...(source !== undefined && { source }),
    });
  }

  async #data(path: string): Promise<void> {
    const { id: projectId } = this.#projectOf(path);
    const set = await this.source.json(path, layout.DataSetFile, MAX_SMALL_JSON);
    const what = `Data set “${set.name}”`;
    const key: [string, string] = [projectId, set.version];
    if (await storedRecord('data-sets', key)) return this.#skip(what, 'This version is here already.');
    const folder = layout.archiveFolder(path);
    const [file, ...beside] = await Promise.all(
      set.files.map(async (name, at) => ({
        name,
        bytes: await this.source.content(`${folder}${at}`, MAX_FILE),
      })),
    );
    // The last of them are more rows; the rest is test rows.
    const { more: count = 0 } = set;
    const tests = beside.length - count;
    const heldOut = tests === 1 ? beside[0] : undefined;
    const more = beside.slice(Math.max(0, tests));
    const hashed = await withHashes({ file, ...(heldOut && { heldOut }), ...(more.length > 0 && { more }) });
    if (tests < 0 || tests > 1 || (await versionOf(hashed.file, hashed)) !== set.version)
      return this.#skip(what, 'Its rows are not those that its version names.');
    const history = `${folder}steps.json`;
    const { steps } = this.source.names.includes(history)
      ? await this.source.json(history, layout.StepsFile, MAX_JSON)
      : { steps: [] };
    await this.#write([
      ...steps.map((step): AnyRecord => ({
        store: 'data-steps',
        value: { ...step, projectId, version: set.version },
      })),
      { store: 'data-sets', value: { ...set, projectId } },
      { store: 'data-files', key, value: hashed },
    ]);
    this.added.dataSets++;
  }

  async #run(path: string): Promise<void> {
    const project = this.#projectOf(path);
    const kept = await this.source.json(path, layout.RunFile, MAX_JSON);
    const run = { ...kept, projectId: project.id, baseModel: nameOf(kept.baseModel, project) };
    const { id } = run;
    const what = `Run “${run.settings.name}”`;
    if (await storedRecord('runs', id)) return this.#skip(what, 'Here already.');
    const folder = layout.archiveFolder(path);
    if (!this.source.names.includes(`${folder}checkpoint.json`)) {
      await this.#write([{ store: 'runs', value: run }]);
    } else {
      const rows = await this.source.json(`${folder}rows.json`, layout.RowsFile, MAX_JSON);
      const state = await this.source.json(`${folder}checkpoint.json`, layout.CheckpointFile, MAX_SMALL_JSON);
      const files = await this.#files(`${folder}checkpoint/`, CHECKPOINT_FILES, () => MAX_FILE);
      await this.#write([
        { store: 'runs', value: run },
        { store: 'rows', key: id, value: rows },
        { store: 'checkpoints', key: id, value: { ...state, files } },
      ]);
    }
    this.added.runs++;
  }

  async #adapter(path: string): Promise<void> {
    const project = this.#projectOf(path);
    const adapter = await this.source.json(path, layout.AdapterFile, MAX_SMALL_JSON);
    const here = await storedRecord('adapters', adapter.id);
    if (here && here.deleted === undefined) return this.#skip(`Adapter “${adapter.name}”`, 'Here already.');
    const names = Object.keys(ADAPTER_LIMITS);
    const limits = { ...ADAPTER_LIMITS };
    // A larger file is not the adapter of this record.
    limits[ADAPTER_WEIGHTS] = Math.min(
      limits[ADAPTER_WEIGHTS],
      BYTES_PER_PARAMETER * adapter.parameters + MAX_SMALL_JSON,
    );
    const files = await this.#files(layout.archiveFolder(path), names, (name) => limits[name]);
    await this.#write([
      {
        store: 'adapters',
        value: { ...adapter, projectId: project.id, baseModel: nameOf(adapter.baseModel, project) },
      },
      { store: 'adapter-files', key: adapter.id, value: files },
    ]);
    // Those of a sweep are in no library.
    if (adapter.sweep === undefined) this.added.adapters++;
  }

  async #result(path: string): Promise<void> {
    const { id: projectId } = this.#projectOf(path);
    const result = await this.source.json(path, layout.ResultFile, MAX_JSON);
    if (await storedRecord('results', [projectId, result.kind]))
      return this.#skip(RESULT_NAMES[result.kind], 'The project has one already.');
    await this.#write([{ store: 'results', value: { ...result, projectId } }]);
    this.added.results++;
  }

  async #feedback(path: string): Promise<void> {
    const { id: projectId } = this.#projectOf(path);
    const said = await this.source.json(path, layout.FeedbackFile, MAX_SMALL_JSON * 16);
    if (await storedRecord('feedback', [projectId, said.id]))
      return this.#skip('Feedback on an answer', 'Here already.');
    await this.#write([{ store: 'feedback', value: { ...said, projectId } }]);
    this.added.feedback++;
  }

  async #sweep(path: string): Promise<void> {
    const { id: projectId } = this.#projectOf(path);
    const sweep = await this.source.json(path, layout.SweepFile, MAX_SMALL_JSON * 16);
    if (await storedRecord('sweeps', sweep.id)) return this.#skip(`Sweep “${sweep.name}”`, 'Here already.');
    await this.#write([{ store: 'sweeps', value: { ...sweep, projectId } }]);
    this.added.sweeps++;
  }

  async #documentIndex(path: string): Promise<void> {
    const { id: projectId } = this.#projectOf(path);
    const index = await this.source.json(path, layout.DocumentIndexFile, MAX_SMALL_JSON);
    if (await storedRecord('document-indexes', projectId)) return;
    await this.#write([{ store: 'document-indexes', value: { ...index, projectId } }]);
    this.#indexes.add(projectId);
  }

  async #document(path: string): Promise<void> {
    const { id: projectId } = this.#projectOf(path);
    const given = await this.source.json(path, layout.DocumentFile, MAX_JSON);
    const key: [string, string] = [projectId, given.file];
    if (await storedRecord('documents', key)) return this.#skip(`Document “${given.file}”`, 'Here already.');
    const index = await storedRecord('document-indexes', projectId);
    const beside = `${layout.archiveFolder(path)}vectors`;
    const bytes =
      given.vectors && this.source.names.includes(beside)
        ? await this.source.read(beside, vectorBytes(given))
        : undefined;
    const { document, text, vectors } = unpackDocument(projectId, given, bytes);
    // What a tab has read of the documents is no longer all.
    if (index && !this.#indexes.has(projectId))
      await writeRecords([{ store: 'document-indexes', value: { ...index, revision: crypto.randomUUID() } }]);
    await this.#write([
      { store: 'documents', value: document },
      { store: 'document-texts', key, value: text },
      ...(vectors ? [{ store: 'document-vectors' as const, key, value: vectors }] : []),
    ]);
    this.added.documents++;
  }

  async #files(
    folder: string,
    names: readonly string[],
    limit: (name: string) => number,
  ): Promise<StoredFiles> {
    const files: Record<string, Uint8Array<ArrayBuffer>> = {};
    for (const name of names) files[name] = await this.source.read(folder + name, limit(name));
    return files;
  }

  async #model(path: string): Promise<void> {
    const { store } = this.options;
    const { name, source, licence, files } = await this.source.json(path, layout.ModelFile, MAX_SMALL_JSON);
    if ((await store.list()).some((model) => model.name === name))
      return this.#skip(`Model ${name}`, 'A model of this name is here already.');
    const folder = `${layout.archiveFolder(path)}files/`;
    const writer = await store.create({
      name,
      files,
      resumable: false,
      ...(source !== undefined && { source }),
    });
    try {
      for (const file of files) {
        for await (const chunk of this.source.zip.chunks(folder + file)) {
          await writer.append(file, chunk);
          this.source.report(chunk.byteLength);
        }
      }
      await writer.commit(licence === undefined ? {} : { licence });
    } catch (error) {
      await writer.abort();
      throw error;
    }
    this.#models.push(name);
    this.added.models++;
  }

  async #settings(path: string): Promise<void> {
    const settings = await this.source.json(path, v.record(v.string(), v.unknown()), MAX_SMALL_JSON);
    for (const [key, value] of Object.entries(settings).slice(0, MAX_SETTINGS))
      if ((await storedRecord('settings', key)) === undefined)
        await this.#write([{ store: 'settings', key, value }]);
  }
}
