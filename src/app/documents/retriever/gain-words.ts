/** What a measurement says of a tuned encoder, in sentences. */
import type { AdapterInfo, RetrieverMeasure } from '../../../worker/api.ts';
import { fixed, plural } from '../../../numbers.ts';

/** Below this many questions an interval is so wide that only large differences show. */
const FEW = 30;

const signed = (value: number): string =>
  value < 0 ? `−${fixed(-value, 3)}` : value > 0 ? `+${fixed(value, 3)}` : fixed(0, 3);

/** @param questions that it was measured on */
export function gainWords(
  { name, runId }: Pick<AdapterInfo, 'name' | 'runId'>,
  { value, interval, better, worse }: NonNullable<RetrieverMeasure['gain']>,
  questions: number,
): string {
  const moved = [
    ...(better > 0 ? [`${better} found higher`] : []),
    ...(worse > 0 ? [`${worse} lower`] : []),
    ...(better + worse < questions ? [`${questions - better - worse} unmoved`] : []),
  ].join(', ');
  const range = interval ? ` (95% interval ${signed(interval[0])} to ${signed(interval[1])})` : '';
  const verdict = !interval
    ? better + worse === 0
      ? 'No gain.'
      : 'The questions are too few for an interval.'
    : interval[0] > 0
      ? 'It finds more.'
      : interval[1] < 0
        ? 'It finds less.'
        : 'That may be chance.';
  const few = questions < FEW ? ` Only ${plural(questions, 'question')}: too few to rely on.` : '';
  const seen =
    runId === undefined
      ? ' It was made elsewhere: whether it has seen these questions is not known here.'
      : '';
  return `${name}: MRR@10 ${signed(value)}${range} against the encoder as it is; ${moved}. ${verdict}${few}${seen}`;
}
