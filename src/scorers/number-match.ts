/**
 * 1 if the completion's number is the wanted one. It is found as in lm-evaluation-harness' gsm8k: strictly, the first number right after a marker
 * (`#### (\-?[0-9\.\,]+)`), or flexibly, the last one anywhere (`(-?[$0-9.,]{2,})|(-?[0-9]+)`). Both are shown, since a model that gains only
 * strictly has learned the form and not the sums. Numbers are compared by value; the harness compares their text.
 */
import { referenceAnswer, type AttemptScorer, type ScorerSetting, type Need } from './scorer.ts';

const STRICT = /-?[0-9.,]+/y;
const FLEXIBLE = /-?[$0-9.,]{2,}|-?[0-9]+/g;

/** @returns the text of the first number right after a marker */
export function strictNumber(text: string, marker: string): string | undefined {
  for (let at = text.indexOf(marker); at >= 0; at = text.indexOf(marker, at + 1)) {
    STRICT.lastIndex = at + marker.length;
    const found = STRICT.exec(text);
    if (found) return found[0];
  }
  return undefined;
}

/** @returns the text of the last number */
export function flexibleNumber(text: string): string | undefined {
  let last: string | undefined;
  for (const [found] of text.matchAll(FLEXIBLE)) last = found;
  return last;
}

/** A number in its normal form, so that 007.50 is 7.5 at any length; undefined if the text is not a number. */
export function canonical(text: string | undefined): string | undefined {
  const [, sign, whole, fraction = ''] =
    /^(-?)(\d*)(?:\.(\d*))?$/.exec(text?.replaceAll(/[$,]/g, '').replace(/\.$/, '') ?? '') ?? [];
  if (whole === undefined || whole + fraction === '') return undefined;
  let [start, end] = [0, fraction.length];
  while (start < whole.length && whole[start] === '0') start++;
  while (end > 0 && fraction[end - 1] === '0') end--;
  const value = `${whole.slice(start) || '0'}${end > 0 ? `.${fraction.slice(0, end)}` : ''}`;
  return value === '0' ? value : sign + value;
}

const SETTINGS = [
  {
    name: 'extraction',
    part: 'run',
    type: 'choice',
    choices: ['strict', 'flexible'],
    label: 'Which number counts',
    labels: { strict: 'the one after the marker', flexible: 'the last one' },
    help: 'strict: the first number right after the marker; flexible: the last number anywhere. Both are shown.',
    default: 'strict',
  },
  {
    name: 'marker',
    part: 'run',
    type: 'text',
    longest: 80,
    label: 'Marker',
    help: 'What stands right before the number, such as <answer>.',
    default: '#### ',
  },
] as const satisfies readonly ScorerSetting[];

export const numberMatch = {
  of: 'attempts',
  name: 'number-match',
  label: 'Number match',
  heading: 'number match',
  help: '1 if the number of the completion is that of the reference by value. number-strict and number-flexible compare the texts of numbers.',
  entry: {
    title: 'Number match (by value)',
    what: 'The number of the answer is that of the reference by value, so 7.50 is 7.5. A setting decides which number counts: the first one after a marker, or the last one.',
    more: 'Both ways of finding it are shown: if only the strict one rises, the model has learned the form and not the sums.',
    source:
      'Gao et al., lm-evaluation-harness, 2021, task gsm8k; Cobbe et al., GSM8K, 2021, arXiv:2110.14168',
    also: 'gsm8k number match marker extraction reward',
  },
  better: 'higher',
  format: (value: number) => value.toFixed(2),
  settings: SETTINGS,
  range: [0, 1],
  needs: (): readonly Need[] => ['reference'],
  marks: ({ extraction, marker }) => (extraction === 'strict' ? [String(marker).trim()] : []),
  instead: 'let the last number count, whatever stands before it (extraction: flexible)',
  shown: ['strict', 'flexible'],
  problem: ({ marker }) => (marker === '' ? 'its marker is empty' : undefined),
  open: ({ extraction, marker }) => ({
    score(attempt) {
      const answer = referenceAnswer(attempt);
      const wanted = canonical(strictNumber(answer, String(marker)) ?? flexibleNumber(answer));
      if (wanted === undefined) throw new Error('the reference has no number');
      const strict = canonical(strictNumber(attempt.completion, String(marker))) === wanted ? 1 : 0;
      const flexible = canonical(flexibleNumber(attempt.completion)) === wanted ? 1 : 0;
      return { score: extraction === 'strict' ? strict : flexible, shown: [strict, flexible] };
    },
  }),
} as const satisfies AttemptScorer;
