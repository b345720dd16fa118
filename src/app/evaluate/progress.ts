/** What a measurement does now, and how far it is, in words. */
import type { Progress } from '../../worker/api.ts';
import { count, duration, plural } from '../ui/format.ts';

const WHOSE = { base: 'the base model', adapter: 'the adapter', examples: 'the base model with examples' };

export function whatInWords({ what, by }: Progress): string {
  const whose = by && WHOSE[by];
  switch (what) {
    case 'answering':
      return whose ? `Answers of ${whose}` : 'Getting ready';
    case 'evaluating':
      return whose ? `Loss of ${whose}` : 'Loss';
    case 'preparing':
      return 'Putting examples before the rows';
    case 'comparing':
      return 'Comparing with training rows';
    default:
      return 'Getting ready';
  }
}

/** “210 of 512 rows, about 40 s left”; '' before anything is known. */
export function howFarInWords({ done, total }: Progress, secondsLeft: number | undefined): string {
  if (total <= 0) return '';
  const rows = `${count(Math.floor(done))} of ${plural(total, 'row')}`;
  if (secondsLeft === undefined) return rows;
  // A part of a row is the tokens of an answer so far, of the most that it may have: most answers end before.
  const how = Number.isInteger(done) ? 'about' : 'at most';
  return `${rows}, ${how} ${duration(Math.max(1, secondsLeft))} left`;
}
