/** The costs of a run, for a choice among runs: planned memory and forecast time. */
import { onlyTask, type RowSet } from '../data/row-set.ts';
import { objectiveOf, takesKind } from '../objectives/registry.ts';
import { kindOfRow } from '../train/learning.ts';
import { forecastRuns, type RunTime, type Speeds } from './run-forecast.ts';
import { planRun, type PlannedOn } from './run-memory.ts';
import type { FormSpec } from '../settings/spec.ts';

export interface RunCost {
  /** The most GPU memory that exists at once, base model included, in bytes. */
  readonly peakBytes: number;
  /** Whether this device can run it. */
  readonly fits: boolean;
  /** The time; unknown without rows that it learns from, or if no training was measured on this device. */
  readonly time?: RunTime;
  /** The rows of the plan: the open ones, or full-length rows if no suitable ones are open. */
  readonly rows: 'open' | 'longest';
}

/**
 * @param data the open rows; those of another model or another kind do not count
 * @param sampleTokens the longest prompt with its answer, if the run answers prompts
 * @throws GraftError as `planRun`
 */
export async function runCost(
  options: FormSpec,
  open: PlannedOn & { readonly info: { readonly parameters: number } },
  data: RowSet | undefined,
  { speeds, sampleTokens }: { readonly speeds: Speeds; readonly sampleTokens: number },
): Promise<RunCost> {
  const own = data && onlyTask(data, options.task);
  const rows = own && suits(options, own) && own.modelContent === open.content ? own : undefined;
  const { peakBytes, problems } = await planRun(options, open, rows, sampleTokens);
  const [time] = rows ? await forecastRuns([options], open, rows, speeds) : [];
  return { peakBytes, fits: problems.length === 0, ...(time && { time }), rows: rows ? 'open' : 'longest' };
}

function suits({ objective }: FormSpec, { places }: RowSet): boolean {
  const taker = objectiveOf(objective);
  return places.length > 0 && places.every(({ row }) => takesKind(taker, kindOfRow(row)));
}
