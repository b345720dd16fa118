/** Makes the open rows with another tokenizer: that of a run or an adapter with new tokens. */
import type { Tokenizer } from '../text/tokenizer.ts';
import { longestSequence, supervisedCount } from '../text/trainable.ts';
import { documentEntry } from './document-entry.ts';
import { fileOrder, rowIdentity } from './divide.ts';
import type { LargeRows } from './large-rows.ts';
import { divided } from './open-rows.ts';
import type { DataOptions } from './options.ts';
import { questionsOfRows } from './questions.ts';
import { RowMaker, type PreparedRow, type PrepareOptions } from './prepare.ts';
import { changedEntries } from './row-changes.ts';
import { entryWith, hasExample, isTextDocument, isUsedEntry, type Entry, type RowSet } from './row-set.ts';

/** Rows between two pauses for other work. */
const ROWS_AT_ONCE = 200;

/** Whether every row that is used can be made again: from its example, or from the text that it is a part of. */
export function canBeTokenizedAgain({ places, files }: RowSet): boolean {
  return places.every((place) => hasExample(place) || files?.[place.file]?.documents !== undefined);
}

/**
 * Makes each row again from its example, with the same limit and in the same part. Texts become other rows, which are divided again, as the command
 * does. Rows of a run from storage stay unchanged.
 *
 * @param pause awaited after every few rows
 */
export async function tokenizeAgain<Rows extends RowSet>(
  data: Rows,
  tokenizer: Tokenizer,
  vocabSize: number,
  pause: () => Promise<void>,
): Promise<Rows> {
  const { options, files } = data;
  if (!options) return data;
  if (files?.some((file) => file?.documents))
    return tokenizeTextsAgain(data, options, files, tokenizer, vocabSize, pause);
  const { maxLength, overlong } = options;
  const entries: Entry[] = [];
  const large = await largeAgain(data.entries, tokenizer, { maxLength, overlong, vocabSize }, pause);
  for (const [at, entry] of data.entries.entries()) {
    if (entry.large) {
      entries.push(entry.large.madeBy(large.get(entry.large.of)!));
      continue;
    }
    if (at % ROWS_AT_ONCE === ROWS_AT_ONCE - 1) await pause();
    const row = anew(entry, (example) => {
      const maker = new RowMaker(tokenizer, { maxLength, overlong, vocabSize });
      maker.add(example);
      return maker.rows;
    });
    entries.push(
      row ? { ...entry, row, length: longestSequence(row), supervised: supervisedCount(row) } : entry,
    );
  }
  return { ...data, entries, places: entries.filter(isUsedEntry) };
}

/** The rows of large files by another tokenizer, by the rows as they are. */
async function largeAgain(
  entries: readonly Entry[],
  tokenizer: Tokenizer,
  options: PrepareOptions,
  pause: () => Promise<void>,
): Promise<ReadonlyMap<LargeRows, LargeRows>> {
  const made = new Map<LargeRows, LargeRows>();
  let rows = 0;
  for (const { large } of entries)
    if (large && !made.has(large.of))
      made.set(
        large.of,
        await large.of.madeAgain(tokenizer, options, () =>
          ++rows % ROWS_AT_ONCE === 0 ? pause() : undefined,
        ),
      );
  return made;
}

async function tokenizeTextsAgain<Rows extends RowSet>(
  data: Rows,
  options: DataOptions,
  files: NonNullable<RowSet['files']>,
  tokenizer: Tokenizer,
  vocabSize: number,
  pause: () => Promise<void>,
): Promise<Rows> {
  const { maxLength, overlong, text } = options;
  const read: Entry[] = [];
  for (const at of fileOrder(files)) {
    const file = files[at]!;
    const maker = new RowMaker(tokenizer, { maxLength, overlong, vocabSize, text });
    for (const document of file.documents ?? []) {
      maker.add(document);
      await pause();
    }
    maker.finish();
    read.push(...maker.rows.map((row) => ({ ...documentEntry(maker, row), file: at })));
    // A text has no other rows; any other file has no documents.
    const own = file.documents ? [] : file.entries.map((entry) => entryWith(entry, { file: at }));
    const others = changedEntries(own, data.changes ?? new Map(), tokenizer, {
      ...{ maxLength, overlong, vocabSize },
    });
    const large = await largeAgain(others, tokenizer, { maxLength, overlong, vocabSize }, pause);
    for (const [index, entry] of others.entries()) {
      if (entry.large) {
        read.push(entry.large.madeBy(large.get(entry.large.of)!));
        continue;
      }
      if (index % ROWS_AT_ONCE === ROWS_AT_ONCE - 1) await pause();
      const alone = new RowMaker(tokenizer, { maxLength, overlong, vocabSize });
      const row = anew(entry, (example) => {
        alone.add(example);
        return alone.rows;
      });
      read.push({
        ...entry,
        ...(row && { row, length: longestSequence(row), supervised: supervisedCount(row) }),
      });
    }
  }
  const rows = divided(read, read.map(rowIdentity), options);
  const test = rows.places.filter(({ part }) => part === 'test');
  return {
    ...data,
    ...rows,
    questions: questionsOfRows(test, tokenizer.chatTemplate ?? false),
  };
}

/** Task and label are copied from the earlier row. */
function anew(
  { row, example }: Entry,
  make: (example: NonNullable<Entry['example']>) => readonly PreparedRow[],
): PreparedRow | undefined {
  if (!row || !example || isTextDocument(example)) return undefined;
  const [made] = make(example);
  if (!made) return undefined;
  const { cutAnswers: _, ...kept } = row;
  const { ids, labels, starts, cutAnswers } = made;
  return { ...kept, ids, labels, ...(starts && { starts }), ...(cutAnswers && { cutAnswers }) };
}
