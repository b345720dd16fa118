/** The methods of a record whose answers can be compared. */
import type { Evaluation } from '../../worker/api.ts';

/** Those that have answered a row, each with its place and its name. */
export const answeredSubjects = ({ subjects, evidence }: Evaluation): { at: number; label: string }[] =>
  subjects.flatMap(({ label, failed }, at) =>
    failed === undefined && evidence.some((row) => row[at] !== null) ? [{ at, label }] : [],
  );
