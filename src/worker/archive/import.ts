/** One zip of everything → what this browser does not have yet, beside what it has. What cannot be read is left out, with the reason. */
import * as v from 'valibot';
import { GraftError } from '../../errors.ts';
import { decodeUtf8, isObject, parseJson } from '../../json.ts';
import { readRecord, writeRecords } from '../../storage/everything.ts';
import type { ModelStore } from '../../storage/models.ts';
import { purgeProject } from '../../storage/projects.ts';
import type { StoredFiles } from '../../storage/records.ts';
import { ADAPTER_LIMITS, WEIGHTS as ADAPTER_WEIGHTS } from '../adapters.ts';
import type { ImportReport, Progress } from '../api.ts';
import { versionOf } from '../projects.ts';
import * as layout from './layout.ts';
import { ZipReader } from './zip-reader.ts';

/** Bytes of one JSON file: the rows of a run are the largest. */
const MAX_JSON = 400 * 2 ** 20;
const MAX_SMALL_JSON = 2 ** 20;
/** Bytes of one binary file that is held in memory. */
const MAX_FILE = 2 ** 31 - 1;
/** Of an adapter's weights; the largest type that they come in. */
const BYTES_PER_PARAMETER = 8;
const MAX_SETTINGS = 1000;
const CHECKPOINT_FILES = ['state.json', 'state.safetensors'];

const RESULT_NAMES = {
  baseline: 'Baseline',
  fewShot: 'Baseline with examples',
  evaluation: 'Evaluation',
  chat: 'Conversation',
};

export interface ImportOptions {
  readonly store: ModelStore;
  readonly onProgress: (progress: Progress) => void;
}

/** @throws GraftError `zip-…`, `archive-format`, `archive-newer`, `storage-…`, which ends it; what was added until then stays */
export async function importEverything(
  name: string,
  file: Blob,
  options: ImportOptions,
): Promise<ImportReport> {
  const zip = await ZipReader.open(name, file);
  await checkManifest(name, zip);
  const importer = new Importer(zip, options);
  await importer.run();
  return { ...importer.added, skipped: importer.skipped };
}

async function checkManifest(name: string, zip: ZipReader): Promise<void> {
  if (!zip.names.includes('graft.json')) {
    throw new GraftError(
      'archive-format',
      `${name} is no export of Graft: it has no graft.json.`,
      'Choose a file that “Export everything” wrote. An adapter’s own zip is imported under Use.',
    );
  }
  const { version } = await readJson(zip, 'graft.json', layout.ManifestFile, MAX_SMALL_JSON);
  if (version > layout.VERSION) {
    throw new GraftError(
      'archive-newer',
      `${name} was written by a newer Graft (format ${version}; this one reads up to ${layout.VERSION}).`,
      'Update the app, then import it.',
    );
  }
}

class Importer {
  readonly added = { projects: 0, dataSets: 0, runs: 0, adapters: 0, results: 0, models: 0 };
  readonly skipped: { what: string; why: string }[] = [];
  /** Folders of projects that are here, before or now. */
  readonly #projects = new Map<string, string>();

  constructor(
    private readonly zip: ZipReader,
    private readonly options: ImportOptions,
  ) {}

  async run(): Promise<void> {
    const { names } = this.zip;
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
    await this.#each(matching(/^models\/\d{1,6}\/model\.json$/), (path) => this.#model(path));
    await this.#each(matching(/^settings\.json$/), (path) => this.#settings(path));
  }

