/** A run's curve as a table for other programs: RFC 4180, numbers with a point. */
import type { EvalPoint, ObjectiveReport, StepPoint } from '../../worker/api.ts';
import { smooth } from '../../smooth.ts';

const HEADER = [
  'step',
  'train_loss',
  'train_loss_smoothed',
  'validation_loss',
  'learning_rate',
  'gradient_norm',
  'supervised_tokens',
  'seconds',
];

export function curveCsv(points: readonly StepPoint[], evals: readonly EvalPoint[]): string {
  const smoothed = smooth(
    points.map(({ loss }) => loss),
    points.at(-1)?.steps ?? 1,
  );
  const validation = new Map(evals.map(({ step, loss }) => [step, loss]));
  const seen = new Set(points.map(({ step }) => step));
  const reported = [...new Set(points.flatMap(({ report = {} }) => Object.keys(report)))];
  const reports = new Map(evals.map(({ step, report = {} }) => [step, report]));
  /** What the objective reports, of the step and of its validation. */
  const own = (step: number, report: ObjectiveReport = {}): (number | string)[] =>
    reported.flatMap((name) => [report[name] ?? '', reports.get(step)?.[name] ?? '']);
  const rows: { readonly step: number; readonly cells: readonly (number | string)[] }[] = points.map(
    ({ step, loss, report, lr, gradNorm, supervisedTokens, seconds }, i) => ({
      step,
      cells: [
        step,
        loss,
        smoothed[i],
        validation.get(step) ?? '',
        lr,
        gradNorm,
        supervisedTokens,
        seconds,
        ...own(step, report),
      ],
    }),
  );
  for (const { step, loss } of evals)
    if (!seen.has(step)) rows.push({ step, cells: [step, '', '', loss, '', '', '', '', ...own(step)] });
  rows.sort((a, b) => a.step - b.step);
  const header = [...HEADER, ...reported.flatMap((name) => [name, `validation_${name}`])];
  return [header, ...rows.map(({ cells }) => cells)].map((cells) => cells.join(',')).join('\r\n') + '\r\n';
}
