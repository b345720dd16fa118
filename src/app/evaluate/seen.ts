/** Whether training saw the rows that were measured, in words. Nothing is claimed where it is not known. */
import type { Evaluation, Seen } from '../../worker/api.ts';

const UNKNOWN: Readonly<Record<Extract<Seen, string>, string>> = {
  imported: 'The adapter was imported: whether its training saw these rows is not known here.',
  before: 'Its training did not keep how the rows were split: whether training saw these rows is not known.',
  rows: 'Its training rows are not kept any more, or they are cut differently now: whether training saw these rows is not known.',
};

type Measured = Pick<Evaluation, 'origin' | 'rows' | 'seen'>;

/** Whether the rows were held out of training for certain. */
export function isHeldOut({ origin, seen }: Measured): boolean {
  if (!origin.adapter) return true;
  return typeof seen === 'object' && seen.test === 0;
}

/** The caveat to tell; '' where the rows were held out. */
export function caveatOf(measured: Measured): string {
  const { seen, rows } = measured;
  if (isHeldOut(measured)) return '';
  if (seen === undefined) return 'Whether training saw these rows was not checked: measure again to know.';
  if (typeof seen === 'string') return UNKNOWN[seen];
  return (
    `Training saw ${seen.asked} of the ${rows.length} rows that were asked, and ${seen.test} of the ${seen.of} that the loss is over: ` +
    'the split was another one then, or rows are there more than once. That flatters the adapter.'
  );
}
