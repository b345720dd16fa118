/** A run's curve as a table for other programs: RFC 4180, numbers with a point. */
import type { StepPoint } from '../../worker/api.ts';
import type { EvalPoint } from '../../worker/api.ts';
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
  const rows: { readonly step: number; readonly cells: readonly (number | string)[] }[] = points.map(
    ({ step, loss, lr, gradNorm, supervisedTokens, seconds }, i) => ({
      step,
      cells: [step, loss, smoothed[i], validation.get(step) ?? '', lr, gradNorm, supervisedTokens, seconds],
    }),
  );
  for (const { step, loss } of evals)
    if (!seen.has(step)) rows.push({ step, cells: [step, '', '', loss, '', '', '', ''] });
  rows.sort((a, b) => a.step - b.step);
  return [HEADER, ...rows.map(({ cells }) => cells)].map((cells) => cells.join(',')).join('\r\n') + '\r\n';
}
