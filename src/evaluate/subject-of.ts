/** Whether a subject of a record is an adapter of the library. */
import type { AdapterRef } from './record.ts';

/** @param runId the run that made it: a run that is measured before its end has no adapter yet */
export function isSubjectOf(
  subject: AdapterRef | undefined,
  { id, runId }: { readonly id: string; readonly runId?: string | undefined },
): boolean {
  if (!subject) return false;
  return 'id' in subject ? subject.id === id : 'runId' in subject && subject.runId === runId;
}
