/** What a person is told of the data that was opened. Counts are those of the list of rows, so that they agree with what it shows. */
import { histogramOf } from '../data/statistics.ts';
import type { DataSummary, FileSummary, Part, RowGroup, RowPlace, RowState } from './api.ts';
import type { DataSet, Entry } from './data.ts';
import type { OpenFile } from './open-data.ts';
import { firstPrompt } from '../data/questions.ts';

/** Entries of each list that are told; the rest is counted. */
const SHOWN = 100;

export function summarise(data: DataSet, files: readonly (OpenFile | undefined)[]): DataSummary {
  const { entries, places, repeated, leaked, options } = data;
  const main = files[0] as OpenFile;
  const there = files.filter((file) => file !== undefined);
  const count = (part: Part): number => places.filter((place) => place.part === part).length;
  const prompt = firstPrompt(places);
  const placeOf = (at: number): RowPlace => ({ at, file: entries[at].file, line: entries[at].line });
  return {
    files: files.map((file, at) => file && fileOf(file, places.filter((place) => place.file === at).length)),
    format: main.format,
    numbering: main.numbering,
    left: there.flatMap(({ left }) => left),
    rows: { train: count('train'), validation: count('validation'), test: count('test') },
    tokens: places.reduce((sum, { row }) => sum + row.ids.length, 0),
    supervisedTokens: places.reduce((sum, { supervised }) => sum + supervised, 0),
    longest: places.reduce((longest, { row }) => Math.max(longest, row.ids.length), 0),
    problems: files
      .flatMap((file, at) => (file?.problems ?? []).map((problem) => ({ file: at, ...problem })))
      .slice(0, SHOWN),
    problemCount: there.reduce((sum, { problemCount }) => sum + problemCount, 0),
    cut: groupOf(entries, 'cut'),
    dropped: groupOf(entries, 'dropped'),
    unsupervised: groupOf(entries, 'unsupervised'),
    skipped: groupOf(entries, 'skipped'),
    copies: groupOf(entries, 'copy'),
    notes: files.flatMap((file) =>
      (file?.report.notes ?? []).map(({ note, lines }) => ({
        note: file === main ? note : `${file?.name}: ${note}`,
        lines,
      })),
    ),
    listed: entries.length,
    ...(prompt !== undefined && { prompt }),
    lengths: histogramOf(
      entries.flatMap(({ length, state }) =>
        length > 0 && state !== 'skipped' && state !== 'copy' ? [length] : [],
      ),
      options?.maxLength ?? 0,
    ),
    repeated: repeated.size,
    leaks: [...leaked].slice(0, SHOWN).map(([at, of]) => ({
      row: placeOf(at),
      part: entries[at].part ?? 'test',
      of: placeOf(of),
    })),
    leakCount: leaked.size,
  };
}

function fileOf({ name, unused }: OpenFile, rows: number): FileSummary {
  return { name, rows, unused };
}

function groupOf(entries: readonly Entry[], state: RowState): RowGroup {
  const rows: RowPlace[] = [];
  let count = 0;
  let longest = 0;
  entries.forEach((entry, at) => {
    if (entry.state !== state) return;
    count++;
    longest = Math.max(longest, entry.length);
    if (rows.length < SHOWN) rows.push({ at, file: entry.file, line: entry.line });
  });
  return { count, rows, longest };
}
