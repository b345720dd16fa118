/** Projects as the page sees them, and the one that is open in this tab: runs and imports belong to it. */
import { HELD_BYTES, readFrom, contentSize } from '../../data/file-content.ts';
import { GraftError } from '../../errors.ts';
import { deleteDataSet, listDataSets, openDataSet, readDataSet } from '../../storage/data-sets.ts';
import {
  changeProject,
  findProject,
  listProjects,
  markProject,
  putProject,
  type ProjectChange,
  type ProjectOverview,
} from '../../storage/projects.ts';
import type { StoredDataFiles, StoredDataSet } from '../../storage/records.ts';
import type {
  DataFile,
  DataName,
  DataOptions,
  DataRef,
  DataSetInfo,
  DataSummary,
  ModelRef,
  OtherFiles,
  ProjectInfo,
} from '../api.ts';
import { BUNDLED } from '../models/model.ts';

const MAX_NAME = 120;

export class Projects {
  /** The project that is open in this tab. */
  id: string | undefined;
  readonly #open: () => ModelRef | undefined;

  /** @param open the open model, with which a new project works */
  constructor(open: () => ModelRef | undefined) {
    this.#open = open;
  }

  async list(): Promise<ProjectInfo[]> {
    return (await listProjects()).map(infoOf);
  }

  /** @param model that it works with: the open one if left out, or else the bundled one */
  async create(name: string, model?: ModelRef): Promise<ProjectInfo> {
    const now = Date.now();
    const { name: base, bundled } = model ?? this.#open() ?? { name: BUNDLED, bundled: true };
    const project = await putProject({
      id: crypto.randomUUID(),
      name: nameOf(name),
      created: now,
      changed: now,
      model: { name: base, bundled },
      place: 'task',
      page: {},
    });
    this.id = project.id;
    return infoOf({ project, runs: 0, resumable: 0, adapters: 0 });
  }

  /** @throws GraftError `project-missing` */
  async find(id: string): Promise<ProjectInfo> {
    const found = await findProject(id);
    if (!found) throw missingProject();
    return infoOf(found);
  }

  /** The open project, or a new one of this name. */
  async ensure(name: string): Promise<string> {
    if (this.id !== undefined && (await findProject(this.id))) return this.id;
    return (await this.create(name)).id;
  }

  /** As `ensure`; if there is no room to write a new one, it is written with its first run. */
  async ensureForRun(name: string): Promise<string> {
    try {
      return await this.ensure(name);
    } catch (error) {
      if (!(error instanceof GraftError && error.code === 'storage-full')) throw error;
      return (this.id = crypto.randomUUID());
    }
  }

  async update(id: string, { name, ...change }: ProjectChange): Promise<void> {
    await changeProject(id, { ...change, ...(name !== undefined && { name: nameOf(name) }) });
  }

  async delete(id: string): Promise<void> {
    await markProject(id, Date.now());
  }

  async restore(id: string): Promise<void> {
    await markProject(id, undefined);
  }

  /** Keeps a data set as the open one of the open project, or of a new project. */
  async keepData(
    keep: DataName,
    version: string,
    options: DataOptions,
    { format, rows }: Pick<DataSummary, 'format' | 'rows'>,
    file: DataFile,
    { heldOut, more = [] }: OtherFiles,
  ): Promise<DataSetInfo> {
    const files = [file, ...(heldOut ? [heldOut] : []), ...more];
    const projectId = await this.ensure(keep.name);
    const before = await this.find(projectId);
    const set: StoredDataSet = {
      projectId,
      version,
      name: nameOf(keep.name),
      created: Date.now(),
      ...(keep.sample !== undefined && { sample: keep.sample }),
      options,
      files: files.map(({ name }) => name),
      ...(more.length > 0 && { more: more.length }),
      format,
      rows: rows.train + rows.validation + rows.test,
      bytes: files.reduce((sum, { bytes }) => sum + contentSize(bytes), 0),
    };
    const kept = await openDataSet(set, {
      file,
      ...(heldOut && { heldOut }),
      ...(more.length > 0 && { more }),
    });
    // A name that nobody chose follows the rows, until something is made of them.
    if (before.runs === 0 && before.adapters === 0 && isDefault(before.name, before.data?.name))
      await this.update(projectId, { name: keep.name });
    return dataInfoOf(kept);
  }

