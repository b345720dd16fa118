/** Whether a kept result has a measurement of a version before the record of an evaluation. */
import { isObject } from '../../json.ts';

/** A comparison, examples in the prompt, a further run, or a table of everything tuned, in its earlier shape. */
export function isEarlier(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { measured, entries } = value;
  if (isObject(measured)) return isEarlier(measured);
  if (Array.isArray(entries)) return entries.some((entry) => isObject(entry) && 'forgetting' in entry);
  return 'evaluations' in value || ('shots' in value && 'rows' in value);
}
