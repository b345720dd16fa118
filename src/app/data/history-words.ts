/** The history of rows in words. */
import type { DataHistory, RowsDiff } from '../../worker/api.ts';
import { count, plural } from '../../numbers.ts';

const KINDS = ['edited', 'added', 'deleted', 'moved'] as const;
const WORDS = { edited: 'edited', added: 'added', deleted: 'deleted', moved: 'given another part' };

/** `3 rows edited, 1 deleted`; '' for no rows. */
export function diffInWords(diff: RowsDiff): string {
  return KINDS.filter((kind) => diff[kind] > 0)
    .map((kind, at) => `${at === 0 ? plural(diff[kind], 'row') : count(diff[kind])} ${WORDS[kind]}`)
    .join(', ');
}

/** What all steps changed together, a row that was changed twice counted twice. */
export function sinceImport({ steps }: DataHistory): string {
  const sum = { edited: 0, added: 0, deleted: 0, moved: 0 };
  for (const { diff } of steps) if (diff) for (const kind of KINDS) sum[kind] += diff[kind];
  const mends = steps.filter((step) => step.mends).length;
  return [
    diffInWords(sum),
    mends > 0 ? plural(mends, 'change to how the file is read', 'changes to how the file is read') : '',
  ]
    .filter(Boolean)
    .join(', ');
}
