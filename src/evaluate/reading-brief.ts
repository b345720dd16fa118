/** What the curve of a run says, in one line, for the first screen too: the full words are in reading-words.ts. */
import { threeDigits as loss } from '../numbers.ts';
import type { Reading, ReadingKind } from '../train/reading.ts';

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
  'little',
  'unordered',
  'reward-full',
];

/** Readings that are shown while the run trains: it is too early for the others. */
export function isAlarm({ kind }: Reading): boolean {
  return BAD.includes(kind);
}

/** What an untrained run is: the base model, or the adapter that it continues. */
export const startOf = (options: { readonly start?: unknown } | undefined): 'base' | 'adapter' =>
  options?.start === undefined ? 'base' : 'adapter';

/** The loss before and after a run in one line: of validation where there is some, and never of a single batch. */
export function fromTo({ kind, of, before, after }: Reading): string {
  if (before === undefined || after === undefined) return '';
  if (kind.startsWith('reward-'))
    return `reward ${loss(before)} → ${loss(after)} ${of === 'validation' ? 'on validation prompts' : 'in training, smoothed'}`;
  const where = of === 'validation' ? 'on validation rows' : 'in training, smoothed';
  return `loss ${loss(before)} → ${loss(after)} ${where}`;
}
