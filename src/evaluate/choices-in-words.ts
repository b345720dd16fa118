/** How answers were chosen by likelihood, in words. */
import { plural } from '../numbers.ts';
import type { ChosenFrom } from './record.ts';

/** What an answer is that was chosen, after “Each answer is”. */
export function chosenInWords({ from, column, texts, ends }: ChosenFrom): string {
  const of =
    from === 'labels'
      ? texts
        ? `the ${plural(texts.length, 'label')} of the data`
        : 'the labels of the task'
      : `the choices in the column ${column}`;
  return `the likeliest of ${of}, by the sum over ${ends ? 'its tokens and the end of the answer' : 'its tokens'}`;
}
