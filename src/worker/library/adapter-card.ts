/** The card of an adapter of the library, completed with what was learned about it since it was written. */
import { measuredSection } from '../../evaluate/measured-section.ts';
import { isSubjectOf } from '../../evaluate/subject-of.ts';
import { withRows, withSection } from '../../export/model-card.ts';
import type { Files } from '../../export/peft.ts';
import { METHODS } from '../../settings/registry.ts';
import type { StoredAdapter } from '../../storage/records.ts';
import { listResults } from '../../storage/results.ts';
import type { Bases } from '../models/bases.ts';
import type { Evaluation } from '../api.ts';
import { isEarlier } from '../evaluation/earlier-results.ts';

const CARD = 'README.md';

/** The files with a card that has the method, the hash of the training data, the licence of the base, and the last measurement. */
export async function withWholeCard(
  files: Files,
  adapter: StoredAdapter,
  bases: Pick<Bases, 'licenceOf'>,
): Promise<Files> {
  if (!Object.hasOwn(files, CARD)) return files;
  const kind = METHODS.find(({ name }) => name === (adapter.kind ?? 'lora'));
  const rows = withRows(new TextDecoder().decode(files[CARD]), [
    ['Licence of the base', await bases.licenceOf(adapter.baseModel)],
    ['Method', kind?.label],
    ['Training data, SHA-256', adapter.data?.version],
  ]);
  const measured = await measurementOf(adapter);
  const card = measured ? withSection(rows, measuredSection(measured)) : rows;
  return { ...files, [CARD]: new TextEncoder().encode(card) };
}

/** The last measurement of the project, if this adapter was measured. */
async function measurementOf({ id, runId, projectId }: StoredAdapter): Promise<Evaluation | undefined> {
  const kept = (await listResults(projectId)).find(({ kind }) => kind === 'evaluation')?.value;
  if (!kept || isEarlier(kept)) return undefined;
  const record = kept as Evaluation;
  return record.subjects.some(({ adapter }) => isSubjectOf(adapter, { id, runId })) ? record : undefined;
}