  /** One after the other. What is wrong with one does not keep the next one out; that the disk is full does. */
  async #each(paths: readonly string[], add: (path: string) => Promise<void>): Promise<void> {
    for (const [done, path] of paths.entries()) {
      this.options.onProgress({ what: 'reading', done, total: paths.length });
      try {
        await add(path);
      } catch (error) {
        if (!(error instanceof GraftError) || error.code.startsWith('storage-')) throw error;
        this.#skip(path, error.what);
      }
    }
  }

  #skip(what: string, why: string): void {
    this.skipped.push({ what, why });
  }

  #projectOf(path: string): string {
    const folder = path.split('/', 2).join('/');
    const id = this.#projects.get(folder);
    if (id !== undefined) return id;
    throw new GraftError('archive-project', 'Its project could not be read.', '');
  }

  async #project(path: string): Promise<void> {
    const project = await readJson(this.zip, path, layout.ProjectFile, MAX_SMALL_JSON * 16);
    const before = await readRecord('projects', project.id);
    if (before?.deleted !== undefined) await purgeProject(project.id);
    if (before && before.deleted === undefined) {
      this.#skip(`Project “${project.name}”`, 'Here already; anything that it lacked is added.');
    } else {
      await writeRecords([{ store: 'projects', value: project }]);
      this.added.projects++;
    }
    this.#projects.set(path.split('/', 2).join('/'), project.id);
  }

  async #data(path: string): Promise<void> {
    const projectId = this.#projectOf(path);
    const set = await readJson(this.zip, path, layout.DataFile, MAX_SMALL_JSON);
    const what = `Data set “${set.name}”`;
    const key: [string, string] = [projectId, set.version];
    if (await readRecord('data-sets', key)) return this.#skip(what, 'This version is here already.');
    const folder = layout.folderOf(path);
    const [file, heldOut] = await Promise.all(
      set.files.map(async (name, at) => ({ name, bytes: await this.zip.read(`${folder}${at}`, MAX_FILE) })),
    );
    if ((await versionOf(file, heldOut)) !== set.version)
      return this.#skip(what, 'Its rows are not those that its version names.');
    await writeRecords([
      { store: 'data-sets', value: { ...set, projectId } },
      { store: 'data-files', key, value: { file, ...(heldOut && { heldOut }) } },
    ]);
    this.added.dataSets++;
  }

  async #run(path: string): Promise<void> {
    const projectId = this.#projectOf(path);
    const run = { ...(await readJson(this.zip, path, layout.RunFile, MAX_JSON)), projectId };
    const { id } = run;
    const what = `Run “${run.settings.name}”`;
    if (await readRecord('runs', id)) return this.#skip(what, 'Here already.');
    const folder = layout.folderOf(path);
    if (!this.zip.names.includes(`${folder}checkpoint.json`)) {
      await writeRecords([{ store: 'runs', value: run }]);
    } else {
      const rows = await readJson(this.zip, `${folder}rows.json`, layout.RowsFile, MAX_JSON);
      const state = await readJson(
        this.zip,
        `${folder}checkpoint.json`,
        layout.CheckpointFile,
        MAX_SMALL_JSON,
      );
      const files = await this.#files(`${folder}checkpoint/`, CHECKPOINT_FILES, () => MAX_FILE);
      await writeRecords([
        { store: 'runs', value: run },
        { store: 'rows', key: id, value: rows },
        { store: 'checkpoints', key: id, value: { ...state, files } },
      ]);
    }
    this.added.runs++;
  }

  async #adapter(path: string): Promise<void> {
    const projectId = this.#projectOf(path);
    const adapter = await readJson(this.zip, path, layout.AdapterFile, MAX_SMALL_JSON);
    if (await readRecord('adapters', adapter.id))
      return this.#skip(`Adapter “${adapter.name}”`, 'Here already.');
    const names = Object.keys(ADAPTER_LIMITS);
    const limits = { ...ADAPTER_LIMITS };
    // A larger file is not the adapter of this record.
    limits[ADAPTER_WEIGHTS] = Math.min(
      limits[ADAPTER_WEIGHTS],
      BYTES_PER_PARAMETER * adapter.parameters + MAX_SMALL_JSON,
    );
    const files = await this.#files(layout.folderOf(path), names, (name) => limits[name]);
    await writeRecords([
      { store: 'adapters', value: { ...adapter, projectId } },
      { store: 'adapter-files', key: adapter.id, value: files },
    ]);
    this.added.adapters++;
  }

  async #result(path: string): Promise<void> {
    const projectId = this.#projectOf(path);
    const result = await readJson(this.zip, path, layout.ResultFile, MAX_JSON);
    if (await readRecord('results', [projectId, result.kind]))
      return this.#skip(RESULT_NAMES[result.kind], 'The project has one already.');
    await writeRecords([{ store: 'results', value: { ...result, projectId } }]);
    this.added.results++;
  }

  async #files(
    folder: string,
    names: readonly string[],
    limit: (name: string) => number,
  ): Promise<StoredFiles> {
    const files: Record<string, Uint8Array<ArrayBuffer>> = {};
    for (const name of names) files[name] = await this.zip.read(folder + name, limit(name));
    return files;
  }

  async #model(path: string): Promise<void> {
    const { store, onProgress } = this.options;
    const { name, source, licence, files } = await readJson(this.zip, path, layout.ModelFile, MAX_SMALL_JSON);
    if ((await store.list()).some((model) => model.name === name))
      return this.#skip(`Model ${name}`, 'A model of this name is here already.');
    const folder = `${layout.folderOf(path)}files/`;
    const total = files.reduce((sum, file) => sum + (this.zip.size(folder + file) ?? 0), 0);
    let done = 0;
    const writer = await store.create({
      name,
      files,
      resumable: false,
      ...(source !== undefined && { source }),
    });
    try {
      for (const file of files) {
        for await (const chunk of this.zip.chunks(folder + file)) {
          await writer.append(file, chunk);
          onProgress({ what: 'keeping', done: (done += chunk.byteLength), total });
        }
      }
      await writer.commit(licence === undefined ? {} : { licence });
    } catch (error) {
      await writer.abort();
      throw error;
    }
    this.added.models++;
  }

  async #settings(path: string): Promise<void> {
    const settings = await readJson(this.zip, path, v.record(v.string(), v.unknown()), MAX_SMALL_JSON);
    for (const [key, value] of Object.entries(settings).slice(0, MAX_SETTINGS))
      if ((await readRecord('settings', key)) === undefined)
        await writeRecords([{ store: 'settings', key, value }]);
  }
}

async function readJson<Schema extends v.GenericSchema>(
  zip: ZipReader,
  path: string,
  schema: Schema,
  limit: number,
): Promise<v.InferOutput<Schema>> {
  const value = parseJson(decodeUtf8(await zip.read(path, limit), path), path);
  const parsed = v.safeParse(schema, value, { abortEarly: true });
  if (isObject(value) && parsed.success) return parsed.output;
  const why = parsed.success
    ? 'it is no object'
    : `${v.getDotPath(parsed.issues[0]) ?? ''} ${parsed.issues[0].message}`.trim();
  throw new GraftError('archive-record', `${path} is not as Graft writes it: ${why.slice(0, 200)}.`, '');
}
