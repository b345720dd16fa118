/** Every stage that led to an adapter of the library, each on the test rows of all stages. */
import { openData, type Slicer } from '../data/open-data.ts';
import type { RowSet } from '../data/row-set.ts';
import { taskNames } from '../evaluate/by-task.ts';
import { drawQuestions } from '../evaluate/draw.ts';
import { ModelExaminee } from '../evaluate/examinee.ts';
import type { LineageReport, StageRow, StageScore } from '../evaluate/lineage.ts';
import { lossPart, pairsOf } from '../evaluate/loss-part.ts';
import { isExactMatch } from '../evaluate/metrics/exact-match.ts';
import { GraftError } from '../errors.ts';
import type { Adapter } from '../adapters/adapter.ts';
import { findAdapter } from '../storage/adapters.ts';
import { readDataSet } from '../storage/data-sets.ts';
import type { StoredAdapter } from '../storage/records.ts';
import type { DataOptions, Progress } from './api.ts';
import type { OpenModel } from './model.ts';
import { modelOfAdapter, rowsAnew } from './new-tokens.ts';
import { unknownAdapter, type Session } from './session.ts';
import { Slices } from './slices.ts';

interface Request {
  readonly id: string;
  /** Rows of each test part that are asked. */
  readonly rows: number;
  readonly onProgress: (progress: Progress) => void;
  readonly signal: AbortSignal;
}

/** The most stages that are followed back. */
const MOST_STAGES = 100;

/** The stages of an adapter, the first one first; where one was deleted, the line begins after it. */
async function lineOf(id: string): Promise<StoredAdapter[]> {
  const line: StoredAdapter[] = [];
  let next = await findAdapter(id);
  while (next && line.length < MOST_STAGES && !line.includes(next)) {
    line.unshift(next);
    next = next.parent && (await findAdapter(next.parent.id));
  }
  if (line.length === 0) throw unknownAdapter();
  return line;
}

/** The rows of a stage as its run read them; undefined where they are not kept any more. */
async function rowsOfStage(
  { projectId, data, dataOptions }: StoredAdapter,
  open: OpenModel,
  slicer: Slicer,
): Promise<RowSet | undefined> {
  const kept = data && dataOptions && (await readDataSet(projectId, data.version));
  if (!kept) return undefined;
  const { file, heldOut, more } = kept.files;
  const others = { ...(heldOut && { heldOut }), ...(more && { more }) };
  return (await openData(open, file, dataOptions as DataOptions, others, slicer)).data;
}

/**
 * Stages whose rows are gone have no row in the matrix.
 *
 * @throws GraftError `worker-no-adapter`, `lineage` where no rows are left, `worker-aborted`, and those of reading rows
 */
export async function measureLineage(
  session: Session,
  { id, rows: most, onProgress, signal }: Request,
): Promise<LineageReport> {
  const open = await session.model();
  const line = await lineOf(id);
  const slices = new Slices(onProgress, signal);
  const rows: StageRow[] = [];
  const chat = open.tokenizer.chatTemplate !== undefined;
  for (const [stage, one] of line.entries()) {
    const data = await rowsOfStage(one, open, slices);
    if (!data) continue;
    const { seed = 0 } = data.options ?? {};
    const drawn = drawQuestions(data.questions, { rows: most, seed }, open.tokenizer, open.info.maxPositions);
    const asked = drawn.chosen.map((at) => data.questions[at]);
    const testOf = (of: RowSet): ReturnType<typeof lossPart> =>
      lossPart(of, pairsOf(of, 'test', chat), drawn, { rows: most, lossOf: 'asked' });
    const test = testOf(data);
    if (test.rows.length === 0) continue;
    const tasks = taskNames(asked);
    const isPairs = data.places.some(({ part, row }) => part === 'test' && row.starts !== undefined);
    /** One for each task of the stage. */
    const scoresOf = async (adapter: Adapter | undefined): Promise<StageScore[]> => {
      const own = await modelOfAdapter(open, adapter);
      const { tokenizer } = own;
      // An adapter with new tokens reads the rows with them.
      const read = own === open ? test : testOf(await rowsAnew(data, own));
      const examinee = new ModelExaminee(
        { name: open.info.name, model: open.model, tokenizer },
        {
          ...(adapter && { adapter }),
          newTokens: drawn.newTokens,
          test: read,
          signal,
          onProgress: (step) => onProgress({ ...step, by: adapter ? 'adapter' : 'base' }),
        },
      );
      const answers = await examinee.ask(asked);
      const loss = await examinee.loss();
      slices.check();
      const right = asked.map(({ expected }, at) => isExactMatch(answers[at], expected));
      const count = (task: string | undefined): number =>
        right.filter((is, at) => is && (task === undefined || asked[at].task === task)).length;
      if (tasks.length < 2)
        return [{ ...(asked.length > 0 && { right: count(undefined) }), ...(loss && { loss }) }];
      return tasks.map((task) => ({ right: count(task), ...(loss?.tasks && { loss: loss.tasks[task] }) }));
    };
    const base = await scoresOf(undefined);
    const scores: StageScore[][] = [];
    for (const { id: other } of line) scores.push(await scoresOf(await session.adapter({ id: other }, open)));
    base.forEach((score, task) =>
      rows.push({
        name: tasks.length < 2 ? one.name : `${one.name}: ${tasks[task]}`,
        stage,
        rows: tasks.length < 2 ? asked.length : asked.filter((row) => row.task === tasks[task]).length,
        ...(isPairs && { pairs: true }),
        base: score,
        scores: scores.map((own) => own[task]),
      }),
    );
  }
  if (rows.length === 0)
    throw new GraftError(
      'lineage',
      'The test rows of these stages are not kept any more.',
      'Open their rows again in their project, with the split that they had.',
    );
  return { stages: line.map(({ name }) => name), rows };
}
