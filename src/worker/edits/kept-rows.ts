/** The rows of a data set at one of its versions, as a project keeps them. */
import {
  changesAfter,
  FIRST_VERSION,
  stepsTo,
  type DataStep,
  type RowChanges,
} from '../../data/row-changes.ts';
import { readDataSet } from '../../storage/data-sets.ts';
import { listDataSteps } from '../../storage/data-steps.ts';
import type { StoredDataFiles } from '../../storage/records.ts';
import type { DataOptions } from '../api.ts';
import { revisionOf } from './history.ts';

export interface KeptRows extends StoredDataFiles {
  readonly changes?: RowChanges;
}

/**
 * @param version of the files
 * @param options that say which version of their rows is meant
 * @returns undefined if the files are not kept any more
 * @throws GraftError `data-version`, and as `database` does
 */
export async function keptRows(
  projectId: string,
  version: string,
  options: Pick<DataOptions, 'revision'>,
): Promise<KeptRows | undefined> {
  const kept = await readDataSet(projectId, version);
  const revision = revisionOf(options);
  if (!kept || revision === FIRST_VERSION) return kept?.files;
  const steps = (await listDataSteps(projectId, version)) as unknown as readonly DataStep[];
  const path = stepsTo(new Map(steps.map((step) => [step.number, step])), revision);
  return { ...kept.files, changes: changesAfter(new Map(), path) };
}
