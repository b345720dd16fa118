/** What `graft train --json` prints: the run and its result as one object. */
import { resolve } from 'node:path';
import type { Ending, Learned } from '../runs/store.ts';
import type { LoggedStep } from './metrics-log.ts';
import { readEnd, type EndedRun } from './run-end.ts';

export interface ResultOfRun extends EndedRun {
  readonly status: Exclude<Ending, 'stopped'> | 'interrupted' | 'paused';
  readonly out: string;
  readonly method: string;
  readonly objective: string;
  readonly base: string;
  readonly device: string;
  readonly rows: { readonly train: number; readonly validation: number };
  /** What was kept in `out`; none for a run that rests. */
  readonly learned: Learned | undefined;
  readonly isAdapter: boolean;
  readonly peakBytes: number | undefined;
  /** The command that continues an interrupted or a paused run. */
  readonly resume?: string;
}

/** Numbers of a line of metrics.jsonl that have names of their own in the result. */
const NAMED = new Set(['step', 'loss', 'seconds', 'eval_loss', 'eval_loss_before']);

/** Losses are means over supervised tokens, in nats; what was not measured is left out. */
export function resultOfRun(run: ResultOfRun): Readonly<Record<string, unknown>> {
  const { status, points, evals, learned, out, peakBytes, resume } = run;
  const [first, last] = [points.at(0), points.at(-1)];
  const end = status === 'interrupted' || status === 'paused' ? undefined : readEnd(run);
  const best = evals.reduce<(typeof evals)[number] | undefined>(
    (min, each) => (min === undefined || each.loss < min.loss ? each : min),
    undefined,
  );
  return {
    status,
    ...{ method: run.method, objective: run.objective, base: run.base, device: run.device },
    rows: run.rows,
    steps: run.steps,
    done: last?.step ?? 0,
    seconds: points.reduce((sum, { seconds }) => sum + seconds, 0),
    ...(peakBytes !== undefined && { peakBytes }),
    ...(first && last && { loss: { first: first.loss, last: last.loss } }),
    ...(last && { lastStep: reported(last) }),
    ...(best && {
      validation: {
        ...(evals[0].step === 0 && { before: evals[0].loss }),
        last: evals[evals.length - 1].loss,
        best,
      },
    }),
    ...(end && {
      verdict: {
        kind: end.words.kind,
        name: end.words.name,
        how: end.words.how,
        ...(end.words.advice && { advice: end.words.advice }),
        bad: end.words.bad,
      },
    }),
    ...(learned && { [run.isAdapter ? 'adapter' : 'model']: resolve(out) }),
    out: resolve(out),
    ...(resume !== undefined && { resume }),
  };
}

/** What the objective, and the check of forgetting, reported with the last step. */
function reported({ report }: LoggedStep): Readonly<Record<string, number | null>> {
  return Object.fromEntries(Object.entries(report).filter(([name]) => !NAMED.has(name)));
}
