/** Every stage that led to an adapter of the library, each on the test rows of all stages. */
import { openData } from '../../data/open-data.ts';
import type { Slicer } from '../../data/open-rows.ts';
import type { RowSet } from '../../data/row-set.ts';
import type { LineageReport, StageRow } from '../../evaluate/lineage.ts';
import { GraftError } from '../../errors.ts';
import { findAdapter } from '../../storage/adapters.ts';
import type { StoredAdapter } from '../../storage/records.ts';
import type { DataOptions, Progress } from '../api.ts';
import { keptRows } from '../edits/kept-rows.ts';
import type { Looks } from '../edits/looks.ts';
import type { OpenModel } from '../models/model.ts';
import { outcome } from '../outcome.ts';
import { unknownAdapter, type Session } from '../session.ts';
import { Slices } from '../slices.ts';
import { measureStage } from '../evaluation/stage-test.ts';

interface Request {
  readonly id: string;
  /** Rows of each test part that are asked. */
  readonly rows: number;
  readonly onProgress: (progress: Progress) => void;
  readonly signal: AbortSignal;
}

/** The most stages that are followed back. */
const MAX_STAGES = 100;

/** The stages of an adapter, the first one first; if one was deleted, the line starts after it. */
async function lineOf(id: string): Promise<StoredAdapter[]> {
  const line: StoredAdapter[] = [];
  let next = await findAdapter(id);
  while (next && line.length < MAX_STAGES && !line.includes(next)) {
    line.unshift(next);
    next = next.parent && (await findAdapter(next.parent.id));
  }
  if (line.length === 0) throw unknownAdapter();
  return line;
}

/** The rows of a stage as its run read them; undefined if they are not kept any more. */
async function rowsOfStage(
  { projectId, data, dataOptions }: StoredAdapter,
  open: OpenModel,
  slicer: Slicer,
): Promise<RowSet | undefined> {
  const kept = data && dataOptions && (await keptRows(projectId, data.version, dataOptions));
  if (!kept) return undefined;
  const { file, ...others } = kept;
  return (await openData(open, file, dataOptions as DataOptions, others, slicer)).data;
}

/**
 * Stages whose rows are gone have no row in the matrix. Each of the others is a look at the test part of its stage.
 *
 * @throws GraftError `worker-no-adapter`, `lineage` if no rows are left, `worker-aborted`, and those of reading rows
 */
export async function measureLineage(
  session: Session,
  { id, rows: max, onProgress, signal }: Request,
  looks: Pick<Looks, 'add'>,
): Promise<LineageReport> {
  const open = await session.model();
  const line = await lineOf(id);
  const slices = new Slices(onProgress, signal);
  const rows: StageRow[] = [];
  const turn = { at: 0, of: line.length * (line.length + 1) };
  const watch = { signal, onProgress: (progress: Progress) => onProgress({ ...progress, turn }) };
  for (const [stage, one] of line.entries()) {
    const data = await rowsOfStage(one, open, slices);
    const request = data && { line, stage, data, most: max, onModel: () => void turn.at++ };
    const found = request && (await stoppable(measureStage(session, open, request, watch), open, signal));
    if (found) {
      rows.push(...found);
      // It counts even if the count cannot be kept: the storage says so elsewhere.
      await outcome(() => looks.add(data, one.projectId).then(() => ({})));
    } else turn.of -= line.length + 1;
  }
  if (rows.length === 0)
    throw new GraftError(
      'lineage',
      'The test rows of these stages are not kept any more.',
      'Open their rows again in their project, with the split that they had.',
    );
  return { stages: line.map(({ name }) => name), rows };
}

/** A measurement that was stopped throws as reading rows does. */
async function stoppable<Result>(
  work: Promise<Result>,
  { model }: OpenModel,
  signal: AbortSignal,
): Promise<Result> {
  try {
    return await work;
  } catch (error) {
    if (!signal.aborted || model.device.failure) throw error;
    throw new GraftError(
      'worker-aborted',
      'The measurement was stopped before it was whole.',
      'Start it again when you like.',
    );
  }
}
