/** A cross-validation in words and in the cells of a table: its plan, its folds, and what came of it. */
import { deviation, mean } from '../../averages.ts';
import { joinFolds, type MeasuredFold } from '../../evaluate/join-folds.ts';
import { pInWords } from '../../evaluate/chance.ts';
import { clustersOf, groupsInWords } from '../../evaluate/clusters.ts';
import { comparedOf, type Side } from '../../evaluate/sides.ts';
import { compare } from '../../evaluate/paired.ts';
import { judge } from '../../evaluate/verdict.ts';
import { percent, plural, threeDigits } from '../../numbers.ts';
import type { SweepState } from './record.ts';

const NONE = '–';

/** What will be trained and asked, before the first run. */
export function foldsInWords({ runs, rows }: Pick<SweepState, 'runs' | 'rows'>): string {
  const trained = Math.round(rows.train - rows.train / runs.length);
  return `${plural(runs.length, 'fold')} of ${plural(rows.train, 'row')}: a run of ${plural(runs[0].steps, 'step')} for each, on about ${plural(trained, 'row')}. Its adapter answers the rows of its fold, so each row is answered once.`;
}

/** The columns of a table of folds, and its lines, in their order. */
export function foldsTable(
  { runs }: Pick<SweepState, 'runs'>,
  measured: readonly MeasuredFold[],
): { readonly head: string[]; readonly lines: string[][] } {
  const sideOf = (fold: number): Side | undefined => {
    const found = measured.find((one) => one.fold === fold);
    return found && comparedOf(found.record).at(0)?.tuned;
  };
  const lines = runs.map(({ recipe, step, steps, seconds, status }) => {
    const side = sideOf(recipe);
    return [
      String(recipe + 1),
      `${step} of ${steps}`,
      step > 0 ? threeDigits(seconds) : NONE,
      side ? `${side.exact.count} of ${side.exact.total}` : NONE,
      side?.subject.loss ? threeDigits(side.subject.loss.loss) : NONE,
      STATUS[status] + (side ? ', measured' : ''),
    ];
  });
  return { head: ['fold', 'steps', 'seconds', 'exactly right', 'loss', 'run'], lines };
}

const STATUS: Readonly<Record<SweepState['runs'][number]['status'], string>> = {
  waiting: 'not begun',
  running: 'running',
  paused: 'paused',
  done: 'trained',
  out: 'cancelled',
  failed: 'failed',
};

/** All rows together, and how much the folds differ. */
export function foldsResult({ runs }: Pick<SweepState, 'runs'>, measured: readonly MeasuredFold[]): string[] {
  if (measured.length === 0) return ['No fold is measured yet.'];
  if (measured.length < runs.length)
    return [`${measured.length} of ${plural(runs.length, 'fold')} are measured.`];
  const record = joinFolds(measured, 'the adapters');
  const both = comparedOf(record).at(0);
  if (!both) return ['The folds have no answers that can be compared.'];
  const { base, tuned } = both;
  const shares = measured.flatMap((fold) => {
    const side = comparedOf(fold.record).at(0)?.tuned;
    return side && side.exact.total > 0 ? [(100 * side.exact.count) / side.exact.total] : [];
  });
  const paired =
    tuned.right && base.right && compare(tuned.right, base.right, clustersOf(record, tuned.right.length));
  const { count, total } = tuned.exact;
  const groups = groupsInWords(record);
  // As under Evaluate: it also knows the methods that copy a row.
  const { before, number, after } = judge([{ base, tuned, name: 'the adapters' }]);
  return [
    `${before}${number}${after}`,
    `The adapters get ${count} of ${plural(total, 'row')} exactly right (${percent(count / total)}), the base model ${base.exact.count}.`,
    ...(paired
      ? [
          `Only the adapters are right on ${paired.onlyFirst}, only the base model on ${paired.onlySecond} (${pInWords(paired.p)}${groups === undefined ? '' : `, over ${groups}`}).`,
        ]
      : []),
    ...(shares.length > 1
      ? [
          `By fold: ${mean(shares).toFixed(1)}% ± ${deviation(shares).toFixed(1)} points (mean ± standard deviation).`,
        ]
      : []),
  ];
}

/** What a person should know of the numbers. Bengio and Grandvalet 2004 show that no unbiased estimate of their variance exists. */
export const FOLDS_LIMITS =
  'The test rows were not used. The adapters of two folds share most of their training rows, so an interval over all rows is somewhat too narrow.';
