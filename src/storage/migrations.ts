/** Migrations of old records. Pure, so that every published shape can be tested without a browser. */
import type { StoredAdapter, StoredProject, StoredRun } from './records.ts';

/** Records of version 1: runs and adapters without a project. */
export type Adapter1 = Omit<StoredAdapter, 'projectId' | 'data'>;
export type Run1 = Omit<StoredRun, 'projectId' | 'data'>;

interface Version1 {
  readonly runs: readonly Run1[];
  readonly adapters: readonly Adapter1[];
}

interface Moved {
  readonly project: StoredProject;
  readonly runs: readonly StoredRun[];
  readonly adapters: readonly StoredAdapter[];
}

/** 1 → 2: runs and adapters go to a first project; undefined if there are none. */
export function toProjects({ runs, adapters }: Version1): Moved | undefined {
  const all = [...runs, ...adapters];
  if (all.length === 0) return undefined;
  const times = all.map(({ created }) => created);
  const latest = runs.reduce<Run1 | undefined>(
    (last, run) => (last && last.created > run.created ? last : run),
    undefined,
  );
  const project: StoredProject = {
    id: crypto.randomUUID(),
    name: 'First project',
    created: Math.min(...times),
    changed: Math.max(...times),
    model: latest
      ? { name: latest.baseModel, bundled: latest.bundled }
      : { name: adapters[0].baseModel, bundled: false },
    place: 'train',
    page: {},
  };
  const here = <T extends object>(record: T): T & { projectId: string } => ({
    ...record,
    projectId: project.id,
  });
  return { project, runs: runs.map(here), adapters: adapters.map(here) };
}
