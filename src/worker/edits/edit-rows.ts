/** Changes of the open rows by hand: what each makes of them, as rows of a step. */
import { isWritable, checkContent } from '../../data/raw-content.ts';
import { replaceIn, replacer, type ReplaceFound, around, type Replacement } from '../../data/replace.ts';
import { nextLine, placeKey, type ChangedRow, type DataStep } from '../../data/row-changes.ts';
import { isTextDocument, type Entry, type RowSet } from '../../data/row-set.ts';
import { GraftError } from '../../errors.ts';
import { plural } from '../../numbers.ts';
import type { ExampleContent } from '../../text/trainable.ts';
import type { Example } from '../../data/example.ts';
import type { Part, RowsEdit, WritableRow } from '../api.ts';

/** What an edit does, before it is a step. */
export interface Edited {
  readonly rows: readonly ChangedRow[];
  readonly done: string;
  /** The place of the row that was written or added. */
  readonly shows?: Pick<Entry, 'file' | 'line'>;
}

/** The content of an example, without its place in the file. */
export function editedContent({ line: _, columns: __, notes: ___, ...content }: Example): ExampleContent {
  return content;
}

/** Whether a row has texts that can be edited. */
export const hasContent = ({ example, state }: Entry): boolean =>
  example !== undefined && !isTextDocument(example) && isWritable(example) && state !== 'bad';

function entryAt({ entries }: RowSet, at: number): Entry {
  const entry = entries.at(at);
  if (entry && at >= 0) return entry;
  throw new GraftError('edit-place', `The list has no row ${at}.`, 'Choose a row of the list.');
}

function writableAt(data: RowSet, at: number): Entry & { readonly example: Example } {
  const entry = entryAt(data, at);
  if (entry.example && hasContent(entry)) return entry as Entry & { readonly example: Example };
  throw new GraftError(
    'edit-kind',
    `${nameOf(data, entry)} cannot be edited: it was not read, or is a part of a text, or has ready tokens.`,
    'Change it in its file, and open that again.',
  );
}

/** The texts of a row for a form. */
export function writableRow(data: RowSet, at: number): WritableRow {
  const entry = entryAt(data, at);
  const { file, line, part, example } = entry;
  return {
    ...{ at, file, line },
    ...(part && { part }),
    ...(example && hasContent(entry) && { content: editedContent(example) }),
  };
}

/** `Line 12`, `Row 3 of more.csv`. */
function nameOf({ files }: RowSet, { file, line }: Pick<Entry, 'file' | 'line'>): string {
  const of = file > 0 ? ` of ${files?.[file]?.name}` : '';
  return `${files?.[file]?.numbering === 'row' ? 'Row' : 'Line'} ${line}${of}`;
}

/** What is known of a changed row, without what the change replaces. */
function before({ changes }: RowSet, entry: Pick<Entry, 'file' | 'line'>): ChangedRow {
  return changes?.get(placeKey(entry)) ?? { file: entry.file, line: entry.line };
}

const PARTS: Readonly<Record<Part, string>> = {
  train: 'training',
  validation: 'validation',
  test: 'the test',
};

/**
 * @param steps of the history: an added row gets a number that none of them has
 * @param replaced what a replacement changes ({@link findingToReplace})
 * @throws GraftError `edit-…`
 */
export function editedRows(
  data: RowSet,
  edit: RowsEdit,
  steps: Iterable<DataStep>,
  replaced: FoundToReplace['changed'] = [],
): Edited {
  switch (edit.kind) {
    case 'write': {
      const entry = writableAt(data, edit.at);
      checkContent(edit.content);
      return {
        rows: [{ ...before(data, entry), content: edit.content }],
        done: `${nameOf(data, entry)} is edited.`,
        shows: entry,
      };
    }
    case 'restore': {
      const { file, line } = entryAt(data, edit.at);
      return {
        rows: [{ file, line }],
        done: `${nameOf(data, { file, line })} is as in its file again.`,
        shows: { file, line },
      };
    }
    case 'move': {
      const entries = edit.rows.map((at) => writableAt(data, at));
      return {
        rows: entries.map((entry) => ({ ...before(data, entry), part: edit.part })),
        done: `${subject(data, entries)} now for ${PARTS[edit.part]}.`,
        ...(entries.length === 1 && { shows: entries[0] }),
      };
    }
    case 'delete': {
      const entries = edit.rows.map((at) => writableAt(data, at));
      return {
        rows: entries.map((entry) => ({ ...before(data, entry), deleted: true as const })),
        done: `${subject(data, entries)} deleted.`,
      };
    }
    case 'add':
      return added(data, edit, steps);
    case 'replace':
      return replacedIn(data, edit.replacement, replaced);
  }
}

