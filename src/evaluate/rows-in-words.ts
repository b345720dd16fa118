/** Which rows a measurement is of, in words. */
import { count, plural } from '../numbers.ts';
import type { Draw, LossReport } from './comparison.ts';

/** @param asked how many rows were asked @param loss of the same measurement, if there is one: it tells whether rows ask nothing */
export function rowsInWords(asked: number, draw: Draw | undefined, loss?: LossReport): string {
  if (!draw) {
    const rows =
      asked === 1 ? 'The first test row' : `The first ${count(asked)} test rows, in the order of the file`;
    return `${rows}: an earlier version did not draw at random. Measure again for a fair sample.`;
  }
  const { of, tooLong, seed, labels } = draw;
  const left =
    tooLong > 0
      ? ` ${plural(tooLong, 'row')} that came up ${tooLong === 1 ? 'was' : 'were'} left out: too long for this model to answer.`
      : '';
  const what = loss?.rows === undefined || loss.rows === of ? '' : ' that ask for something';
  if (asked + tooLong >= of) {
    const all =
      asked === of
        ? of === 1
          ? 'The only test row'
          : `All ${count(of)} test rows`
        : `${count(asked)} of ${plural(of, 'test row')}`;
    return `${all}${what}.${left}`;
  }
  const sample = `${count(asked)} of ${plural(of, 'test row')}${what}, drawn at random with seed ${seed}`;
  return `${sample}${labels ? `: ${labelsInWords(labels)}` : ''}.${left}`;
}

function labelsInWords({ drawn, of, least, most }: NonNullable<Draw['labels']>): string {
  if (most - least > 1) return 'labels come up about as often as in the whole test part';
  const often =
    least === most ? times(most) : most === 2 ? 'once or twice' : `${count(least)} or ${times(most)}`;
  return drawn === of
    ? `each of the ${count(of)} labels ${often}`
    : `${count(drawn)} of the ${count(of)} labels, each ${often}`;
}

const times = (many: number): string => (many === 1 ? 'once' : many === 2 ? 'twice' : `${count(many)} times`);

/** What loss and perplexity are measured on. */
export function lossRowsInWords(asked: number, { rows }: LossReport): string {
  if (rows === undefined) return 'Loss and perplexity are over the whole test part.';
  return rows === asked
    ? 'Loss and perplexity are over the same rows.'
    : `Loss and perplexity are over all ${plural(rows, 'test row')}.`;
}
