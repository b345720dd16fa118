/** A sweep as the page shows it: words, table and picture come from the room that the command has them from. */
import type { MeasuredFold } from '../../evaluate/join-folds.ts';
import { stepsLeft, timeLeft } from '../../runs/sweep/forecast.ts';
import type { SweepAsk } from '../../runs/sweep/form.ts';
import { pictureOf } from '../../runs/sweep/picture.ts';
import { FOLDS_LIMITS, foldsResult, foldsTable } from '../../runs/sweep/folds-words.ts';
import { recipesOf, type SweepRecipe, type SweepState, type SweptRun } from '../../runs/sweep/record.ts';
import { SWEEP_LIMITS, planInWords, resultInWords, sweepTable } from '../../runs/sweep/words.ts';
import { TABLE } from '../../settings/table.ts';
import type { StoredSweep } from '../../storage/records.ts';
import type { FormSpec, SweepInfo } from '../api.ts';

/** The run of a sweep in the database: its name in the sweep is unique in it only. */
export const storedId = (sweep: string, run: string): string => `${sweep}-${run}`;

/** The adapters that runs of a sweep have, by the stored ids of the runs, in the library or not. */
export interface SweptAdapters {
  readonly swept: ReadonlySet<string>;
  readonly kept: ReadonlySet<string>;
}

/** The label of a setting, in the middle of a sentence. */
export function labelled(name: string): string {
  const label = TABLE.find(name)?.label ?? name;
  // “LoRA alpha” stays as it is.
  return /^.[A-Z]/.test(label) ? label : label.charAt(0).toLowerCase() + label.slice(1);
}

export function infoOf(
  sweep: StoredSweep,
  status: SweepInfo['status'],
  { swept, kept }: SweptAdapters,
): SweepInfo {
  const { id, projectId, name, created, command } = sweep;
  const state = sweep.state as SweepState;
  const measured = (sweep.measured ?? []) as readonly MeasuredFold[];
  const isFolds = state.folds !== undefined;
  const { head, lines } = isFolds ? foldsTable(state, measured) : sweepTable(state, labelled);
  const recipes = isFolds ? [] : recipesOf(state);
  const picture = isFolds ? undefined : pictureOf(state, labelled);
  const left = timeLeft(state);
  const over = status === 'done' || status === 'cancelled';
  const bestOfRecipe = (recipe: SweepRecipe): SweepInfo['lines'][number]['best'] => {
    const run = lowest(recipe.runs);
    if (!run) return undefined;
    const stored = storedId(id, run.id);
    return { run, adapter: kept.has(stored) ? 'kept' : swept.has(stored) ? 'swept' : 'none' };
  };
  return {
    ...{ id, projectId, name, created, status, command },
    form: sweep.settings as FormSpec,
    ask: sweep.ask as SweepAsk,
    plan: planInWords(state),
    result: isFolds
      ? foldsResult(state, measured)
      : resultInWords(
          status === 'elsewhere' ? { ...state, status: 'running' } : { ...state, status },
          undefined,
          labelled,
        ),
    limits: isFolds ? FOLDS_LIMITS : `${SWEEP_LIMITS} under Evaluate.`,
    runs: state.runs,
    seeds: state.seeds.length,
    head,
    lines: lines.map((cells, at) => {
      if (isFolds) return { recipe: at, cells };
      const best = bestOfRecipe(recipes[at]);
      return { recipe: recipes[at].at, cells, ...(best && { best }) };
    }),
    ...(isFolds && { folds: { count: state.runs.length, measured: measured.length } }),
    ...(picture && { picture }),
    steps: {
      done: state.runs.reduce((sum, { step }) => sum + step, 0),
      left: over ? 0 : stepsLeft(state),
    },
    ...(left && !over && { left }),
  };
}

/** The run that is done with the lowest validation loss. */
function lowest(runs: readonly SweptRun[]): SweptRun | undefined {
  const lossOf = ({ validation }: SweptRun): number => validation?.loss ?? Infinity;
  return runs
    .filter(({ status }) => status === 'done')
    .reduce<SweptRun | undefined>((min, run) => (min && lossOf(min) <= lossOf(run) ? min : run), undefined);
}
