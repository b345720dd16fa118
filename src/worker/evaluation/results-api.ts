/** The worker's API for measurements and conversations. */
import type { StoredResult } from '../../storage/records.ts';
import { listResults, putResults } from '../../storage/results.ts';
import type { Results, ResultsApi } from '../api.ts';
import { isEarlier } from './earlier-results.ts';
import { outcome } from '../outcome.ts';
import { missingProject } from '../projects/projects.ts';

const KINDS = [
  'baseline',
  'fewShot',
  'evaluation',
  'chat',
  'preferences',
  'further',
  'lineage',
  'tuned',
  'log',
] as const;

export const resultsApi: ResultsApi = {
  readResults: (projectId) =>
    outcome(async () => {
      const stored = await listResults(projectId);
      const read = await Promise.all(
        stored.map(async ({ kind, value }) => [
          kind,
          isEarlier(value) ? (await import('../archive/records/kept.ts')).fromEarlier(kind, value) : value,
        ]),
      );
      return { results: Object.fromEntries(read) as Results };
    }),
  keepResults: (projectId, results) =>
    outcome(async () => {
      const changed = Date.now();
      const records = KINDS.flatMap((kind): StoredResult[] => {
        const value = results[kind];
        return value ? [{ projectId, kind, changed, value }] : [];
      });
      if (!(await putResults(projectId, records))) throw missingProject();
      return {};
    }),
};