  /**
   * The files of a data set as the project keeps them, if some are not in memory. These are read from there from now on: a person may change or move
   * those that they were chosen from.
   */
  async keptFiles(
    version: string,
    file: DataFile,
    { heldOut, more = [] }: OtherFiles,
  ): Promise<StoredDataFiles | undefined> {
    const files = [file, ...(heldOut ? [heldOut] : []), ...more];
    if (this.id === undefined || !files.some(({ bytes }) => bytes instanceof Blob)) return undefined;
    const saved = await readDataSet(this.id, version);
    if (!saved) return undefined;
    const kept = aside(saved.files);
    const { file: first, heldOut: test, more: others = [] } = kept;
    [first, ...(test ? [test] : []), ...others].forEach((one, at) => readFrom(files[at].bytes, one.bytes));
    return kept;
  }

  async listData(): Promise<DataSetInfo[]> {
    return this.id === undefined ? [] : (await listDataSets(this.id)).map(dataInfoOf);
  }

  /** @throws GraftError `data-missing` */
  async readData(version: string): Promise<{ set: DataSetInfo; file: DataFile } & OtherFiles> {
    const saved = this.id === undefined ? undefined : await readDataSet(this.id, version);
    if (!saved) {
      throw new GraftError(
        'data-missing',
        'This data set is not kept any more.',
        'It was deleted, perhaps in another tab: import its file again.',
      );
    }
    return { set: dataInfoOf(saved.set), ...aside(saved.files) };
  }

  async deleteData(version: string): Promise<void> {
    if (this.id !== undefined) await deleteDataSet(this.id, version);
  }
}

/** Files of which no large one is in memory, as those of earlier versions are. */
function aside({ file, heldOut, more }: StoredDataFiles): StoredDataFiles {
  const one = (given: DataFile): DataFile => {
    const { bytes } = given;
    const isLarge = !(bytes instanceof Blob) && bytes.length > HELD_BYTES;
    return isLarge ? { ...given, bytes: new Blob([bytes]) } : given;
  };
  return {
    file: one(file),
    ...(heldOut && { heldOut: one(heldOut) }),
    ...(more && { more: more.map(one) }),
  };
}

export function refOf({ name, version, created }: DataRef): DataRef {
  return { name, version, created };
}

function infoOf({ project, data, runs, resumable, adapters }: ProjectOverview): ProjectInfo {
  const { id, name, created, changed, model, place, page } = project;
  return {
    ...{ id, name, created, changed, model, place, page, runs, resumable, adapters },
    ...(data && { data: dataInfoOf(data) }),
  };
}

function dataInfoOf({
  name,
  version,
  created,
  sample,
  options,
  format,
  rows,
  bytes,
}: StoredDataSet): DataSetInfo {
  return {
    ...{ name, version, created, format, rows, bytes },
    options: options as DataOptions,
    ...(sample !== undefined && { sample }),
  };
}

/** Whether a project is still called as its rows, perhaps with a number that tells it apart. */
function isDefault(name: string, rows: string | undefined): boolean {
  return rows !== undefined && name.startsWith(rows) && /^(?: \d+)?$/.test(name.slice(rows.length));
}

function nameOf(name: string): string {
  return name.trim().slice(0, MAX_NAME) || 'Untitled';
}

/** The error `project-missing`, for the caller to throw. */
export function missingProject(): GraftError {
  return new GraftError(
    'project-missing',
    'This project is not here any more.',
    'It was deleted, perhaps in another tab: choose another.',
  );
}
