/** Whether training saw the rows that were measured, in words. Nothing is claimed where it is not known. */
import type { Evaluation, Seen } from '../../worker/api.ts';

const UNKNOWN: Readonly<Record<Extract<Seen, string>, string>> = {
  imported: 'The adapter was imported: whether its training saw these rows is not known here.',
  before:
    'How the rows were split when it was trained was not kept: whether training saw these rows is not known.',
  rows: 'The rows that it was trained on are not kept any more, or are cut otherwise: whether training saw these rows is not known.',
};

type Measured = Pick<Evaluation, 'origin' | 'rows' | 'seen'>;

/** Whether the rows were held out of training for certain. */
export function isHeldOut({ origin, seen }: Measured): boolean {
  if (!origin.adapter) return true;
  return typeof seen === 'object' && seen.test === 0;
}

/** What is to be said of it; '' where they were held out. */
export function caveatOf(measured: Measured): string {
  const { seen, rows } = measured;
  if (isHeldOut(measured)) return '';
  if (seen === undefined) return 'Whether training saw these rows was not looked at: measure again to know.';
  if (typeof seen === 'string') return UNKNOWN[seen];
  return (
    `Training saw ${seen.asked} of the ${rows.length} rows that were asked, and ${seen.test} of the ${seen.of} that the loss is over: ` +
    'they were split otherwise then, or are there more than once. That flatters the adapter.'
  );
}
