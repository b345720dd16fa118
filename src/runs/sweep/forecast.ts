/** How long the rest of a sweep will take, from the runs so far. */
import { stopOf } from './halving.ts';
import type { SweepState, SweptRun } from './record.ts';

/** Seconds that are left: from the fastest and from the slowest run so far. */
export interface SweepTimeLeft {
  readonly least: number;
  readonly most: number;
}

/** Steps that are left if no run ends early and no budget ends the sweep. */
export function stepsLeft({ rungs, runs, seeds }: Pick<SweepState, 'rungs' | 'runs' | 'seeds'>): number {
  const open = runs.filter(({ status }) => status !== 'done' && status !== 'out' && status !== 'failed');
  return rungs.reduce((sum, rung, at) => {
    const before = at === 0 ? undefined : rungs[at - 1];
    const steps = open
      .map((run) => {
        const from = Math.max(run.step, before ? stopOf(before, run.steps, run.evalEvery) : 0);
        return Math.max(0, stopOf(rung, run.steps, run.evalEvery) - from);
      })
      // Those that are furthest behind: which ones will continue is not known.
      .sort((a, b) => b - a);
    return sum + steps.slice(0, rung.recipes * seeds.length).reduce((all, one) => all + one, 0);
  }, 0);
}

/** Undefined before a run has taken a step. */
export function timeLeft(sweep: SweepState): SweepTimeLeft | undefined {
  const paces = sweep.runs.flatMap(({ step, wallSeconds }: SweptRun) =>
    step > 0 && wallSeconds > 0 ? [wallSeconds / step] : [],
  );
  if (paces.length === 0) return undefined;
  const steps = stepsLeft(sweep);
  return { least: steps * Math.min(...paces), most: steps * Math.max(...paces) };
}

/**
 * The time of a sweep before its first run, from forecasts of its recipes. Where a rung chooses which of them continue, it is not known which: the
 * fastest and the slowest give the two ends.
 */
export function timeBefore(
  sweep: SweepState,
  forecasts: readonly { readonly seconds: number; readonly steps: number }[],
): SweepTimeLeft {
  const paces = forecasts.map(({ seconds, steps }) => seconds / steps);
  const steps = stepsLeft(sweep);
  if (sweep.rungs.length > 1) return { least: steps * Math.min(...paces), most: steps * Math.max(...paces) };
  // Recipes of different lengths count by their own.
  const mean = forecasts.reduce((sum, { seconds }) => sum + seconds, 0) / forecasts.length;
  return { least: mean * sweep.runs.length, most: mean * sweep.runs.length };
}
