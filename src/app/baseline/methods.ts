/** Whether the base model with examples can stand beside other methods: it must have been measured on the same rows. */
import type { Evaluation, FewShotReport, Sample } from '../../worker/api.ts';
import { comparable } from '../state/origin.ts';
import { count, plural } from '../ui/format.ts';

/** The report, if it can stand in one table with `base`; without its loss where the loss is of other rows. */
export function onSameRows(base: Evaluation, few: FewShotReport | undefined): FewShotReport | undefined {
  if (!few || whyNoExamples(base, few) !== undefined) return undefined;
  if (few.loss?.rows === base.base?.rows) return few;
  const { loss: _, ...answers } = few;
  return answers;
}

/** What `base` was measured on: examples are measured on the same. */
export const sampleOf = ({ rows, base, draw }: Evaluation): Sample => ({
  rows: rows.length,
  lossOf: base?.rows !== undefined && base.rows === draw?.test ? 'all' : 'asked',
});

/** Why the base model with examples is not among the methods; undefined where it is. */
export function whyNoExamples(base: Evaluation, few: FewShotReport | undefined): string | undefined {
  if (!few) return 'The base model with examples in its prompt was not measured.';
  const name = `The base model with ${plural(few.shots.length, 'example')} in its prompt`;
  if (!comparable(few.origin, base.origin))
    return `${name} is not in the table: it was measured with another model, or on other data.`;
  if (few.rows.length !== base.rows.length)
    return `${name} is not in the table: it was measured on ${plural(few.rows.length, 'row')}, the others on ${count(base.rows.length)}.`;
  const same = base.rows.every(
    ({ prompt, expected }, at) => few.rows[at].prompt === prompt && few.rows[at].expected === expected,
  );
  return same ? undefined : `${name} is not in the table: it was measured on other rows of the test part.`;
}