/** `Line 12 is`, `3 rows are`. */
const subject = (data: RowSet, entries: readonly Entry[]): string =>
  entries.length === 1 ? `${nameOf(data, entries[0])} is` : `${entries.length} rows are`;

function added(
  data: RowSet,
  { after, content, part, columns: given }: Extract<RowsEdit, { kind: 'add' }>,
  steps: Iterable<DataStep>,
): Edited {
  const entry = writableAt(data, after);
  const file = data.files?.[entry.file];
  if (!file) throw new Error('A row of a file that is not open');
  if (content) checkContent(content);
  const columns = given ?? entry.example.columns;
  const line = nextLine(file, steps, entry.file);
  const row: ChangedRow = {
    ...{ file: entry.file, line, after: entry.line },
    content: content ?? editedContent(entry.example),
    ...(columns && { columns }),
    part: part ?? entry.part ?? 'train',
  };
  const name = nameOf(data, entry);
  return {
    rows: [row],
    done: content ? `A row is added after ${name.toLowerCase()}.` : `${name} is duplicated.`,
    shows: row,
  };
}

const MAX_EXAMPLES = 8;

/** What a replacement changes, with the rows as they are after it. */
export interface FoundToReplace extends ReplaceFound {
  readonly changed: readonly { readonly at: number; readonly content: ExampleContent }[];
}

/** Rows between two pauses. */
const ROWS_BETWEEN = 64;

/** What a replacement would change. Yields the share that is done. @param among places of rows @throws GraftError `replace-pattern` */
export function* findingToReplace(
  data: RowSet,
  replacement: Replacement,
  among: readonly number[],
): Generator<number, FoundToReplace> {
  const replacing = replacer(replacement);
  const changed: { at: number; content: ExampleContent }[] = [];
  const examples: ReplaceFound['examples'][number][] = [];
  let places = 0;
  let refused = 0;
  for (const [place, at] of among.entries()) {
    if (place % ROWS_BETWEEN === 0) yield place / among.length;
    const entry = data.entries[at];
    const { example, file, line } = entry;
    const result =
      example && hasContent(entry)
        ? replaceIn(editedContent(example), replacing, replacement.where)
        : undefined;
    if (!result) continue;
    if (!isKept(result.content)) {
      refused++;
      continue;
    }
    places += result.places;
    changed.push({ at, content: result.content });
    if (examples.length === MAX_EXAMPLES) continue;
    const [was, now] = around(...result.first);
    examples.push({ at, file, line, before: was, after: now });
  }
  return { rows: changed.length, places, refused, examples, changed };
}

function isKept(content: ExampleContent): boolean {
  try {
    checkContent(content);
    return true;
  } catch (error) {
    if (error instanceof GraftError && error.code === 'edit-row') return false;
    throw error;
  }
}

function replacedIn(data: RowSet, replacement: Replacement, changed: FoundToReplace['changed']): Edited {
  if (changed.length === 0)
    throw new GraftError(
      'edit-nothing',
      `“${replacement.find}” is in none of these rows.`,
      'Search for another text, or in more rows.',
    );
  return {
    rows: changed.map(({ at, content }) => ({ ...before(data, data.entries[at]), content })),
    done: `“${replacement.find}” is replaced with “${replacement.replace}” in ${plural(changed.length, 'row')}.`,
  };
}
