/** Changes of rows as a file: what the page saves and `--row-changes` reads. */
import * as v from 'valibot';
import { GraftError } from '../errors.ts';
import { parseJson } from '../json.ts';
import type { ExampleContent } from '../text/trainable.ts';
import { checkContent } from './raw-content.ts';
import { changesAfter, placeKey, type ChangedRow, type RowChanges } from './row-changes.ts';
import type { Entry } from './row-set.ts';

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

/** Checked as a row that a person writes. */
const Content = v.custom<ExampleContent>((value) => {
  try {
    checkContent(value as ExampleContent);
    return true;
  } catch {
    return false; // whatever it is, it is no example
  }
}, 'an example');

export const ChangedRowSchema = v.object({
  file: count,
  line: count,
  content: v.optional(Content),
  columns: v.optional(v.record(v.string(), v.unknown())),
  part: v.optional(v.picklist(['train', 'validation', 'test'])),
  deleted: v.optional(v.literal(true)),
  after: v.optional(count),
});

const FORMAT = 'graft-row-changes';
const ChangesFile = v.object({ format: v.literal(FORMAT), rows: v.array(ChangedRowSchema) });

/** @returns the file's text */
export function writeRowChanges(changes: RowChanges): string {
  return `${JSON.stringify({ format: FORMAT, rows: [...changes.values()] }, undefined, 1)}\n`;
}

/**
 * @param name for messages
 * @throws GraftError `row-changes`, `json-…`
 */
export function readRowChanges(text: string, name: string): RowChanges {
  const read = v.safeParse(ChangesFile, parseJson(text, name));
  if (!read.success) {
    const [issue] = read.issues;
    throw new GraftError(
      'row-changes',
      `${name} does not hold changes of rows: ${v.getDotPath(issue) ?? 'the file'}: ${issue.message}.`,
      'Save the changes again on the Data page.',
    );
  }
  return changesAfter(new Map(), [{ rows: read.output.rows as readonly ChangedRow[] }]);
}

/** @param entries of all files, with their places @throws GraftError `row-changes` for a change of a row that is not there */
export function checkRowChanges(changes: RowChanges, entries: readonly Entry[], name: string): void {
  const known = new Set(entries.map(placeKey));
  for (const row of changes.values()) {
    if (row.after !== undefined || known.has(placeKey(row))) continue;
    throw new GraftError(
      'row-changes',
      `${name} changes line ${row.line} of file ${row.file + 1}, and no row starts there.`,
      'Give the files that the changes were made in, in their order.',
    );
  }
}
