/** Results that an earlier version kept, as records of an evaluation. */
import * as v from 'valibot';
import type { StoredResult } from '../../../storage/records.ts';
import { ResultFile } from './result.ts';

/** @returns undefined for what is no such result: it then counts as not measured */
export function fromEarlier(kind: StoredResult['kind'], value: unknown): unknown {
  const read = v.safeParse(ResultFile, { kind, changed: 0, value });
  return read.success ? read.output.value : undefined;
}
