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

/** The loss that a run is known by: that of the kept step, by validation, or the last one. Undefined if there is none. */
export function keptLoss({ of, best, before, after, kept }: Reading): number | undefined {
  if (of !== 'validation' || kept === undefined) return after;
  return kept === 0 ? before : best?.loss;
}

/** The loss before a run and of the step that is kept, in one line: of validation if there is some, and never of a single batch. */
export function fromTo(reading: Reading): string {
  const { kind, of, before, after, kept, step } = reading;
  if (before === undefined || after === undefined) return '';
  if (kind.startsWith('reward-'))
    return `reward ${loss(before)} → ${loss(after)} ${of === 'validation' ? 'on validation prompts' : 'in training, smoothed'}`;
  if (of === 'training') return `loss ${loss(before)} → ${loss(after)} in training, smoothed`;
  if (kept === 0)
    return `loss ${loss(before)} → ${loss(after)} on validation rows, so the state before the first step is kept`;
  const at = kept === undefined || kept === step ? '' : `, of the kept step ${kept}`;
  return `loss ${loss(before)} → ${loss(keptLoss(reading) ?? after)} on validation rows${at}`;
}
