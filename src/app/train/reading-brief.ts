/** What the curve of a run says, as far as a line and the first screen need it: the words are in reading.ts. */
import type { Reading, ReadingKind } from '../../worker/api.ts';
import { loss } from '../ui/format.ts';

const BAD: readonly ReadingKind[] = [
  'not-finite',
  'worse',
  'diverging',
  'lost',
  'overfitting',
  'over-optimised',
  'reward-worse',
  'reward-fell',
  'reward-alike',
  'chosen-falls',
];

/** Worth a word while the run is still going: the rest is too early to say. */
export function isAlarm({ kind }: Reading): boolean {
  return BAD.includes(kind);
}

/** What a run came from and to, for one line: of validation where there is some, and never of a single batch. */
export function fromTo({ kind, of, before, after }: Reading): string {
  if (before === undefined || after === undefined) return '';
  if (kind.startsWith('reward-'))
    return `reward ${loss(before)} → ${loss(after)} ${of === 'validation' ? 'on validation prompts' : 'in training, smoothed'}`;
  const where = of === 'validation' ? 'on validation rows' : 'in training, smoothed';
  return `loss ${loss(before)} → ${loss(after)} ${where}`;
}
