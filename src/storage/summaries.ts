/** Summaries of runs for lists, kept apart from the curves, so that listing reads no steps. */
import { smooth } from '../smooth.ts';
import type { StoredRun, StoredSummary } from './records.ts';

/** The summary of a run. It is written in the transaction that writes the run. */
export function summaryOf({ steps, evals, samples: _, rollout: __, ...run }: StoredRun): StoredSummary {
  const last = steps.at(-1);
  // What the run starts from is kept if no step is better.
  const own = evals.some(({ step }) => step > 0) ? evals : [];
  const best = own.reduce<(typeof own)[number] | undefined>(
    (min, entry) => (min && min.loss <= entry.loss ? min : entry),
    undefined,
  );
  return {
    ...run,
    step: last?.step ?? 0,
    ...(last && {
      trainingLoss: smooth(
        steps.map(({ loss }) => loss),
        last.steps,
      ).at(-1)!,
    }),
    ...(best && { bestEval: { step: best.step, loss: best.loss } }),
  };
}
