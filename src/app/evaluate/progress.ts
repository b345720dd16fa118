/** What a measurement does now, and how far it is, in words. */
import type { Progress } from '../../worker/api.ts';
import { count, duration, plural } from '../../numbers.ts';

const WHOSE = {
  base: 'the base model',
  adapter: 'the adapter',
  model: 'the tuned model',
  examples: 'the base model with prompts',
  documents: 'the base model with passages',
};

/** What is measured now, and of what: “Answers of the base model”. */
export function whatInWords({ what, by, general, pairs }: Progress): string {
  const whose = by && WHOSE[by];
  switch (what) {
    case 'answering':
      if (general) return `What is forgotten: prompts, ${whose}`;
      return whose ? `Answers of ${whose}` : 'Getting ready';
    case 'evaluating':
      if (general) return `What is forgotten: loss, ${whose}`;
      return whose ? `Loss of ${whose}` : 'Loss';
    case 'loading':
      return 'Opening the tuned model';
    case 'reading':
      return 'Reading the training rows';
    case 'preparing':
      return by === 'examples' ? 'Writing the prompts of the test rows' : 'Preparing the training rows';
    case 'comparing':
      if (pairs) return `Pairs of answers, ${whose}`;
      return 'Comparing with training rows';
    default:
      return 'Getting ready';
  }
}

/** “210 of 512 rows, about 40 s left”; '' before anything is known. */
export function howFarInWords(
  { what, general, pairs, done, total }: Progress,
  secondsLeft: number | undefined,
): string {
  // The progress of files is in bytes.
  if (total <= 0 || what === 'reading' || what === 'loading') return '';
  const rows = `${count(Math.floor(done))} of ${plural(total, pairs ? 'pair' : general && what === 'answering' ? 'prompt' : 'row')}`;
  if (secondsLeft === undefined) return rows;
  // Until a row is answered only the limit of an answer's tokens is known, and most answers are shorter.
  const how = done < 1 ? 'at most' : 'about';
  return `${rows}, ${how} ${duration(Math.max(1, secondsLeft))} left`;
}
