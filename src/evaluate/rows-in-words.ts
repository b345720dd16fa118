/** The rows of a measurement, in words. */
import { count, plural } from '../numbers.ts';
import type { Draw, LossReport, ReservedExamples } from './record.ts';

/** @param asked how many rows were asked @param loss of the same measurement: before the size of the test part was kept, it was over all of it */
export function rowsInWords(asked: number, draw: Draw | undefined, loss?: LossReport): string {
  if (!draw) {
    const rows =
      asked === 1 ? 'The first test row' : `The first ${count(asked)} test rows, in the order of the file`;
    return `${rows}: an earlier version did not draw at random. Measure again for a fair sample.`;
  }
  const { of, tooLong, seed, labels, planned, test = loss?.rows } = draw;
  const stopped = planned === undefined ? '' : `Stopped after ${count(asked)} of ${plural(planned, 'row')}. `;
  const left =
    tooLong > 0
      ? ` ${plural(tooLong, 'row')} that came up ${tooLong === 1 ? 'was' : 'were'} left out: too long for this model to answer.`
      : '';
  const reserved = draw.reserved ? ` ${reservedInWords(draw.reserved)}` : '';
  const what = test === undefined || test === of ? '' : ' that ask for something';
  if (asked + tooLong >= of) {
    const all =
      asked === of
        ? of === 1
          ? 'The only test row'
          : `All ${count(of)} test rows`
        : `${count(asked)} of ${plural(of, 'test row')}`;
    return `${all}${what}.${left}${reserved}`;
  }
  const sample = `${count(asked)} of ${plural(of, 'test row')}${what}, drawn at random with seed ${seed}`;
  return `${stopped}${sample}${labels ? `: ${labelsInWords(labels)}` : ''}.${left}${reserved}`;
}

/** The most lines that are named. */
const MAX_LINES = 16;

/** How many rows are reserved, and why. */
export function reservedInWords({ examples, copies }: ReservedExamples): string {
  const lines = examples.flatMap(({ line }) => line ?? []).sort((a, b) => a - b);
  const where =
    lines.length === 0 || lines.length > MAX_LINES
      ? ''
      : ` (${lines.length === 1 ? 'line' : 'lines'} ${lines.map(String).join(', ')})`;
  const them = examples.length === 1 ? 'it' : 'them';
  const same = copies > 0 ? `, nor ${plural(copies, 'row')} with the same prompt` : '';
  return (
    `${plural(examples.length, 'row')}${where} ${examples.length === 1 ? 'is' : 'are'} reserved as ${examples.length === 1 ? 'an example' : 'examples'}, ` +
    `since the data has no others: no method answers ${them}${same}.`
  );
}

/** The rows of a cross-validation, in words. */
export const foldRowsInWords = (rows: number, folds: number): string =>
  `${plural(rows, 'row')} in ${folds} folds: each was answered by the adapter that did not train on it.`;

function labelsInWords({ drawn, of, least: min, most: max }: NonNullable<Draw['labels']>): string {
  if (max - min > 1) return 'labels come up about as often as in the whole test part';
  const often = min === max ? times(max) : max === 2 ? 'once or twice' : `${count(min)} or ${times(max)}`;
  return drawn === of
    ? `each of the ${count(of)} labels ${often}`
    : `${count(drawn)} of the ${count(of)} labels, each ${often}`;
}

const times = (many: number): string => (many === 1 ? 'once' : many === 2 ? 'twice' : `${count(many)} times`);

/** The rows of loss and perplexity, or that these were not measured. */
export function lossRowsInWords(asked: number, loss: LossReport | undefined, draw?: Draw): string {
  if (!loss) return 'Loss and perplexity were not measured: the measurement was stopped before.';
  const { rows } = loss;
  if (rows === undefined) return 'Loss and perplexity are over the whole test part.';
  if (rows === asked) return `Loss and perplexity are on the same ${plural(rows, 'row')}.`;
  return draw?.test === undefined || rows === draw.test
    ? `Loss and perplexity are on all ${plural(rows, 'test row')}.`
    : `Loss and perplexity are on ${count(rows)} of ${plural(draw.test, 'test row')}, drawn at random.`;
}
