/** Runs a sweep: one run after the other, rung by rung, over a port that trains a run and keeps the record. It holds no loop of training of its own. */
import { stopOf, type Rung } from './halving.ts';
import { recipesOf, type SweepState, type SweptRun } from './record.ts';

/** How far a run has come. */
export interface TrialOutcome {
  /** `paused` at the asked step, `interrupted` before it with its state saved. */
  readonly status: 'paused' | 'done' | 'failed' | 'interrupted';
  readonly step: number;
  readonly validation?: SweptRun['validation'];
  /** Seconds of training and validation, all calls together. */
  readonly seconds: number;
  readonly why?: string;
}

/** @typeParam State the record, with what its place keeps besides */
export interface SweepPort<State extends SweepState = SweepState> {
  /** What a run has left, of which the record may not know: the process may have been killed. Undefined if that is nothing. */
  left(run: SweptRun): Promise<TrialOutcome | undefined>;
  /**
   * Trains a run from where it is.
   *
   * @param until the step to pause after; undefined for its end
   * @param seconds after which it is interrupted
   */
  train(run: SweptRun, until: number | undefined, seconds: number): Promise<TrialOutcome>;
  /** Frees what a run that is out would need to continue. */
  drop(run: SweptRun): Promise<void>;
  /** Keeps the record, whole or not at all. */
  keep(sweep: State): Promise<void>;
  /** Seconds, from any moment on. */
  now(): number;
  /** Whether the person wants to stop. */
  readonly isStopped: boolean;
}

export interface Budget {
  /** Steps of all runs together. */
  readonly steps?: number | undefined;
  /** Seconds of all runs together, with what is around training. */
  readonly seconds?: number | undefined;
}

/**
 * Trains until all runs are done, the budget is used, or the person stops. What is done is not done again.
 *
 * @returns the record at its end, which was kept
 */
export async function driveSweep<State extends SweepState>(
  start: State,
  budget: Budget,
  port: SweepPort<State>,
): Promise<State> {
  let sweep: State = { ...start, status: 'running' };
  const keep = async (runs: readonly SweptRun[], status: SweepState['status'] = 'running'): Promise<void> => {
    sweep = { ...sweep, runs: [...runs], status };
    await port.keep(sweep);
  };
  const change = (id: string, values: Partial<SweptRun>): SweptRun[] =>
    sweep.runs.map((run) => (run.id === id ? { ...run, ...values } : run));

  for (const [at, rung] of sweep.rungs.entries()) {
    for (const { id } of inOrder(sweep)) {
      let run = sweep.runs.find((one) => one.id === id)!;
      const stop = stopOf(rung, run.steps, run.evalEvery);
      // The process was killed as it trained.
      if (run.status === 'running') {
        const left = await port.left(run);
        run = { ...run, ...(left ? resultOf(left) : { status: 'waiting', step: 0 }) };
        sweep = { ...sweep, runs: change(id, run) };
      }
      if (isOver(run) || run.step >= stop) continue;
      const steps = sweep.runs.reduce((sum, { step }) => sum + step, 0);
      if (steps + stop - run.step > (budget.steps ?? Infinity)) {
        await keep(sweep.runs, 'budget');
        return sweep;
      }
      const seconds = (budget.seconds ?? Infinity) - wallSecondsOf(sweep);
      if (seconds <= 0 || port.isStopped) {
        await keep(sweep.runs, port.isStopped ? 'interrupted' : 'budget');
        return sweep;
      }
      await keep(change(id, { status: 'running' }));
      const began = port.now();
      const outcome = await port.train(run, stop < run.steps ? stop : undefined, seconds);
      const wallSeconds = run.wallSeconds + port.now() - began;
      await keep(change(id, { ...resultOf(outcome), wallSeconds }));
      if (outcome.status === 'interrupted') {
        await keep(sweep.runs, port.isStopped ? 'interrupted' : 'budget');
        return sweep;
      }
    }
    const next = sweep.rungs.at(at + 1);
    if (next && !isJudged(sweep, rung)) await keep(await withoutWorse(sweep, next.recipes, port));
  }
  await keep(sweep.runs, 'done');
  return sweep;
}

/** By seeds: a sweep that ends early has compared all recipes alike. */
const inOrder = ({ runs, seeds }: SweepState): SweptRun[] =>
  [...runs].sort((a, b) => seeds.indexOf(a.seed) - seeds.indexOf(b.seed) || a.recipe - b.recipe);

const isOver = ({ status }: SweptRun): boolean =>
  status === 'done' || status === 'out' || status === 'failed';

/** The wall time of all runs so far. */
export const wallSecondsOf = ({ runs }: Pick<SweepState, 'runs'>): number =>
  runs.reduce((sum, { wallSeconds }) => sum + wallSeconds, 0);

const resultOf = ({ status, ...rest }: TrialOutcome): Partial<SweptRun> => ({
  ...rest,
  status: status === 'interrupted' ? 'paused' : status,
});

/** Whether a run is past this rung already: the rung was judged then, and later losses do not judge it again. */
const isJudged = ({ runs }: SweepState, rung: Rung): boolean =>
  runs.some((run) => run.step > stopOf(rung, run.steps, run.evalEvery));

/** The runs after a rung: those of the worse recipes are out. What equals the last one that stays, stays as well: nothing speaks against it. */
async function withoutWorse(
  sweep: SweepState,
  kept: number,
  port: Pick<SweepPort, 'drop'>,
): Promise<SweptRun[]> {
  const inIt = recipesOf(sweep)
    .filter(({ runs }) => !runs.some(({ status }) => status === 'out'))
    // What ended early is not ahead for that.
    .sort((a, b) => rankOf(a) - rankOf(b) || a.at - b.at);
  const last = inIt.at(kept - 1);
  const worse = new Set(
    inIt
      .slice(kept)
      .filter((recipe) => last && rankOf(recipe) > rankOf(last))
      .map(({ at }) => at),
  );
  const isOut = ({ recipe, status }: SweptRun): boolean => worse.has(recipe) && status === 'paused';
  for (const run of sweep.runs) if (isOut(run)) await port.drop(run);
  return sweep.runs.map((run) => (isOut(run) ? { ...run, status: 'out' } : run));
}

function rankOf({ runs, validation }: ReturnType<typeof recipesOf>[number]): number {
  return runs.some(({ status }) => status === 'failed') ? Infinity : (validation ?? Infinity);
}
